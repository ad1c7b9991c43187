/**
 * How the values of a Schema travel.
 *
 * In two steps each way: the Schema's own encoding, which is the user's code and may be an Effect, and the bytes, which
 * are written and read without a break. The bytes are plain msgpack of the Schema's encoded side.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { compile, generic, type WireCodec } from "./internal/compile.ts"
import { fingerprint as fingerprintOf } from "./internal/fingerprint.ts"
import { portable } from "./internal/portable.ts"
import type { Reader } from "./internal/reader.ts"
import { locate, Unencodable } from "./internal/unencodable.ts"
import type { Writer } from "./internal/writer.ts"

/**
 * A Schema, made ready for the wire.
 *
 * **Details**
 *
 * What the wire holds besides JSON: bytes, bigints, Dates, `undefined` (an absent key stays absent, a present
 * `undefined` stays present), -0, NaN and the infinities. Where the encoded side of a Schema holds something else, what
 * its declaration names as plain data (`toCodec`, `toCodecJson`) is sent: so `Option`, `ReadonlyMap`, `Duration`, `URL`
 * and the like travel. What remains (functions, symbols, instances of classes in `Schema.Unknown`) is refused with the
 * path at which it is. Half of a surrogate pair in a string becomes U+FFFD.
 *
 * **Gotchas**
 *
 * Bytes of 16 KiB and more are sent by reference: they must not change until they are sent.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Codec {
  readonly schema: Schema.Top
  /** equal wherever the contract is equal, see `fingerprint` */
  readonly fingerprint: string
  /** Encodes by the Schema. An `Exit` unless the Schema itself needs a fiber. */
  readonly toWire: (value: unknown) => ToWire
  /** Writes what `toWire` gave; throws `Unencodable` for what msgpack cannot hold. */
  readonly write: (writer: Writer, wire: unknown) => void
  /** Reads one value, for `fromWire`; throws `Malformed` for what is not msgpack. */
  readonly read: (reader: Reader) => unknown
  /** Decodes by the Schema. An `Exit` unless the Schema itself needs a fiber. */
  readonly fromWire: (wire: unknown) => ToWire
}

/**
 * The outcome of a Schema: an `Exit` if it was there at once, else what must be run.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type ToWire = Exit.Exit<unknown, Schema.SchemaError> | Effect.Effect<unknown, Schema.SchemaError, any>

/**
 * Makes a Schema ready for the wire.
 *
 * **Details**
 *
 * Cheap, as a child that has just started needs it to be: code is generated, for the bytes and for the Schema, when the
 * codec has done a little work. Where code generation is forbidden it works the same without.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (schema: Schema.Top): Codec => new CodecImpl(schema)

/**
 * A short hash of what two ends must agree on: names, types, optionality, literals and checks of both sides of the
 * Schema. Annotations such as titles, and the order of fields, do not change it.
 *
 * @stability unstable
 * @category utils
 * @since 0.1.0
 */
export const fingerprint = (schema: Schema.Top): string => fingerprintOf(schema.ast)

/** work, in bytes written and read, after which generated code is worth the milliseconds that it costs to make */
const warmAfter = 16 << 10
const workOfOneValue = 32

class CodecImpl implements Codec {
  readonly schema: Schema.Top
  private portable: Schema.Top | undefined
  private encode: (value: unknown) => ToWire
  private decode: (wire: unknown) => ToWire
  private wire: WireCodec = generic
  private work = 0
  private cachedFingerprint: string | undefined

  constructor(schema: Schema.Top) {
    this.schema = schema
    // most of a contract's methods are never called by most processes that load it
    this.encode = (value) => {
      this.prepare()
      return this.encode(value)
    }
    this.decode = (wire) => {
      this.prepare()
      return this.decode(wire)
    }
  }

  get fingerprint(): string {
    return this.cachedFingerprint ??= fingerprint(this.schema)
  }

  toWire(value: unknown): ToWire {
    try {
      return this.encode(value)
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  fromWire(wire: unknown): ToWire {
    try {
      return this.decode(wire)
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  write(writer: Writer, wire: unknown): void {
    const cold = this.work < warmAfter
    const before = cold ? writer.recordSize() : 0
    try {
      this.wire.write(writer, wire, 0)
    } catch (error) {
      // the writer does not keep track of where it is
      throw error instanceof Unencodable ? locate(wire) ?? error : error
    }
    if (cold) this.worked(writer.recordSize() - before)
  }

  read(reader: Reader): unknown {
    if (this.work >= warmAfter) return this.wire.read(reader, 0)
    const before = reader.position
    const wire = this.wire.read(reader, 0)
    this.worked(reader.position - before)
    return wire
  }

  private prepare(): Schema.Top {
    return this.portable ??= this.parseBy(portable(this.schema))
  }

  private parseBy(schema: Schema.Top): Schema.Top {
    this.encode = Schema.encodeUnknownEffect(schema)
    this.decode = Schema.decodeUnknownEffect(schema)
    return schema
  }

  private worked(bytes: number): void {
    this.work += workOfOneValue + bytes
    if (this.work < warmAfter) return
    const schema = this.prepare()
    this.wire = compile(Schema.toEncoded(schema).ast)
    void compileSchema(schema).then(() => this.parseBy(schema))
  }
}

/**
 * Makes Effect generate code for a Schema; parsers that were made before go on as they were.
 *
 * Effect's compiler is loaded when first needed: 4 ms that most short-lived processes need not spend. Without it, and for
 * what it cannot compile, Schemas are interpreted as before.
 */
const compileSchema = async (schema: Schema.Top): Promise<void> => {
  try {
    const { enable } = await import("effect/schema/SchemaJITCompiler")
    enable(schema.ast)
    enable(Schema.flip(schema).ast)
  } catch {}
}
