/**
 * CPython's frames, cut out of bytes that arrive in any pieces: the reader against one that has all bytes at once.
 *
 * The carrier behaves as Node's does: it asks where the next bytes go as soon as it has delivered the last ones, so that
 * whatever is taken in between happens while that place is lent.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  FrameReader,
  fullBuffer,
  isMessage,
  strangersBuffer,
  type Taken
} from "../../../src/connection/internal/frameReader.ts"
import { rounds } from "../../support/spawned.ts"

const limit = 1 << 20

const frame = (payload: Uint8Array, header: 4 | 12 = 4): Buffer => {
  const head = Buffer.alloc(header)
  if (header === 4) head.writeInt32BE(payload.length)
  else {
    head.writeInt32BE(-1)
    head.writeBigUInt64BE(BigInt(payload.length), 4)
  }
  return Buffer.concat([head, payload])
}

/** Bytes of which no two neighbours are alike, and that differ from message to message. */
const payload = (length: number, seed = 0): Buffer<ArrayBuffer> => {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + seed * 97 + (i >> 8)
  return bytes
}

/** What a reader makes of all bytes at once, and of the end behind them. */
const naive = (bytes: Buffer, most = limit): Array<Taken> => {
  const taken: Array<Taken> = []
  let at = 0
  while (true) {
    const left = bytes.length - at
    if (left === 0) return [...taken, { _tag: "Ended" }]
    const header = left >= 4 && bytes.readInt32BE(at) === -1 ? 12 : 4
    if (left < header) return [...taken, { _tag: "Truncated", received: left, expected: undefined }]
    const length = header === 4 ? bytes.readInt32BE(at) : Number(bytes.readBigUInt64BE(at + 4))
    if (length < 0) return [...taken, { _tag: "Garbage", detail: `a message of ${length} bytes` }]
    if (length > most) return [...taken, { _tag: "TooLong", size: length }]
    if (left < header + length) {
      return [...taken, { _tag: "Truncated", received: left, expected: header + length }]
    }
    taken.push(Buffer.from(bytes.subarray(at + header, at + header + length)))
    at += header + length
  }
}

/** Brings bytes to a reader. */
class Carrier {
  readonly reader: FrameReader
  flowing = true
  stops = 0
  private rest: Buffer
  private lent: Uint8Array | undefined

  constructor(bytes: Buffer, most = limit) {
    this.rest = bytes
    this.reader = new FrameReader(most)
    this.reader.attach(() => {}, (on) => {
      assert.notStrictEqual(on, this.flowing, "it is told only what is new")
      this.flowing = on
      if (!on) this.stops++
    })
  }

  get isEmpty(): boolean {
    return this.rest.length === 0
  }

  /** At most so many bytes into the place that the reader has lent; gives what was left over. */
  lend(n: number): void {
    const place = this.lent ?? this.reader.buffer()
    assert.isAbove(place.length, 0)
    const count = Math.min(n, place.length, this.rest.length)
    if (count === 0) return
    place.set(this.rest.subarray(0, count))
    this.rest = this.rest.subarray(count)
    this.reader.received(count)
    this.lent = this.reader.buffer()
  }

  /** So many bytes in memory of its own, which it uses again. */
  push(n: number): void {
    const chunk = Buffer.from(this.rest.subarray(0, n))
    this.rest = this.rest.subarray(n)
    this.reader.push(chunk)
    chunk.fill(0xee)
    this.lent = undefined
  }
}

/** As `deepStrictEqual`, which is slow for long bytes. */
const same = (actual: ReadonlyArray<Taken>, expected: ReadonlyArray<Taken>): void => {
  const kinds = (taken: ReadonlyArray<Taken>) => taken.map((one) => isMessage(one) ? one.length : one)
  assert.deepStrictEqual(kinds(actual), kinds(expected))
  actual.forEach((one, i) => {
    if (isMessage(one)) assert.strictEqual(Buffer.compare(one, expected[i] as Uint8Array), 0, `message ${i}`)
  })
}

