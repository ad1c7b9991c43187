import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Expectation } from "../../src/wire/internal/expectation.ts"
import { Inbound } from "../../src/wire/internal/inbound.ts"
import * as Records from "../../src/wire/internal/records.ts"
import { Writer } from "../../src/wire/internal/writer.ts"
import type { Message } from "../../src/wire/Message.ts"
import * as Messages from "../support/messages.ts"
import { rounds } from "../support/spawned.ts"

const runs = { numRuns: rounds(5000, 100_000), seed: 20_261_122 }
const timeout = rounds(60_000, 900_000)

interface Seen {
  readonly messages: Array<Message>
  readonly broken: Array<string>
}

const open = (maxRecord = 1 << 20, greeted = true) => {
  const seen: Seen = { messages: [], broken: [] }
  const recorder = Messages.recorder((message) => seen.messages.push(message))
  const inbound: Inbound = new Inbound({
    sink: {
      ...recorder,
      fragment: (id, answer, piece) => inbound.fragment(id, answer, piece),
      cut: (id, answer) => inbound.cut(id, answer)
    },
    maxRecord,
    broken: (detail) => {
      seen.broken.push(detail)
      inbound.close()
    },
    closed: () => {},
    expected: new Expectation()
  })
  inbound.greeted = greeted
  return { inbound, seen }
}

/** Delivers as a socket does: into the buffer that it is given, at most so many bytes at a time. */
const feed = (inbound: Inbound, bytes: Uint8Array, sizes: Iterable<number>): void => {
  let at = 0
  for (const size of sizes) {
    for (let end = Math.min(bytes.length, at + size); at < end;) {
      const into = inbound.buffer()
      const n = Math.min(into.length, end - at)
      into.set(bytes.subarray(at, at + n))
      inbound.received(n)
      at += n
    }
  }
}

const joined = (messages: ReadonlyArray<Message>): Uint8Array => Buffer.concat(messages.map(Messages.write))

/** without those that only make sense in sequence */
const single = Messages.message.filter(({ _tag }) => _tag !== "Fragment" && _tag !== "Cut")

const payloadOf = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i % 251)

/** The fragments of a record with such a payload. */
const fragments = (id: number, payload: Uint8Array, piece: number, kind: number = Records.kind.ok): Array<Message> => {
  const header = Records.headerOf(payload.length + 12, kind, 0, 0, id)
  const record = Buffer.concat([header, payload])
  return Array.from({ length: Math.ceil(record.length / piece) }, (_, i) => ({
    _tag: "Fragment",
    id,
    answer: kind !== Records.kind.call,
    piece: Uint8Array.from(record.subarray(i * piece, (i + 1) * piece))
  }))
}

const long = payloadOf(300_000)
const largest = Records.longestRecord - Records.headerSize

