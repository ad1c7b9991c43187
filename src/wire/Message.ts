/**
 * Every record of the call protocol, as a Schema: the one description of the bytes that a `Session` exchanges.
 *
 * A record is a header of 12 bytes and a payload. `docs/wire.md` says it in words; `FromBytes` says it in code, slowly
 * and plainly. What a session runs is `internal/records.ts`, its compiled form; a differential test proves them equal.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Reader } from "./internal/reader.ts"
import { Writer } from "./internal/writer.ts"
import { RemoteErrorReason } from "./RemoteError.ts"

/**
 * The protocol that this end speaks. It changes whenever the bytes do.
 *
 * @stability unstable
 * @category constants
 * @since 0.1.0
 */
export const version = 1

/** bytes: no end may accept less, so that what controls a session always fits */
export const smallestLimit = 64 << 10

/** bytes: u32 length of the rest, u8 kind, u8 flags, u16 method, u32 id; numbers are little-endian */
export const headerSize = 12

// ---------------------------------------------------------------------------------------------------- where fields are

interface Field<out S extends Schema.Constraint = Schema.Constraint> {
  readonly schema: S
  readonly place: "method" | "id" | "flag" | "payload"
  /** of a flag itself, or of a part of the payload that is there when the flag is set */
  readonly bit?: number
  readonly part?: Part
}

/** How a part of the payload is written, and read from its beginning. */
interface Part {
  readonly write: (value: never) => Uint8Array
  readonly read: (bytes: Uint8Array) => { readonly value: unknown; readonly size: number }
}

const uint = (bits: number, minimum = 0) => Schema.Int.check(Schema.isBetween({ minimum, maximum: 2 ** bits - 1 }))
const Uint16 = uint(16)
const Uint32 = uint(32)

const wrong = (detail: string): never => {
  throw new Error(detail)
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const uint32Part: Part = {
  write: (value: number) => {
    const bytes = new Uint8Array(4)
    viewOf(bytes).setUint32(0, value, true)
    return bytes
  },
  read: (bytes) => ({ value: viewOf(bytes).getUint32(0, true), size: 4 })
}

const leasesPart: Part = {
  write: (ids: ReadonlyArray<number>) => {
    const bytes = new Uint8Array(ids.length * 8)
    ids.forEach((id, i) => viewOf(bytes).setBigUint64(i * 8, BigInt(id), true))
    return bytes
  },
  read: (bytes) => {
    if (bytes.length === 0 || bytes.length % 8 !== 0) wrong("leases of 8 bytes each were expected")
    const ids = Array.from({ length: bytes.length / 8 }, (_, i) => Number(viewOf(bytes).getBigUint64(i * 8, true)))
    return { value: ids, size: bytes.length }
  }
}

/** A part that is followed by others says how long it is. */
const contextPart: Part = {
  write: (context: CallContext) => {
    const body = writeMsgpack(context)
    const bytes = new Uint8Array(2 + body.length)
    viewOf(bytes).setUint16(0, body.length, true)
    bytes.set(body, 2)
    return bytes
  },
  read: (bytes) => {
    const size = 2 + viewOf(bytes).getUint16(0, true)
    if (size > bytes.length) wrong("longer than its record")
    return { value: readMsgpack(bytes.subarray(2, size)), size }
  }
}

const bytesPart: Part = {
  write: (bytes: Uint8Array) => bytes,
  read: (bytes) => ({ value: bytes.slice(), size: bytes.length })
}

const textPart: Part = {
  write: (text: string) => new TextEncoder().encode(text),
  read: (bytes) => ({ value: Buffer.from(bytes).toString("utf8"), size: bytes.length })
}

const msgpackPart: Part = {
  write: (value: unknown) => writeMsgpack(value),
  read: (bytes) => ({ value: readMsgpack(bytes), size: bytes.length })
}

/** A plain value as msgpack, as the parts of a record hold it that are not a method's. */
export const writeMsgpack = (value: unknown): Uint8Array => {
  const writer = new Writer(1024)
  writer.any(value)
  return Buffer.concat(writer.take())
}

export const readMsgpack = (bytes: Uint8Array): unknown => {
  const reader = new Reader()
  const buffer = Buffer.from(bytes)
  reader.reset(buffer, viewOf(buffer), 0, buffer.length, undefined)
  const value = reader.any()
  reader.expectEnd()
  return value
}

const method: Field<typeof Uint16> = { schema: Uint16, place: "method" }
const id: Field<typeof Uint32> = { schema: Uint32, place: "id" }
const flag = (bit: number): Field<typeof Schema.Boolean> => ({ schema: Schema.Boolean, place: "flag", bit })
const uint32: Field<typeof Uint32> = { schema: Uint32, place: "payload", part: uint32Part }
const optionalUint32 = (bit: number) => ({
  schema: Schema.UndefinedOr(Uint32),
  place: "payload",
  bit,
  part: uint32Part
} as const)
const bytes: Field<typeof Schema.Uint8Array> = { schema: Schema.Uint8Array, place: "payload", part: bytesPart }
const someBytes = {
  schema: Schema.Uint8Array.check(Schema.makeFilter((value) => value.length > 0)),
  place: "payload",
  part: bytesPart
} as const
const text: Field<typeof Schema.String> = { schema: Schema.String, place: "payload", part: textPart }
const leases = {
  schema: Schema.NonEmptyArray(uint(53)),
  place: "payload",
  part: leasesPart
} as const
const msgpack = <S extends Schema.Constraint>(schema: S): Field<S> => ({ schema, place: "payload", part: msgpackPart })

const record = <const Tag extends string, Fields extends Record<string, Field>>(
  tag: Tag,
  kind: number,
  fields: Fields
) => ({
  kind,
  fields: Object.entries(fields) as ReadonlyArray<[string, Field]>,
  schema: Schema.TaggedStruct(
    tag,
    Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.schema])) as {
      readonly [K in keyof Fields]: Fields[K]["schema"]
    }
  )
})