/** Everything that can be taken. */
const drain = (carrier: Carrier, way: "lend" | "push", step: number, seen: Array<Taken> = []): Array<Taken> => {
  const { reader } = carrier
  for (;;) {
    const ready = reader.isReady
    const one = reader.take()
    assert.strictEqual(ready, one !== undefined, "isReady tells what take would give")
    if (one !== undefined) {
      seen.push(one)
      if (!isMessage(one)) return seen
    } else if (carrier.isEmpty) reader.closed(undefined)
    else {
      assert.isTrue(carrier.flowing, "a carrier that is stopped has nothing to wait for")
      carrier[way](step)
    }
  }
}

const ways = ["lend", "push"] as const

const short = [payload(0), payload(1), payload(2, 1), payload(0), payload(5, 2), payload(300, 3)]

describe("frames", () => {
  for (const way of ways) {
    it(`short, empty and long headers at every split in two (${way})`, () => {
      const stream = Buffer.concat([...short.map((one) => frame(one)), ...short.map((one) => frame(one, 12))])
      for (let at = 1; at < stream.length; at++) {
        const carrier = new Carrier(stream)
        carrier[way](at)
        same(drain(carrier, way, stream.length), naive(stream))
      }
    })

    it(`byte by byte (${way})`, () => {
      const stream = Buffer.concat([...short.map((one) => frame(one)), ...short.map((one) => frame(one, 12))])
      same(drain(new Carrier(stream), way, 1), naive(stream))
    })

    it(`of each length around each boundary, in pieces of each size around it (${way})`, () => {
      const boundaries = [256, strangersBuffer, 4096, 16_384, 32 << 10, fullBuffer, 128 << 10]
      const near = boundaries.flatMap((n) => [n - 13, n - 12, n - 5, n - 4, n - 1, n, n + 1])
      for (const length of near) {
        const stream = Buffer.concat([frame(payload(7)), frame(payload(length, 1)), frame(payload(3, 2))])
        for (const step of [1021, ...boundaries, fullBuffer + 1]) {
          const carrier = new Carrier(stream)
          if (length % 2 === 0) carrier.reader.trust(limit)
          const seen = drain(carrier, way, step)
          assert.lengthOf(seen, 4)
          same(seen, naive(stream))
        }
      }
    })

    it(`the end after every byte of a header and of a payload (${way})`, () => {
      for (const whole of [frame(payload(0)), frame(payload(9)), frame(payload(9), 12), frame(payload(40_000))]) {
        const stream = Buffer.concat([frame(payload(2)), whole])
        const cuts = whole.length < 100 ? whole.length : 50
        for (let i = 0; i <= cuts; i++) {
          const cut = stream.subarray(0, 6 + (i < 25 || whole.length < 100 ? i : whole.length - 50 + i))
          for (const step of whole.length < 100 ? [1, 5, stream.length] : [4_096, stream.length]) {
            same(drain(new Carrier(cut), way, step), naive(cut))
          }
        }
      }
    })

    it(`lengths that no message has end it, whatever comes behind (${way})`, () => {
      const long = (size: bigint) => {
        const head = Buffer.alloc(12, 0xff)
        head.writeBigUInt64BE(size, 4)
        return head
      }
      const short = (size: number) => {
        const head = Buffer.alloc(4)
        head.writeInt32BE(size)
        return head
      }
      const heads = [
        short(-2),
        short(-0x8000_0000),
        short(0x7fff_ffff),
        short(limit + 1),
        long(BigInt(limit) + 1n),
        long(1n << 32n),
        long((1n << 64n) - 1n)
      ]
      for (const head of heads) {
        const stream = Buffer.concat([frame(payload(2)), head, frame(payload(3)), frame(payload(100_000))])
        for (const step of [1, 4, 7, stream.length]) {
          const carrier = new Carrier(stream)
          const seen = drain(carrier, way, step)
          same(seen, naive(stream))
          assert.isFalse(carrier.flowing, "no more is read")
          // what was on its way all the same is not taken for a message
          while (!carrier.isEmpty) carrier[way](50_000)
          assert.deepStrictEqual(carrier.reader.take(), seen.at(-1))
          assert.isTrue(carrier.reader.isReady)
        }
      }
    })
  }

  it("a message as long as the limit is read, one byte more is not", () => {
    for (const most of [0, 1, 256, 32 << 10, (32 << 10) + 1, 100_000]) {
      for (const header of [4, 12] as const) {
        const fits = frame(payload(most), header)
        same(drain(new Carrier(fits, most), "lend", 1000), naive(fits))
        const longer = new Carrier(frame(payload(most + 1), header), most)
        assert.deepStrictEqual(drain(longer, "lend", 1000), [{ _tag: "TooLong", size: most + 1 }])
      }
    }
  })

  it("what has arrived can be taken after the connection broke; then it says why", () => {
    const error = Object.assign(new Error("reset"), { code: "ECONNRESET" })
    const carrier = new Carrier(Buffer.concat([frame(payload(3)), frame(payload(50)).subarray(0, 20)]))
    carrier.push(1000)
    carrier.reader.closed(error)
    carrier.reader.closed(undefined)
    same([carrier.reader.take()], [payload(3)])
    assert.deepStrictEqual(carrier.reader.take(), { _tag: "Broken", error })
    assert.deepStrictEqual(carrier.reader.take(), { _tag: "Broken", error })
  })

  it("a message shares no memory with the reader, nor with the carrier", () => {
    for (const way of ways) {
      const stream = Buffer.concat([frame(payload(10)), frame(payload(40_000)), frame(payload(10, 9))])
      const carrier = new Carrier(stream)
      carrier.reader.trust(limit)
      const seen: Array<Taken> = []
      while (!carrier.isEmpty) carrier[way](stream.length)
      for (let one = carrier.reader.take(); isMessage(one!); one = carrier.reader.take()) seen.push(one)
      for (const one of seen) (one as Uint8Array).fill(0xff, 0, 5)
      assert.deepStrictEqual(seen.map((one) => (one as Buffer).subarray(5)), [
        payload(10).subarray(5),
        payload(40_000).subarray(5),
        payload(10, 9).subarray(5)
      ])
    }
  })
})

