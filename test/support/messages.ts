/** Arbitrary messages of the protocol, and the session's fast codec behind the interface of the slow one. */
import * as fc from "fast-check"
import { Reader } from "../../src/wire/internal/reader.ts"
import * as Records from "../../src/wire/internal/records.ts"
import { Writer } from "../../src/wire/internal/writer.ts"
import { type Message, writeMsgpack } from "../../src/wire/Message.ts"
import * as E from "../../src/wire/RemoteError.ts"

const uint16 = fc.nat(0xffff)
const uint32 = fc.nat(0xffff_ffff)
const bytes = fc.uint8Array({ maxLength: 40 })
const text = fc.string({ unit: "grapheme", maxLength: 20 })
const positive = fc.integer({ min: 1, max: 0xffff_ffff })

const context = fc.option(
  fc.record({
    trace: fc.record({ traceId: text, spanId: text, sampled: fc.boolean() }),
    logLevel: fc.constantFrom("All", "Fatal", "Error", "Warn", "Info", "Debug", "Trace", "None"),
    logAnnotations: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)))
  }, { requiredKeys: [] }),
  { nil: undefined }
)

const reason: fc.Arbitrary<E.RemoteErrorReason> = fc.oneof(
  fc.record({ method: text, part: fc.constantFrom("payload", "success", "error"), issue: text })
    .map((fields) => new E.DecodeFailed(fields)),
  fc.record({ method: text, errorName: text, errorMessage: text, remoteStack: text })
    .map((fields) => new E.RemoteDefect(fields)),
  fc.record({ method: text }).map((fields) => new E.RemoteInterrupted(fields)),
  fc.record({ method: text, timeout: fc.nat() }).map((fields) => new E.CallTimeout(fields)),
  fc.record({ method: text, peer: text }).map((fields) => new E.UnknownMethod(fields)),
  fc.record({
    name: text,
    pid: fc.nat(),
    exitCode: fc.integer({ min: -64, max: 255 }),
    signal: fc.option(text, { nil: undefined }),
    stderr: fc.option(text, { nil: undefined }),
    outOfMemory: fc.constantFrom("heap", "cgroup", "no", "unknown"),
    detail: fc.option(text, { nil: undefined })
  }).map((fields) => new E.ProcessExited(fields))
)

const tagged = <const Tag extends Message["_tag"], Fields>(
  tag: Tag,
  fields: { [K in keyof Fields]: fc.Arbitrary<Fields[K]> }
): fc.Arbitrary<Fields & { readonly _tag: Tag }> =>
  fc.record(fields).map((fields) => Object.assign(fields, { _tag: tag }))

export const message: fc.Arbitrary<Message> = fc.oneof(
  tagged("Hello", {
    version: uint16,
    body: fc.record({
      epoch: text,
      maxRecord: fc.integer({ min: 64 << 10, max: 0xffff_ffff }),
      calls: positive,
      callBytes: positive,
      elements: positive,
      bytes: positive,
      methods: fc.array(fc.tuple(text, text), { maxLength: 4 })
    })
  }),
  tagged("Call", {
    method: uint16,
    id: uint32,
    timeout: fc.option(uint32, { nil: undefined }),
    context,
    payload: bytes
  }),
  tagged("Ok", { id: uint32, payload: bytes }),
  tagged("Fail", { id: uint32, payload: bytes }),
  tagged("Reject", { id: uint32, reason }),
  tagged("Interrupt", { id: uint32 }),
  tagged("Interrupted", { id: uint32 }),
  tagged("Chunk", { id: uint32, payload: bytes }),
  tagged("End", { id: uint32 }),
  tagged("Credit", { id: uint32, elements: uint32, bytes: uint32 }),
  tagged("Fragment", { id: uint32, answer: fc.boolean(), piece: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
  tagged("Cut", { id: uint32, answer: fc.boolean() }),
  tagged("Release", {
    leases: fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 5 }).map((ids) => ids as [number, ...Array<number>])
  }),
  tagged("Ping", { id: uint32 }),
  tagged("Pong", { id: uint32 }),
  tagged("Close", { deadline: uint32 }),
  tagged("Goodbye", { detail: text })
)

