import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { unpack } from "msgpackr"
import { deepStrictEqual } from "node:assert"
import { maxDepth, Unencodable } from "../../../src/wire/internal/unencodable.ts"
import { segmentSize, Writer } from "../../../src/wire/internal/writer.ts"
import { readAll, wireValue, written } from "../../support/wireValues.ts"

const headerSize = 12

/** a finished record whose header holds its size, as a session writes them */
const record = (writer: Writer, value: unknown): number => {
  writer.begin(headerSize)
  writer.any(value)
  const size = writer.recordSize()
  writer.patchUint32(0, size)
  writer.patchUint8(4, 0xab)
  writer.patchUint16(6, 0xbeef)
  writer.patchUint32(8, 0xcafe_f00d)
  writer.finish()
  return size
}

/** the values of all records in `chunks` */
const values = (chunks: ReadonlyArray<Uint8Array>): Array<unknown> => {
  const bytes = Buffer.concat(chunks)
  const found: Array<unknown> = []
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32LE(at)
    assert.strictEqual(bytes.readUInt8(at + 4), 0xab)
    assert.strictEqual(bytes.readUInt16LE(at + 6), 0xbeef)
    assert.strictEqual(bytes.readUInt32LE(at + 8), 0xcafe_f00d)
    found.push(readAll(bytes.subarray(at + headerSize, at + size)))
    at += size
  }
  return found
}

/** something that takes about `size` bytes, in one of the ways in which bytes get into the output */
const filling = (kind: number, size: number): unknown =>
  kind === 0
    ? new Uint8Array(size).fill(size)
    : kind === 1
    ? "x".repeat(size)
    : kind === 2
    ? Array.from({ length: Math.ceil(size / 3) }, (_, i) => 128 + i % 60_000)
    : { text: "é".repeat(size >> 1), bytes: new Uint8Array(size >> 1) }

const refused = (value: unknown): Unencodable => {
  try {
    written((writer) => writer.any(value))
  } catch (error) {
    if (error instanceof Unencodable) return error
    throw error
  }
  throw new Error("written")
}

