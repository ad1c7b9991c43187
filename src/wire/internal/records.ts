/**
 * The compiled form of `Message`: headers and fixed payloads written straight into the output, records read in place.
 *
 * The payloads of methods stay in the reader's cursor for whoever knows their codec. A differential test proves that
 * this file writes the bytes that `Message.FromBytes` writes, and accepts exactly the records that it accepts.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Codec from "../Codec.ts"
import { CallContext, headerSize, HelloBody, kinds, readMsgpack, version, writeMsgpack } from "../Message.ts"
import { RemoteErrorReason } from "../RemoteError.ts"
import { isSuccess, issueOf } from "./issue.ts"
import type { Loan } from "./memory.ts"
import type { Reader } from "./reader.ts"
import type { Writer } from "./writer.ts"

export { headerSize, version }

/** bytes of the longest record on the wire, header included; longer ones travel in fragments */
export const longestRecord = 256 << 10

/** bytes of the longest Hello, which is read before anything is known of the peer */
export const longestHello = 4 << 20

/** calls that bring up to so many bytes are not counted against `callBytes` */
export const smallCall = 4 << 10

/** leases that go into one record */
export const leasesPerRecord = 4096

const kind = {
  hello: 0,
  call: 1,
  ok: 2,
  fail: 3,
  reject: 4,
  interrupt: 5,
  interrupted: 6,
  chunk: 7,
  end: 8,
  credit: 9,
  fragment: 10,
  cut: 11,
  release: 12,
  ping: 13,
  pong: 14,
  close: 15,
  goodbye: 16
} as const

export { kind }

/** of `call`: a timeout of 4 bytes precedes the payload */
export const timed = 1
/** of `call`: its context precedes the payload, behind the timeout */
export const inContext = 2
/** of `fragment` and `cut`: they belong to an answer, else to a call */
export const ofAnswer = 1

/** The peer broke the protocol. It never leaves this folder: the session ends with `ProtocolViolation`. */
export class Violation extends Error {
  override readonly name = "Violation"
}

/** Who takes the records. A method's payload begins at the reader's cursor and fills the rest of it. */
export interface Sink {
  readonly hello: (version: number, payload: Reader) => void
  /** `timeout` is -1 when the call has none; `size`: bytes that the call brings, its context included */
  readonly call: (
    method: number,
    id: number,
    timeout: number,
    context: CallContext | undefined,
    payload: Reader,
    size: number
  ) => void
  readonly ok: (id: number, payload: Reader) => void
  readonly fail: (id: number, payload: Reader) => void
  readonly reject: (id: number, reason: RemoteErrorReason) => void
  readonly interrupt: (id: number) => void
  readonly interrupted: (id: number) => void
  readonly chunk: (id: number, payload: Reader) => void
  readonly end: (id: number) => void
  readonly credit: (id: number, elements: number, bytes: number) => void
  readonly fragment: (id: number, answer: boolean, piece: Reader) => void
  readonly cut: (id: number, answer: boolean) => void
  readonly release: (leases: ReadonlyArray<number>) => void
  readonly ping: (id: number) => void
  readonly pong: (id: number) => void
  readonly close: (deadline: number) => void
  readonly goodbye: (detail: string) => void
}

// ---------------------------------------------------------------------------------------------------- reading

const usesMethod = new Set<number>([kind.hello, kind.call])
const usesNoId = new Set<number>([kind.hello, kind.release, kind.close, kind.goodbye])
const usesFlags = new Map<number, number>([[kind.call, timed | inContext], [kind.fragment, ofAnswer], [
  kind.cut,
  ofAnswer
]])

/** of each kind: the bits of the header's two words behind the length that must be zero */
const unusedFirst = Uint32Array.from(
  Object.values(kinds),
  (k) => 0xff00 - ((usesFlags.get(k) ?? 0) << 8) + (usesMethod.has(k) ? 0 : 0xffff_0000)
)
const unusedId = Uint32Array.from(Object.values(kinds), (k) => usesNoId.has(k) ? 0xffff_ffff : 0)

/** Throws unless the header at `at` is one that its kind can have. */
export const checkHeader = (view: DataView, at: number): void => {
  const first = view.getUint32(at + 4, true)
  const k = first & 0xff
  if (k >= unusedFirst.length) throw new Violation(`a record of the unknown kind ${k}`)
  if ((first & unusedFirst[k]!) !== 0 || (view.getUint32(at + 8, true) & unusedId[k]!) !== 0) {
    throw new Violation(`a record of kind ${k} with a field that it has no use for`)
  }
}