// ---------------------------------------------------------------------------------------------------- the records

/**
 * What an end says of itself, and what it grants: how many calls it runs at a time, and how far a producer of a stream
 * may run ahead of it.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const HelloBody = Schema.Struct({
  epoch: Schema.String,
  /** bytes of the largest record it accepts, after its fragments are joined */
  maxRecord: uint(32, smallestLimit),
  /** calls that may wait for their final answer; an id is less than this */
  calls: uint(32, 1),
  /** bytes of payload and context of such calls that have more than 4 KiB of them; one call is always allowed */
  callBytes: uint(32, 1),
  /** elements of one stream that were not consumed */
  elements: uint(32, 1),
  /** bytes of one stream that were not consumed; one chunk may exceed it */
  bytes: uint(32, 1),
  /** what it serves: id and fingerprint; the place in the list is the method's number */
  methods: Schema.Array(Schema.Tuple([Schema.String, Schema.String]))
})

/**
 * What a call takes along of the fiber that makes it. Values of annotations that are no scalars travel as text.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const CallContext = Schema.Struct({
  /** the span of the call, or that in which it is made */
  trace: Schema.optionalKey(Schema.Struct({
    traceId: Schema.String,
    spanId: Schema.String,
    sampled: Schema.Boolean
  })),
  /** the least level that the caller logs; absent where the session was opened with the same */
  logLevel: Schema.optionalKey(Schema.Literals(["All", "Fatal", "Error", "Warn", "Info", "Debug", "Trace", "None"])),
  logAnnotations: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Number, Schema.Boolean, Schema.Null]))
  )
})

/**
 * What a call takes along of the fiber that makes it.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type CallContext = typeof CallContext.Type

/** bytes: what a call takes along is no payload */
export const longestContext = 0xffff

/**
 * What an end says of itself.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type HelloBody = typeof HelloBody.Type

const optionalContext = {
  schema: Schema.UndefinedOr(CallContext),
  place: "payload",
  bit: 2,
  part: contextPart
} as const

const records = {
  /** the first record of each end; `version` stays where it is in every version of the protocol */
  Hello: record("Hello", 0, { version: method, body: msgpack(HelloBody) }),
  /** runs a method; `timeout` in milliseconds from arrival */
  Call: record("Call", 1, { method, id, timeout: optionalUint32(1), context: optionalContext, payload: bytes }),
  /** final answer: the result */
  Ok: record("Ok", 2, { id, payload: bytes }),
  /** final answer: the declared error */
  Fail: record("Fail", 3, { id, payload: bytes }),
  /** final answer: anything else that went wrong */
  Reject: record("Reject", 4, { id, reason: msgpack(RemoteErrorReason) }),
  /** the caller wants no answer any more; a final one follows nevertheless */
  Interrupt: record("Interrupt", 5, { id }),
  /** final answer to `Interrupt`: the handler's finalizers have run */
  Interrupted: record("Interrupted", 6, { id }),
  /** elements of a stream: the payload is an array */
  Chunk: record("Chunk", 7, { id, payload: bytes }),
  /** final answer of a stream: its end */
  End: record("End", 8, { id }),
  /** so much of a stream was consumed */
  Credit: record("Credit", 9, { id, elements: uint32, bytes: uint32 }),
  /** a piece of a record that is longer than 256 KiB: of an answer, or of a call */
  Fragment: record("Fragment", 10, { id, answer: flag(1), piece: someBytes }),
  /** the rest of that record's pieces will not come */
  Cut: record("Cut", 11, { id, answer: flag(1) }),
  /** leases given back */
  Release: record("Release", 12, { leases }),
  /** is anybody there? */
  Ping: record("Ping", 13, { id }),
  /** answer to `Ping`, with its id */
  Pong: record("Pong", 14, { id }),
  /** please finish within so many milliseconds */
  Close: record("Close", 15, { deadline: uint32 }),
  /** the last record: the session ends; `detail` says what the peer did wrong, if it did */
  Goodbye: record("Goodbye", 16, { detail: text })
} as const

