/** How typed values become the bytes of a message. */
import * as Schema from "effect/Schema"
import * as Codec from "../../wire/Codec.ts"
import { Reader } from "../../wire/internal/reader.ts"
import type { Writer } from "../../wire/internal/writer.ts"

/** The two steps of a codec each way: the Schema's own, which may need a fiber, and the bytes. */
export interface Format {
  readonly toWire: (value: unknown) => Codec.ToWire
  readonly write: (writer: Writer, wire: unknown) => void
  readonly read: (bytes: Uint8Array<ArrayBuffer>) => unknown
  readonly fromWire: (wire: unknown) => Codec.ToWire
}

export type Name = "msgpack" | "json"

const msgpack = (schema: Schema.Top): Format => {
  const codec = Codec.make(schema)
  return {
    toWire: (value) => codec.toWire(value),
    write: (writer, wire) => codec.write(writer, wire),
    read: (bytes) => {
      const reader = new Reader()
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      reader.reset(buffer, new DataView(buffer.buffer, buffer.byteOffset, buffer.length), 0, buffer.length, undefined)
      const wire = codec.read(reader)
      reader.expectEnd()
      return wire
    },
    fromWire: (wire) => codec.fromWire(wire)
  }
}

const text = new TextDecoder("utf-8", { fatal: true })

const json = (schema: Schema.Top): Format => {
  const plain = Schema.toCodecJson(schema)
  return {
    toWire: Schema.encodeUnknownEffect(plain),
    write: (writer, wire) => writer.raw(Buffer.from(JSON.stringify(wire), "utf8")),
    read: (bytes) => JSON.parse(text.decode(bytes)),
    fromWire: Schema.decodeUnknownEffect(plain)
  }
}

const made = { msgpack: new WeakMap<Schema.Top, Format>(), json: new WeakMap<Schema.Top, Format>() }
const makers = { msgpack, json }

/** Made once for a Schema. */
export const of = (schema: Schema.Top, name: Name): Format => {
  let format = made[name].get(schema)
  if (format === undefined) made[name].set(schema, format = makers[name](schema))
  return format
}