/** Gives the record at `start`, which ends at `end`, to the sink. Without a `loan` its bytes are copied. */
export const deliver = (
  sink: Sink,
  reader: Reader,
  buffer: Buffer,
  view: DataView,
  start: number,
  end: number,
  loan: Loan | undefined
): void => {
  if (end - start < headerSize || view.getUint32(start, true) !== end - start - 4) {
    throw new Violation("a record whose length is not its own")
  }
  checkHeader(view, start)
  const id = view.getUint32(start + 8, true)
  const flags = buffer[start + 5]!
  const payload = start + headerSize
  const size = end - payload
  switch (buffer[start + 4]) {
    case kind.call: {
      let timeout = -1
      let at = payload
      if ((flags & timed) !== 0) {
        if (size < 4) throw new Violation("a call without its timeout")
        timeout = view.getUint32(payload, true)
        at += 4
      }
      const brought = end - at
      let context: CallContext | undefined
      if ((flags & inContext) !== 0) {
        const from = at + 2
        if (from > end) throw new Violation("a call without its context")
        at = from + view.getUint16(at, true)
        if (at > end) throw new Violation("a context that is longer than its call")
        reader.reset(buffer, view, from, at, undefined)
        context = contextFrom(reader)
      }
      reader.reset(buffer, view, at, end, loan)
      return sink.call(view.getUint16(start + 6, true), id, timeout, context, reader, brought)
    }
    case kind.ok:
      reader.reset(buffer, view, payload, end, loan)
      return sink.ok(id, reader)
    case kind.chunk:
      reader.reset(buffer, view, payload, end, loan)
      return sink.chunk(id, reader)
    case kind.fail:
      reader.reset(buffer, view, payload, end, loan)
      return sink.fail(id, reader)
    case kind.credit:
      expectSize(8, size)
      return sink.credit(id, view.getUint32(payload, true), view.getUint32(payload + 4, true))
    case kind.interrupt:
      expectSize(0, size)
      return sink.interrupt(id)
    case kind.interrupted:
      expectSize(0, size)
      return sink.interrupted(id)
    case kind.end:
      expectSize(0, size)
      return sink.end(id)
    case kind.ping:
      expectSize(0, size)
      return sink.ping(id)
    case kind.pong:
      expectSize(0, size)
      return sink.pong(id)
    case kind.cut:
      expectSize(0, size)
      return sink.cut(id, flags === ofAnswer)
    case kind.fragment:
      if (size === 0) throw new Violation("an empty fragment")
      reader.reset(buffer, view, payload, end, loan)
      return sink.fragment(id, flags === ofAnswer, reader)
    case kind.release:
      return sink.release(leases(view, payload, size))
    case kind.reject:
      return sink.reject(id, reasonFrom(buffer.subarray(payload, end)))
    case kind.close:
      expectSize(4, size)
      return sink.close(view.getUint32(payload, true))
    case kind.goodbye:
      return sink.goodbye(buffer.toString("utf8", payload, end))
    case kind.hello:
      reader.reset(buffer, view, payload, end, loan)
      return sink.hello(view.getUint16(start + 6, true), reader)
  }
}

const expectSize = (expected: number, size: number): void => {
  if (size !== expected) throw new Violation(`a payload of ${size} bytes where ${expected} were expected`)
}

const leases = (view: DataView, at: number, size: number): Array<number> => {
  if (size === 0 || size % 8 !== 0) throw new Violation(`leases in ${size} bytes`)
  const ids: Array<number> = []
  for (let i = at; i < at + size; i += 8) {
    const high = view.getUint32(i + 4, true)
    if (high > 0x1f_ffff) throw new Violation("a lease that is no safe integer")
    ids.push(high * 0x1_0000_0000 + view.getUint32(i, true))
  }
  return ids
}

const decodeReason = Schema.decodeUnknownResult(RemoteErrorReason)

const reasonFrom = (bytes: Uint8Array): RemoteErrorReason => {
  const reason = Result.try(() => Result.getOrThrow(decodeReason(readMsgpack(bytes))))
  if (Result.isFailure(reason)) throw new Violation(`a refusal that cannot be read: ${String(reason.failure)}`)
  return reason.success
}

let contextCodec: Codec.Codec | undefined