/** The bytes that a session writes. */
export const write = (message: Message): Uint8Array => {
  const { kind } = Records
  const writer = new Writer()
  const payload = (kind: number, flags: number, method: number, id: number, bytes: Uint8Array) => {
    Records.begin(writer, kind, flags, method, id)
    if (message._tag === "Call") {
      const context = message.context === undefined ? undefined : writeMsgpack(message.context)
      Records.writePreface(writer, message.timeout ?? -1, context)
    }
    writer.raw(bytes)
    Records.finish(writer)
  }
  switch (message._tag) {
    case "Hello":
      Records.writeHello(writer, message.body)
      writer.patchUint16(6, message.version)
      Records.finish(writer)
      break
    case "Call":
      payload(
        kind.call,
        (message.timeout === undefined ? 0 : Records.timed) | (message.context === undefined ? 0 : Records.inContext),
        message.method,
        message.id,
        message.payload
      )
      break
    case "Ok":
      payload(kind.ok, 0, 0, message.id, message.payload)
      break
    case "Fail":
      payload(kind.fail, 0, 0, message.id, message.payload)
      break
    case "Chunk":
      payload(kind.chunk, 0, 0, message.id, message.payload)
      break
    case "Reject":
      Records.begin(writer, kind.reject, 0, 0, message.id)
      Records.reasonCodec.write(writer, Records.encodeReason(message.reason))
      Records.finish(writer)
      break
    case "Interrupt":
      Records.writeBare(writer, kind.interrupt, 0, message.id)
      break
    case "Interrupted":
      Records.writeBare(writer, kind.interrupted, 0, message.id)
      break
    case "End":
      Records.writeBare(writer, kind.end, 0, message.id)
      break
    case "Ping":
      Records.writeBare(writer, kind.ping, 0, message.id)
      break
    case "Pong":
      Records.writeBare(writer, kind.pong, 0, message.id)
      break
    case "Cut":
      Records.writeBare(writer, kind.cut, message.answer ? Records.ofAnswer : 0, message.id)
      break
    case "Credit":
      Records.writeCredit(writer, message.id, message.elements, message.bytes)
      break
    case "Fragment":
      Records.writeFragment(writer, message.id, message.answer ? Records.ofAnswer : 0, [message.piece])
      break
    case "Release":
      Records.writeRelease(writer, message.leases, 0, message.leases.length)
      break
    case "Close":
      Records.writeClose(writer, message.deadline)
      break
    case "Goodbye":
      Records.writeGoodbye(writer, message.detail)
  }
  return new Uint8Array(Buffer.concat(writer.take()))
}

/** What a session sees in the bytes of one record; throws when it ends the session. */
export const read = (bytes: Uint8Array): Message => {
  const buffer = Buffer.from(bytes)
  const seen: Array<Message> = []
  Records.deliver(
    recorder((message) => seen.push(message)),
    new Reader(),
    buffer,
    new DataView(buffer.buffer, buffer.byteOffset, buffer.length),
    0,
    buffer.length,
    undefined
  )
  return seen[0]!
}

const rest = (payload: Reader): Uint8Array => Uint8Array.from(payload.buffer.subarray(payload.position, payload.end))

/** A sink that makes messages again of what it is given. */
export const recorder = (push: (message: Message) => void): Records.Sink => ({
  hello: (version, payload) => push({ _tag: "Hello", version, body: Records.helloFrom(payload) }),
  call: (method, id, timeout, context, payload) =>
    push({ _tag: "Call", method, id, timeout: timeout < 0 ? undefined : timeout, context, payload: rest(payload) }),
  ok: (id, payload) => push({ _tag: "Ok", id, payload: rest(payload) }),
  fail: (id, payload) => push({ _tag: "Fail", id, payload: rest(payload) }),
  reject: (id, reason) => push({ _tag: "Reject", id, reason }),
  interrupt: (id) => push({ _tag: "Interrupt", id }),
  interrupted: (id) => push({ _tag: "Interrupted", id }),
  chunk: (id, payload) => push({ _tag: "Chunk", id, payload: rest(payload) }),
  end: (id) => push({ _tag: "End", id }),
  credit: (id, elements, bytes) => push({ _tag: "Credit", id, elements, bytes }),
  fragment: (id, answer, piece) => push({ _tag: "Fragment", id, answer, piece: rest(piece) }),
  cut: (id, answer) => push({ _tag: "Cut", id, answer }),
  release: (leases) => push({ _tag: "Release", leases: leases as [number, ...Array<number>] }),
  ping: (id) => push({ _tag: "Ping", id }),
  pong: (id) => push({ _tag: "Pong", id }),
  close: (deadline) => push({ _tag: "Close", deadline }),
  goodbye: (detail) => push({ _tag: "Goodbye", detail })
})

/** Bytes of a record with something wrong, or not: bits flipped, cut off, lengthened, its length put right or not. */
export const mutated: fc.Arbitrary<Uint8Array> = fc.record({
  bytes: message.map(write),
  flips: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
  inHeader: fc.boolean(),
  change: fc.constantFrom("none", "cut", "extend"),
  by: fc.nat(12),
  repair: fc.boolean()
}).map(({ by, bytes, change, flips, inHeader, repair }) => {
  const copy = change === "cut"
    ? bytes.slice(0, Math.max(0, bytes.length - by))
    : Uint8Array.from(change === "extend" ? [...bytes, ...new Uint8Array(by)] : bytes)
  const range = inHeader ? Math.min(12, copy.length) : copy.length
  if (range > 0) { for (const [at, value] of flips) copy[at % range] = value }
  if (repair && copy.length >= 4) new DataView(copy.buffer).setUint32(0, copy.length - 4, true)
  return copy
})