describe("Inbound", () => {
  it("cuts the same records out of bytes that are split at every boundary", () => {
    const messages = fc.sample(single, { numRuns: 30, seed: 7 })
    const bytes = joined(messages)
    for (let boundary = 1; boundary < bytes.length; boundary++) {
      const { inbound, seen } = open()
      feed(inbound, bytes, [boundary, bytes.length])
      assert.deepStrictEqual(seen, { messages, broken: [] })
    }
    const { inbound, seen } = open()
    feed(inbound, bytes, bytes.map(() => 1))
    assert.deepStrictEqual(seen, { messages, broken: [] })
  })

  it("sees the same in broken bytes however they are split", () => {
    let ended = 0
    fc.assert(
      fc.property(
        fc.array(fc.oneof(Messages.mutated, Messages.message.map(Messages.write)), { minLength: 1, maxLength: 5 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (records, sizes) => {
          const bytes = Buffer.concat(records)
          const whole = open()
          whole.inbound.push(bytes)
          const split = open()
          feed(split.inbound, bytes, sizes.take(bytes.length))
          assert.deepStrictEqual(split.seen, whole.seen)
          assert.isAtMost(whole.seen.broken.length, 1)
          ended += whole.seen.broken.length
        }
      ),
      runs
    )
    assert.isAbove(ended, runs.numRuns / 10)
    assert.isBelow(ended, runs.numRuns)
  }, timeout)

  it("joins fragments, with other records between them", () => {
    const answer = payloadOf(290_000)
    const others = fc.sample(single, { numRuns: 40, seed: 9 })
    const call = fragments(5, long, 20_000, Records.kind.call)
    const reply = fragments(5, answer, 9000, Records.kind.ok)
    const woven: Array<Message> = []
    for (let i = 0; call.length + reply.length > 0; i++) {
      const fragment = i % 3 === 0 ? call.shift() : reply.shift()
      if (fragment !== undefined) woven.push(fragment)
      if (others[i] !== undefined) woven.push(others[i]!)
    }
    const bytes = joined(woven)
    const whole = open()
    whole.inbound.push(bytes)
    assert.deepStrictEqual(whole.seen.broken, [])
    const found = whole.seen.messages.filter(({ _tag }) => _tag === "Call" || _tag === "Ok")
    assert.deepInclude(found, { _tag: "Call", method: 0, id: 5, timeout: undefined, context: undefined, payload: long })
    assert.deepInclude(found, { _tag: "Ok", id: 5, payload: answer })
    assert.strictEqual(whole.seen.messages.length, others.length + 2)
    for (const sizes of [[1000], [4096], [12], [262_144], [3, 70_000]]) {
      const { inbound, seen } = open()
      feed(inbound, bytes, Array.from({ length: bytes.length }, (_, i) => sizes[i % sizes.length]!))
      assert.deepStrictEqual(seen, whole.seen)
    }
  })

  it("joins fragments that are split at every boundary near their edges", () => {
    const bytes = joined(fragments(1, long, largest))
    const edges = [0, Records.longestRecord, bytes.length - 1]
    for (const edge of edges) {
      for (let boundary = Math.max(1, edge - 30); boundary < Math.min(bytes.length, edge + 60); boundary++) {
        const { inbound, seen } = open()
        feed(inbound, bytes, [boundary, bytes.length])
        assert.deepStrictEqual(seen, { messages: [{ _tag: "Ok", id: 1, payload: long }], broken: [] })
      }
    }
  })

  it("forgets fragments that are cut, and their memory", () => {
    const { inbound, seen } = open(350_000)
    for (let round = 0; round < 10; round++) {
      const [first] = fragments(1, long, 1000)
      inbound.push(joined([first!, { _tag: "Cut", id: 1, answer: true }]))
    }
    inbound.push(joined(fragments(1, long, largest)))
    assert.deepStrictEqual(seen, { messages: [{ _tag: "Ok", id: 1, payload: long }], broken: [] })
  })

  const refused = (name: string, bytes: Uint8Array, detail: RegExp, options: { greeted?: boolean } = {}) => {
    it(`refuses ${name}`, () => {
      const { inbound, seen } = open(350_000, options.greeted)
      inbound.push(bytes)
      assert.deepStrictEqual(seen.messages, [])
      assert.strictEqual(seen.broken.length, 1)
      assert.match(seen.broken[0]!, detail)
      // and nothing of what follows is looked at
      inbound.push(Messages.write({ _tag: "Ping", id: 1 }))
      assert.deepStrictEqual(seen.messages, [])
    })
  }
  const header = (size: number, kind: number, id = 1, flags = 0) =>
    Buffer.from(Records.headerOf(size, kind, flags, 0, id))
  const { kind, ofAnswer } = Records

  refused("a record above 256 KiB in one piece", header(Records.longestRecord + 1, kind.ok), /a record of 262145 bytes/)
  refused("an impossible length", Buffer.alloc(12, 0xff), /a record of 4294967299 bytes/)
  refused("a length without a header", Buffer.from([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), /a record of 11 bytes/)
  refused("an unknown kind", header(12, 99), /unknown kind 99/)
  refused(
    "fragments beyond the limit",
    joined([fragments(1, payloadOf(350_001 - 12), 5000)[0]!]),
    /the limit is 350000/
  )
  refused(
    "fragments that together are beyond the limit",
    joined([fragments(1, long, 5000)[0]!, fragments(2, payloadOf(270_000), 5000)[0]!]),
    /the limit is 350000/
  )
  refused("fragments of a short record", joined(fragments(1, payloadOf(100), 50)), /of only 112 bytes/)
  refused(
    "fragments of a control record",
    joined(fragments(1, long, 5000, kind.credit)),
    /fragments of a record of kind 9/
  )
  refused(
    "fragments of another call's record",
    joined([{ _tag: "Fragment", id: 2, answer: true, piece: header(300_000, kind.ok, 1) }]),
    /fragments of a record of kind 2/
  )
  refused(
    "fragments longer than their record",
    joined([...fragments(1, long, largest).slice(0, 1), {
      _tag: "Fragment",
      id: 1,
      answer: true,
      piece: payloadOf(40_000)
    }]),
    /longer than their record/
  )
  refused("the cut of what never began", Messages.write({ _tag: "Cut", id: 1, answer: false }), /never began/)
  refused("a first fragment without a header", joined(fragments(1, long, 11).slice(0, 1)), /without the header/)
  refused(
    "a fragment with a flag that does not exist",
    Buffer.concat([header(1000, kind.fragment, 1, 2 | ofAnswer), header(300_000, kind.ok)]),
    /no use for/
  )
  refused("anything before Hello", Messages.write({ _tag: "Ping", id: 1 }), /kind 13 before Hello/, { greeted: false })
  refused("fragments of anything else before Hello", joined(fragments(1, long, 5000)), /kind 2 before Hello/, {
    greeted: false
  })
  refused(
    "a Hello above 4 MiB",
    joined([{ _tag: "Fragment", id: 0, answer: false, piece: header(Records.longestHello + 1, kind.hello, 0) }]),
    /the limit is 4194304/,
    { greeted: false }
  )

  it("accepts a Hello in fragments", () => {
    const writer = new Writer()
    const body = {
      epoch: "e",
      maxRecord: 1 << 20,
      calls: 1,
      callBytes: 1,
      elements: 1,
      bytes: 1,
      methods: Array.from({ length: 20_000 }, (_, i): readonly [string, string] => [`app/Service/method${i}`, "f"])
    }
    Records.writeHello(writer, body)
    const record = Buffer.concat([Records.headerOf(writer.recordSize(), kind.hello, 0, 1, 0), ...writer.detach()])
    const { inbound, seen } = open(1 << 20, false)
    for (let at = 0; at < record.length; at += 100_000) {
      const piece = record.subarray(at, at + 100_000)
      inbound.push(Messages.write({ _tag: "Fragment", id: 0, answer: false, piece }))
    }
    assert.deepStrictEqual(seen, { messages: [{ _tag: "Hello", version: 1, body }], broken: [] })
  })
})