const contextFrom = (bytes: Reader): CallContext => {
  contextCodec ??= Codec.make(CallContext)
  try {
    const wire = contextCodec.read(bytes)
    bytes.expectEnd()
    const context = contextCodec.fromWire(wire)
    if (isSuccess(context)) return context.value as CallContext
  } catch (error) {
    throw new Violation(`a context that cannot be read: ${issueOf(error)}`)
  }
  throw new Violation("a context that is none")
}

const decodeHello = Schema.decodeUnknownResult(HelloBody)

export const helloFrom = (payload: Reader): HelloBody => {
  const body = Result.try(() =>
    Result.getOrThrow(decodeHello(readMsgpack(payload.buffer.subarray(payload.position, payload.end))))
  )
  if (Result.isFailure(body)) throw new Violation(`a Hello that cannot be read: ${String(body.failure)}`)
  return body.success
}

// ---------------------------------------------------------------------------------------------------- writing

/** Opens a record, whose payload is then written; `finish` or `writer.rollback` or `writer.detach` closes it. */
export const begin = (writer: Writer, kind: number, flags: number, method: number, id: number): void => {
  writer.begin(headerSize)
  writer.patchUint32(4, kind | (flags << 8) | (method << 16))
  writer.patchUint32(8, id)
}

export const finish = (writer: Writer): void => {
  writer.patchUint32(0, writer.recordSize() - 4)
  writer.finish()
}

/** The header of a record that leaves the writer in fragments. */
export const headerOf = (size: number, kind: number, flags: number, method: number, id: number): Uint8Array => {
  const header = new Uint8Array(headerSize)
  const view = new DataView(header.buffer)
  view.setUint32(0, size - 4, true)
  view.setUint32(4, kind | (flags << 8) | (method << 16), true)
  view.setUint32(8, id, true)
  return header
}

export const uint32 = (writer: Writer, value: number): void => {
  writer.room(4)
  writer.view.setUint32(writer.position, value, true)
  writer.position += 4
}

/** What goes before the payload of a call. */
export const writePreface = (writer: Writer, timeout: number, context: Uint8Array | undefined): void => {
  if (timeout >= 0) uint32(writer, timeout)
  if (context === undefined) return
  writer.room(2)
  writer.view.setUint16(writer.position, context.length, true)
  writer.position += 2
  writer.raw(context)
}

/** A record that is nothing but its header: interrupt, interrupted, end, cut, ping, pong. */
export const writeBare = (writer: Writer, kind: number, flags: number, id: number): void => {
  begin(writer, kind, flags, 0, id)
  finish(writer)
}

export const writeHello = (writer: Writer, body: HelloBody): void => {
  begin(writer, kind.hello, 0, version, 0)
  writer.raw(writeMsgpack(encodeHello(body)))
}

const encodeHello = Schema.encodeSync(HelloBody)

export const writeCredit = (writer: Writer, id: number, elements: number, bytes: number): void => {
  begin(writer, kind.credit, 0, 0, id)
  uint32(writer, elements)
  uint32(writer, bytes)
  finish(writer)
}

export const writeFragment = (writer: Writer, id: number, flags: number, piece: ReadonlyArray<Uint8Array>): void => {
  begin(writer, kind.fragment, flags, 0, id)
  for (const bytes of piece) writer.raw(bytes)
  finish(writer)
}

export const writeRelease = (writer: Writer, ids: ReadonlyArray<number>, start: number, end: number): void => {
  begin(writer, kind.release, 0, 0, 0)
  writer.room((end - start) * 8)
  for (let i = start; i < end; i++) {
    uint32(writer, ids[i]! >>> 0)
    uint32(writer, Math.floor(ids[i]! / 0x1_0000_0000))
  }
  finish(writer)
}

export const writeClose = (writer: Writer, deadline: number): void => {
  begin(writer, kind.close, 0, 0, 0)
  uint32(writer, deadline)
  finish(writer)
}

export const writeGoodbye = (writer: Writer, detail: string): void => {
  begin(writer, kind.goodbye, 0, 0, 0)
  writer.raw(Buffer.from(detail, "utf8"))
  finish(writer)
}

/** How a refusal is written where a method's codec writes its values. */
export const reasonCodec = {
  write: (writer: Writer, reason: unknown): void => writer.raw(writeMsgpack(reason))
}

export const encodeReason: (reason: RemoteErrorReason) => unknown = Schema.encodeSync(RemoteErrorReason)