/**
 * The kinds of records and their numbers.
 *
 * @stability unstable
 * @category constants
 * @since 0.1.0
 */
export const kinds: { readonly [Tag in Message["_tag"]]: number } = Object.fromEntries(
  Object.entries(records).map(([tag, { kind }]) => [tag, kind])
) as { readonly [Tag in Message["_tag"]]: number }

/**
 * One record of the protocol.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Message = Schema.Union([
  records.Hello.schema,
  records.Call.schema,
  records.Ok.schema,
  records.Fail.schema,
  records.Reject.schema,
  records.Interrupt.schema,
  records.Interrupted.schema,
  records.Chunk.schema,
  records.End.schema,
  records.Credit.schema,
  records.Fragment.schema,
  records.Cut.schema,
  records.Release.schema,
  records.Ping.schema,
  records.Pong.schema,
  records.Close.schema,
  records.Goodbye.schema
])

/**
 * One record of the protocol.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Message = typeof Message.Type

// ---------------------------------------------------------------------------------------------------- to and from bytes

type Encoded = typeof Message.Encoded

const toBytes = (message: Encoded): Uint8Array => {
  const { fields, kind } = records[message._tag]
  const values: Readonly<Record<string, unknown>> = message
  const header = new Uint8Array(headerSize)
  const view = viewOf(header)
  header[4] = kind
  const parts = fields.map(([name, { bit = 0, part, place }]) => {
    const value = values[name]
    if (place === "method") view.setUint16(6, Number(value), true)
    else if (place === "id") view.setUint32(8, Number(value), true)
    else if (place === "flag") header[5] |= value ? bit : 0
    else if (value !== undefined) {
      header[5] |= bit
      return part!.write(value as never)
    }
    return new Uint8Array(0)
  })
  const all = Buffer.concat([header, ...parts])
  all.writeUInt32LE(all.length - 4, 0)
  return new Uint8Array(all)
}

const fromBytes = (bytes: Uint8Array): unknown => {
  if (bytes.length < headerSize) wrong("shorter than a header")
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== bytes.length - 4) wrong("the length is not its own")
  const [tag, { fields }] = Object.entries(records).find(([, { kind }]) => kind === bytes[4]) ??
    wrong("an unknown kind")
  const left = { method: view.getUint16(6, true), id: view.getUint32(8, true), flags: bytes[5]! }
  let payload = bytes.subarray(headerSize)
  const message: Record<string, unknown> = { _tag: tag }
  for (const [name, { bit = 0, part, place }] of fields) {
    const flagged = (left.flags & bit) !== 0
    left.flags &= ~bit
    if (place === "flag") message[name] = flagged
    else if (place !== "payload") {
      message[name] = left[place]
      left[place] = 0
    } else if (bit !== 0 && !flagged) message[name] = undefined
    else {
      const { size, value } = part!.read(payload)
      message[name] = value
      payload = payload.subarray(size)
    }
  }
  if (left.flags !== 0 || left.method !== 0 || left.id !== 0) {
    wrong("a field of the header that the kind has no use for")
  }
  if (payload.length > 0) wrong("too long")
  return message
}

/**
 * A record's bytes, header included.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const FromBytes = Schema.Uint8Array.pipe(
  Schema.decodeTo(
    Message,
    SchemaTransformation.transformEffect<Encoded, Uint8Array>({
      decode: (bytes, options) =>
        Effect.try({
          try: () => fromBytes(bytes) as Encoded,
          catch: (error) => new SchemaIssue.InvalidValue({ message: String(error) }, bytes, options)
        }),
      encode: (message) => Effect.sync(() => toBytes(message))
    })
  )
)