describe("Writer", () => {
  it("writes every number so that it is read as the same one", () => {
    const check = (value: number) => deepStrictEqual(readAll(written((writer) => writer.number(value))), value)
    fc.assert(fc.property(fc.double(), check))
    fc.assert(fc.property(fc.integer(), check))
    fc.assert(fc.property(fc.maxSafeInteger(), check))
    for (let bit = 0; bit < 54; bit++) {
      for (const around of [-1, 0, 1]) {
        check(2 ** bit + around)
        check(-(2 ** bit) + around)
      }
    }
    for (const value of [0, -0, Number.NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE]) check(value)
  })

  it("writes bigints of any size", () => {
    const check = (value: bigint) => deepStrictEqual(readAll(written((writer) => writer.bigint(value))), value)
    fc.assert(fc.property(fc.bigInt(), check))
    for (let bit = 0n; bit < 300n; bit++) {
      for (const value of [2n ** bit - 1n, 2n ** bit, 2n ** bit + 1n]) {
        check(value)
        check(-value)
        const bytes = written((writer) => writer.bigint(-value))
        assert.strictEqual(unpack(bytes), -value)
      }
    }
    check(2n ** 400_000n + 1n)
  })

  it("writes dates to the millisecond", () => {
    const check = (date: Date) => {
      const bytes = written((writer) => writer.date(date))
      deepStrictEqual(readAll(bytes), date)
      deepStrictEqual(unpack(bytes), date)
    }
    fc.assert(fc.property(fc.date({ noInvalidDate: true }), check))
    for (
      const time of [0, 1, -1, 999, -999, 1000, 2 ** 32 * 1000, 2 ** 34 * 1000 - 1, 2 ** 34 * 1000, 8.64e15, -8.64e15]
    ) {
      check(new Date(time))
    }
    const invalid = readAll(written((writer) => writer.date(new Date(Number.NaN))))
    assert.strictEqual(String(invalid), "Invalid Date")
  })

  it("writes strings of any length, and U+FFFD for half of a surrogate pair", () => {
    for (const unit of ["x", "é", "€", "😀"]) {
      for (
        const length of [0, 1, 9, 10, 19, 20, 21, 31, 32, 85, 86, 255, 256, 5461, 5462, 16_384, 21_846, 65_535, 65_536]
      ) {
        const text = unit.repeat(length)
        const bytes = written((writer) => writer.string(text))
        assert.strictEqual(readAll(bytes), text)
        assert.strictEqual(unpack(bytes), text)
      }
    }
    assert.strictEqual(readAll(written((writer) => writer.string("a\ud83d"))), "a\ufffd")
    assert.strictEqual(
      readAll(written((writer) => writer.string(`${"a".repeat(100)}\udc00b`))),
      `${"a".repeat(100)}\ufffdb`
    )
    assert.strictEqual(
      readAll(written((writer) => writer.string(`${"a".repeat(9000)}\ud83d`))),
      `${"a".repeat(9000)}\ufffd`
    )
  })

  it("writes headers and values of all kinds", () => {
    const bytes = written((writer) => {
      writer.arrayHeader(5)
      writer.nil()
      writer.undefined()
      writer.boolean(true)
      writer.mapHeader(1)
      writer.string("key")
      writer.bytes(Uint8Array.of(1, 2))
      writer.boolean(false)
    })
    deepStrictEqual(readAll(bytes), [null, undefined, true, { key: Uint8Array.of(1, 2) }, false])
    for (const length of [0, 15, 16, 65_535, 65_536]) {
      const array = Array.from({ length }, () => 1)
      deepStrictEqual(readAll(written((writer) => writer.any(array))), array)
      const object = Object.fromEntries(array.map((one, i) => [`k${i}`, one]))
      deepStrictEqual(readAll(written((writer) => writer.any(object))), object)
    }
  })

  it("keeps records whole at every border of its buffer", () => {
    for (let kind = 0; kind < 4; kind++) {
      for (const border of [segmentSize, 64 << 10]) {
        for (const before of [0, 100, border - 40]) {
          for (let size = border - 30; size <= border + 2; size++) {
            const writer = new Writer()
            const expected = [filling(1, before), filling(kind, size), "behind"]
            const sizes = expected.map((value) => record(writer, value))
            assert.strictEqual(writer.unflushed, sizes.reduce((sum, size) => sum + size))
            const chunks = writer.take()
            assert.strictEqual(writer.unflushed, 0)
            deepStrictEqual(values(chunks), expected)
          }
        }
      }
    }
  })

  it("writes the same bytes whatever its buffer's size", () => {
    fc.assert(
      fc.property(fc.array(wireValue, { maxLength: 6 }), fc.integer({ min: 16, max: 400 }), (list, size) => {
        const small = new Writer(size)
        const large = new Writer(1 << 20)
        for (const value of list) {
          record(small, value)
          record(large, value)
        }
        deepStrictEqual(Buffer.concat(small.take()), Buffer.concat(large.take()))
      })
    )
  })

  it("sends large bytes by reference and copies small ones", () => {
    const writer = new Writer()
    const large = new Uint8Array(segmentSize).fill(1)
    const small = new Uint8Array(segmentSize - 1).fill(2)
    record(writer, [small, large])
    const chunks = writer.take()
    assert.include(chunks, large)
    assert.isTrue(chunks.every((chunk) => chunk === large || chunk.buffer !== small.buffer))
    deepStrictEqual(values(chunks), [[small, large]])
  })

  it("leaves no trace of a record that is rolled back", () => {
    const writer = new Writer()
    const expected: Array<unknown> = []
    for (let i = 0; i < 60; i++) {
      const value = filling(i % 4, (i * 7919) % 70_000)
      record(writer, value)
      expected.push(value)
      const unflushed = writer.unflushed
      writer.begin(headerSize)
      writer.any(filling((i + 1) % 4, (i * 104_729) % 200_000))
      assert.strictEqual(writer.unflushed, unflushed)
      writer.rollback()
      assert.strictEqual(writer.unflushed, unflushed)
    }
    deepStrictEqual(values(writer.take()), expected)
  })

  it("rolls back a value that fails halfway", () => {
    const writer = new Writer()
    record(writer, "before")
    writer.begin(headerSize)
    assert.throws(() => writer.any([new Uint8Array(40_000), "x".repeat(40_000), () => {}]), Unencodable)
    writer.rollback()
    record(writer, "behind")
    deepStrictEqual(values(writer.take()), ["before", "behind"])
  })

  it("detaches a record's payload, which stays as it is", () => {
    for (const size of [0, 1, 100, segmentSize, 70_000, 300_000]) {
      for (let kind = 0; kind < 4; kind++) {
        const writer = new Writer()
        record(writer, "before")
        writer.begin(headerSize)
        writer.any(filling(kind, size))
        const length = writer.recordSize() - headerSize
        const payload = writer.detach()
        assert.strictEqual(Buffer.concat(payload).length, length)
        assert.isTrue(payload.every((chunk) => chunk.length > 0))
        record(writer, "behind")
        deepStrictEqual(values(writer.take()), ["before", "behind"])
        writer.reuse()
        for (let i = 0; i < 20; i++) record(writer, "z".repeat(5000))
        deepStrictEqual(readAll(Buffer.concat(payload)), filling(kind, size))
      }
    }
  })

  it("detaches an empty payload as nothing", () => {
    const writer = new Writer()
    writer.begin(headerSize)
    deepStrictEqual(writer.detach(), [])
    assert.strictEqual(writer.unflushed, 0)
  })

  it("goes on behind what was taken until it may be reused", () => {
    const writer = new Writer()
    const taken: Array<Uint8Array> = []
    const expected: Array<unknown> = []
    for (let i = 0; i < 500; i++) {
      record(writer, i)
      expected.push(i)
      taken.push(...writer.take())
    }
    deepStrictEqual(values(taken), expected)

    const { buffer } = writer
    writer.reuse()
    record(writer, "again")
    const [chunk] = writer.take()
    assert.strictEqual(writer.buffer, buffer)
    assert.strictEqual(chunk!.byteOffset, 0)
  })

  it("does not reuse what was not taken", () => {
    const writer = new Writer()
    record(writer, "kept")
    writer.reuse()
    record(writer, "too")
    deepStrictEqual(values(writer.take()), ["kept", "too"])
  })

  it("does not keep a buffer that was made for one large record", () => {
    const writer = new Writer(1024)
    record(writer, "x".repeat(5000))
    writer.take()
    writer.reuse()
    assert.strictEqual(writer.buffer.length, 1024)
  })

  it("takes nothing from an open record, and opens one at a time", () => {
    const writer = new Writer()
    writer.begin(headerSize)
    assert.throws(() => writer.take())
    assert.throws(() => writer.begin(headerSize))
  })

  it("refuses what the wire cannot hold, and says where it is", () => {
    class Point {
      readonly x = 1
    }
    assert.match(refused(() => {}).message, /a function cannot be sent/)
    assert.match(refused(Symbol("here")).message, /Symbol\(here\) cannot be sent/)
    assert.match(refused(new Map()).message, /an instance of Map/)
    assert.match(refused(new Float64Array(2)).message, /an instance of Float64Array/)
    assert.match(refused(new Point()).message, /an instance of Point/)
    assert.match(refused({ [Symbol("key")]: 1 }).message, /symbols as keys/)
    assert.match(refused(Object.create({ inherited: 1 })).message, /cannot be sent/)
  })

  it("ends for a value that contains itself", () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = [cycle]
    assert.match(refused(cycle).message, /nesting, or a cycle/)
  })

  it("holds as many levels as a reader reads", () => {
    const nested = (levels: number): unknown => {
      let value: unknown = 1
      for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { value }
      return value
    }
    deepStrictEqual(readAll(written((writer) => writer.any(nested(maxDepth)))), nested(maxDepth))
    refused(nested(maxDepth + 1))
  })
})