describe("a reader that is given more than is taken from it", () => {
  it("stops the carrier when its buffer is full, and lets it go on when something was taken", () => {
    const message = frame(payload(100))
    const stream = Buffer.concat(Array.from({ length: 3_000 }, () => message))
    const carrier = new Carrier(stream)
    carrier.reader.trust(limit)
    let brought = 0
    while (carrier.flowing) {
      carrier.lend(4096)
      brought += 4096
      assert.isAtMost(brought, fullBuffer + 4096)
    }
    let taken = 0
    while (!carrier.flowing) {
      assert.isTrue(isMessage(carrier.reader.take()!))
      taken++
    }
    assert.isAtMost(taken, 1)
    assert.lengthOf(drain(carrier, "lend", 4096), 3_000 - taken + 1)
  })

  it("holds one long message and a buffer, however much would come", () => {
    const stream = Buffer.concat(Array.from({ length: 8 }, (_, i) => frame(payload(200_000, i))))
    for (const way of ways) {
      const carrier = new Carrier(stream)
      carrier.reader.trust(limit)
      let brought = 0
      while (carrier.flowing) {
        carrier[way](10_000)
        brought += 10_000
      }
      assert.isAtMost(brought, 200_004 + fullBuffer + 10_000)
      same(drain(carrier, way, 10_000), naive(stream))
    }
  })

  it("loses nothing of what comes although the carrier was stopped", () => {
    const stream = Buffer.concat(Array.from({ length: 400 }, (_, i) => frame(payload(i * 7, i))))
    for (const way of ways) {
      const carrier = new Carrier(stream)
      carrier.reader.trust(limit)
      while (!carrier.isEmpty) carrier[way](5_000)
      assert.strictEqual(carrier.stops, 1)
      same(drain(carrier, way, 1), naive(stream))
    }
  })
})

