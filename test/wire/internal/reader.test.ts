import { assert, describe, it } from "@effect/vitest"
import { Packr } from "msgpackr"
import { deepStrictEqual } from "node:assert"
import { Loan, Memory } from "../../../src/wire/internal/memory.ts"
import { Malformed, Reader } from "../../../src/wire/internal/reader.ts"
import { maxDepth } from "../../../src/wire/internal/unencodable.ts"
import { random, readAll, readerOf, written } from "../../support/wireValues.ts"

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex")
const malformed = (bytes: Uint8Array, message?: RegExp) => {
  try {
    readerOf(bytes).any()
  } catch (error) {
    assert.instanceOf(error, Malformed)
    if (message !== undefined) assert.match(error.message, message)
    return
  }
  assert.fail(`read: ${Buffer.from(bytes.subarray(0, 40)).toString("hex")}`)
}

describe("Reader", () => {
  it("reads every form in which msgpack may write a value", () => {
    const forms: ReadonlyArray<readonly [bytes: string, value: unknown]> = [
      ["00", 0],
      ["7f", 127],
      ["ff", -1],
      ["e0", -32],
      ["cc ff", 255],
      ["cd ffff", 65_535],
      ["ce ffffffff", 4_294_967_295],
      ["cf ffffffffffffffff", 18_446_744_073_709_551_615n],
      ["d0 80", -128],
      ["d1 8000", -32_768],
      ["d2 80000000", -2_147_483_648],
      ["d3 8000000000000000", -9_223_372_036_854_775_808n],
      ["ca 3fc00000", 1.5],
      ["cb 3ff8000000000000", 1.5],
      ["c0", null],
      ["c2", false],
      ["c3", true],
      ["d40000", undefined],
      ["a161", "a"],
      ["d9 01 61", "a"],
      ["da 0001 61", "a"],
      ["db 00000001 61", "a"],
      ["c4 01 07", Uint8Array.of(7)],
      ["c5 0001 07", Uint8Array.of(7)],
      ["c6 00000001 07", Uint8Array.of(7)],
      ["91 01", [1]],
      ["dc 0001 01", [1]],
      ["dd 00000001 01", [1]],
      ["81 a161 01", { a: 1 }],
      ["de 0001 a161 01", { a: 1 }],
      ["df 00000001 a161 01", { a: 1 }],
      ["de 0001 d90161 01", { a: 1 }],
      ["d6 ff 00000001", new Date(1000)],
      ["d7 ff 0000000000000001", new Date(1000)],
      ["c7 0c ff 00000000 ffffffffffffffff", new Date(-1000)],
      ["d4 42 80", -128n],
      ["c7 03 42 010000", 65_536n],
      ["c8 0003 42 010000", 65_536n],
      ["c9 00000003 42 010000", 65_536n]
    ]
    for (const [bytes, value] of forms) {
      deepStrictEqual(readAll(hex(bytes)), value)
      // and one byte less is not enough
      malformed(hex(bytes).subarray(0, -1), /end within a value/)
    }
  })

  it("reads one expected type, or refuses another", () => {
    const reader = (bytes: string) => readerOf(hex(bytes))
    assert.strictEqual(reader("cd0100").number(), 256)
    assert.strictEqual(reader("a161").string(), "a")
    assert.strictEqual(reader("c3").boolean(), true)
    assert.strictEqual(reader("c0").nil(), null)
    deepStrictEqual(reader("c40107").bytes(), Uint8Array.of(7))
    assert.strictEqual(reader("92c0c0").arrayHeader(), 2)
    assert.strictEqual(reader("81a16101").mapHeader(), 1)
    for (const method of ["number", "string", "boolean", "nil", "bytes", "arrayHeader", "mapHeader"] as const) {
      assert.throws(() => reader("d40000")[method](), Malformed)
      assert.throws(() => reader("")[method](), Malformed)
    }
  })

  it("copies bytes, or gives views of those that it owns", () => {
    const bytes = written((writer) => writer.bytes(Uint8Array.of(1, 2, 3)))
    const copying = readerOf(bytes)
    const copy = copying.bytes()
    copying.buffer.fill(9)
    deepStrictEqual(copy, Uint8Array.of(1, 2, 3))

    const owning = readerOf(bytes, true)
    const view = owning.bytes()
    assert.strictEqual(view.buffer, owning.buffer.buffer)
    owning.buffer.fill(9)
    deepStrictEqual(view, Uint8Array.of(9, 9, 9))
  })

  it("reads at any offset of a buffer that is itself a part of another", () => {
    const whole = Buffer.concat([Buffer.alloc(5, 0xff), written((writer) => writer.any([1, "text", Uint8Array.of(4)]))])
    const part = whole.subarray(5)
    const reader = new Reader()
    for (const loan of [undefined, new Loan(new Memory(), part.buffer)]) {
      reader.reset(part, new DataView(part.buffer, part.byteOffset, part.length), 0, part.length, loan)
      deepStrictEqual(reader.any(), [1, "text", Uint8Array.of(4)])
    }
    reader.clear()
    assert.strictEqual(reader.remaining, 0)
    assert.throws(() => reader.any(), Malformed)
  })

  it("says what is left", () => {
    const reader = readerOf(hex("0102"))
    reader.any()
    assert.strictEqual(reader.remaining, 1)
    assert.throws(() => reader.expectEnd(), Malformed)
    reader.any()
    reader.expectEnd()
  })

  it("refuses lengths that the bytes cannot hold, before allocating for them", () => {
    for (
      const lengths of [
        "d9ff",
        "daffff",
        "dbffffffff",
        "c4ff",
        "c5ffff",
        "c6ffffffff",
        "c7ff42",
        "c8ffff42",
        "c9ffffffff42"
      ]
    ) {
      malformed(hex(`${lengths}00`), /end within a value/)
    }
    for (const containers of ["dcffff", "ddffffffff", "deffff", "dfffffffff", "9f", "8f"]) {
      malformed(hex(`${containers}00`), /elements in/)
    }
  })

  it("lets containers claim no more elements in all than there are bytes", () => {
    // each array claims as many elements as bytes follow, and its first one is the next such array
    const size = 60_000
    const levels = 500
    const bytes = Buffer.alloc(size, 0xc0)
    for (let i = 0; i < levels; i++) {
      bytes[i * 3] = 0xdc
      bytes.writeUInt16BE(size - i * 3 - 3, i * 3 + 1)
    }
    malformed(bytes, /elements in/)
  })

  it("reads huge arrays", () => {
    const array = Array.from({ length: 300_000 }, (_, i) => i & 63)
    deepStrictEqual(readAll(written((writer) => writer.any(array))), array)
  })

  it("refuses nesting without end", () => {
    for (const level of ["91", "dc0001", "dd00000001", "81a0", "de0001a0", "81a16191"]) {
      for (const levels of [maxDepth + 1, 100_000]) {
        malformed(Buffer.concat([Buffer.from(level.repeat(levels), "hex"), hex("c0")]), /levels of nesting/)
      }
    }
  })

  it("refuses extensions it does not know, and those of msgpackr", () => {
    const more = new Packr({ moreTypes: true, useRecords: false })
    for (const value of [/(a+)+$/, new Set([1]), new Error("boom"), new Float64Array(2)]) {
      malformed(more.pack(value), /extension/)
    }
    malformed(new Packr({ useRecords: true }).pack({ a: 1 }), /extension/)
    malformed(
      new Packr({ structuredClone: true, useRecords: false }).pack((() => {
        const cycle: Array<unknown> = []
        cycle.push(cycle)
        return cycle
      })()),
      /extension/
    )
    malformed(hex("c1"), /begins with the byte/)
    malformed(hex("d5 0000 00"), /extension 0 of 2/)
    malformed(hex("c7 00 42"), /extension 66 of 0/)
    malformed(hex("c7 05 ff 0000000000"), /extension -1 of 5/)
  })

  it("refuses keys that are no strings", () => {
    for (const key of ["01", "c0", "91a0", "c40161", "d40000", "80"]) malformed(hex(`81${key}00`), /key/)
  })

  it("makes own properties of all keys", () => {
    const read = readAll(written((writer) => {
      writer.mapHeader(2)
      writer.string("__proto__")
      writer.mapHeader(1)
      writer.string("polluted")
      writer.boolean(true)
      writer.string("constructor")
      writer.nil()
    })) as Record<string, unknown>
    assert.strictEqual(Object.getPrototypeOf(read), Object.prototype)
    assert.isUndefined(read.polluted)
    assert.isUndefined(({} as Record<string, unknown>).polluted)
    deepStrictEqual(Object.entries(read), [["__proto__", { polluted: true }], ["constructor", null]])
  })

  it("takes the last of equal keys", () => {
    deepStrictEqual(readAll(hex("82a16101a16102")), { a: 2 })
  })

  it("does not mistake a key for another that was read before", () => {
    // both have the same first and last byte and the same length, so they share a place among the known keys
    for (const [first, second] of [["abcd", "axyd"], ["\u00e9", "\ufffd"]] as const) {
      for (let i = 0; i < 3; i++) {
        for (const key of [first, second]) {
          deepStrictEqual(readAll(written((writer) => writer.any({ [key]: i }))), { [key]: i })
        }
      }
    }
    // one byte that is no UTF-8, where a key of the same character code was known
    deepStrictEqual(readAll(hex("81a1e901")), { "\ufffd": 1 })
    deepStrictEqual(readAll(hex("81a001")), { "": 1 })
    malformed(hex("81a3"), /end within/)
  })

  it("shows bytes that are no UTF-8 as U+FFFD", () => {
    assert.strictEqual(readAll(hex("a2ff61")), "\ufffda")
    assert.strictEqual(readAll(Buffer.concat([hex("d920"), Buffer.alloc(32, 0xff)])), "\ufffd".repeat(32))
  })

  it("gives a value or Malformed for 5000 random messages", () => {
    const next = random(1)
    for (let i = 0; i < 5000; i++) {
      const bytes = Uint8Array.from({ length: next(64) }, () => next(3) === 0 ? next(256) : 0x80 + next(0x60))
      try {
        readerOf(bytes).any()
      } catch (error) {
        assert.instanceOf(error, Malformed)
      }
    }
  })
})