describe("whoever reads from now on gets all that was not taken", () => {
  for (const way of ways) {
    it(`at every byte, also within a long message (${way})`, () => {
      const stream = Buffer.concat([
        frame(payload(5)),
        frame(payload(33_000), 12),
        frame(payload(9)),
        frame(payload(2))
      ])
      const places = [0, 1, 3, 4, 8, 9, 10, 20, 21, 22, 1000, 33_000, 33_020, 33_021, 33_025, stream.length]
      for (const at of places) {
        for (const takes of [0, 1, 2]) {
          const carrier = new Carrier(stream)
          carrier.reader.trust(limit)
          while (stream.length - carrier["rest"].length < at && carrier.flowing) {
            carrier[way](at - (stream.length - carrier["rest"].length))
          }
          const seen: Array<Buffer> = []
          for (let i = 0; i < takes; i++) {
            const one = carrier.reader.take()
            if (one !== undefined && isMessage(one)) seen.push(frame(one, seen.length === 1 ? 12 : 4))
          }
          const all = Buffer.concat([...seen, carrier.reader.release(), carrier["rest"]])
          assert.isTrue(all.equals(stream), `${takes} taken of ${at} bytes`)
        }
      }
    })
  }
})

const lengths = fc.oneof(
  fc.nat(12),
  fc.nat(400),
  fc.constantFrom(1020, 1024, 16_384, 32_767, 32_768, 32_769, 65_524, 65_532, 65_536, 65_540),
  fc.nat(150_000)
)

const messages = fc.array(
  fc.record({ length: lengths, header: fc.constantFrom(4 as const, 4 as const, 12 as const) }),
  {
    maxLength: 12
  }
)

const actions = fc.array(
  fc.oneof(
    fc.record({ do: fc.constantFrom("lend" as const, "push" as const), n: fc.oneof(fc.nat(30), fc.nat(70_000)) }),
    fc.record({ do: fc.constant("take" as const), n: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant("trust" as const), n: fc.constant(0) })
  ),
  { maxLength: 60 }
)

describe("any messages in any pieces, taken at any time", () => {
  it("are what a reader finds that has all of it at once", () => {
    fc.assert(
      fc.property(
        messages,
        actions,
        fc.boolean(),
        fc.nat(),
        fc.boolean(),
        fc.nat(2),
        (list, steps, stubborn, cut, isCut, eager) => {
          const whole = Buffer.concat(list.map(({ header, length }, i) => frame(payload(length, i), header)))
          const stream = isCut ? whole.subarray(0, cut % (whole.length + 1)) : whole
          const carrier = new Carrier(stream)
          const { reader } = carrier
          const seen: Array<Taken> = []
          let told = 0
          // a fiber that waits goes on within the call
          reader.attach(() => {
            told++
            for (let n = eager; n > 0 && reader.nextSize !== undefined && reader.isReady; n--) seen.push(reader.take())
          })
          let trusted = false
          for (const { do: what, n } of steps) {
            if (what === "trust") {
              if (!trusted) reader.trust(limit)
              trusted = true
            } else if (what === "take") {
              for (let i = 0; i < n; i++) {
                const size = reader.nextSize
                const one = reader.take()
                if (one === undefined) break
                assert.isTrue(isMessage(one))
                assert.strictEqual((one as Uint8Array).length, size)
                seen.push(one)
              }
            } else if (carrier.flowing || stubborn) {
              const before = told
              const some = !carrier.isEmpty && n > 0
              carrier[what](n)
              if (some) assert.isAbove(told, before)
            }
          }
          reader.attach(() => {})
          same(drain(carrier, "lend", 9_999, seen), naive(stream))
        }
      ),
      { numRuns: rounds(150, 5_000) }
    )
  })

  it("and arbitrary bytes, too", () => {
    const some = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(60).map((n) => frame(payload(n))),
        fc.constantFrom(Buffer.alloc(3), Buffer.alloc(4, 0xff), Buffer.from([0, 0, 0, 2]))
      ),
      { maxLength: 8 }
    )
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 50 }), fc.constantFrom(...ways), (parts, step, way) => {
        const stream = Buffer.concat(parts)
        same(drain(new Carrier(stream, 5_000), way, step), naive(stream, 5_000))
      }),
      { numRuns: rounds(500, 50_000) }
    )
  })
})
