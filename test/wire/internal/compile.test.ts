import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as fc from "fast-check"
import { Packr, Unpackr } from "msgpackr"
import { deepStrictEqual } from "node:assert"
import { compile, generic, type WireCodec } from "../../../src/wire/internal/compile.ts"
import { Malformed, Reader } from "../../../src/wire/internal/reader.ts"
import { pair, random, readAll, readerOf, written } from "../../support/wireValues.ts"

const codecOf = (schema: Schema.Top): WireCodec => compile(SchemaAST.toEncoded(schema.ast))
const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false })

/** what msgpackr makes of a value: it gives Buffers, and loses the sign of -0 */
const asMsgpackr = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(asMsgpackr)
  if (typeof value !== "object" || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, asMsgpackr(value)]))
}

/** the same value with the keys of its objects in the opposite order */
const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, reversed(value)]).toReversed())
}

const outcome = (read: () => unknown): readonly [ok: boolean, value: unknown] => {
  try {
    return [true, comparable(read())]
  } catch (error) {
    assert.instanceOf(error, Malformed)
    return [false, undefined]
  }
}

const numRuns = process.env.SOAK === undefined ? 300 : 5000

/** the same value, where Dates that are invalid equal each other: in Node 22 they do not */
const comparable = (value: unknown): unknown => {
  if (value instanceof Date) return value.getTime()
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, comparable(value)]))
}

const check = (property: (schema: Schema.Top, value: unknown) => void) =>
  fc.assert(fc.property(pair, ([schema, value]) => property(schema, value)), { numRuns })

describe("compile", () => {
  it("writes what msgpackr and the generic reader read", () => {
    check((schema, value) => {
      const bytes = written((writer) => codecOf(schema).write(writer, value, 0))
      deepStrictEqual(readAll(bytes), value)
      deepStrictEqual(asMsgpackr(unpackr.unpack(bytes)), asMsgpackr(value))
    })
  })

  it("reads what the generic writer and msgpackr write", () => {
    check((schema, value) => {
      const read = (reader: Reader) => codecOf(schema).read(reader, 0)
      deepStrictEqual(readAll(written((writer) => generic.write(writer, value, 0)), read), value)
      deepStrictEqual(readAll(packr.pack(value), read), asMsgpackr(value))
    })
  })

  it("reads what it wrote", () => {
    check((schema, value) => {
      const codec = codecOf(schema)
      deepStrictEqual(
        readAll(written((writer) => codec.write(writer, value, 0)), (reader) => codec.read(reader, 0)),
        value
      )
    })
  })

  it("reads keys in any order", () => {
    check((schema, value) => {
      const bytes = written((writer) => generic.write(writer, reversed(value), 0))
      deepStrictEqual(readAll(bytes, (reader) => codecOf(schema).read(reader, 0)), value)
    })
  })

  it("reads a value of any Schema as the generic reader does", () => {
    fc.assert(
      fc.property(pair, pair, ([schema], [, value]) => {
        const bytes = written((writer) => generic.write(writer, value, 0))
        deepStrictEqual(readAll(bytes, (reader) => codecOf(schema).read(reader, 0)), value)
      }),
      { numRuns }
    )
  })

  it("agrees with the generic reader on 5000 mutated messages", () => {
    const next = random(20_261_122)
    const samples = fc.sample(pair, { seed: 7, numRuns: 250 })
    let refused = 0
    for (const [schema, value] of samples) {
      const codec = codecOf(schema)
      const original = written((writer) => codec.write(writer, value, 0))
      for (let i = 0; i < 20; i++) {
        const bytes = Buffer.from(original)
        for (let changes = next(3); changes >= 0 && bytes.length > 0; changes--) bytes[next(bytes.length)] = next(256)
        const shown = bytes.subarray(0, next(4) === 0 ? next(bytes.length + 1) : bytes.length)
        const compiled = readerOf(shown)
        const plain = readerOf(shown)
        const found = outcome(() => codec.read(compiled, 0))
        deepStrictEqual(found, outcome(() => generic.read(plain, 0)))
        if (found[0]) assert.strictEqual(compiled.position, plain.position)
        else refused++
      }
    }
    // both outcomes were seen
    assert.isAbove(refused, 500)
    assert.isBelow(refused, 4500)
  })

  it("refuses a message that ends at any of its bytes", () => {
    for (const [schema, value] of fc.sample(pair, { seed: 11, numRuns: 120 })) {
      const codec = codecOf(schema)
      const bytes = written((writer) => codec.write(writer, value, 0))
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const reader = new Reader()
      const step = Math.max(1, Math.floor(bytes.length / 300))
      for (let length = 0; length < bytes.length; length += step) {
        // the other bytes are still there, behind the end
        reader.reset(bytes, view, 0, length, undefined)
        assert.throws(() => codec.read(reader, 0), Malformed)
      }
    }
  })

  it("does not take what follows an object for one of its fields", () => {
    const codec = codecOf(
      Schema.Tuple([
        Schema.Struct({ a: Schema.Number, b: Schema.optionalKey(Schema.Number) }),
        Schema.String,
        Schema.Number
      ])
    )
    const value = [{ a: 1 }, "b", 5]
    deepStrictEqual(
      readAll(written((writer) => codec.write(writer, value, 0)), (reader) => codec.read(reader, 0)),
      value
    )
    // one entry where two are required, and what looks like the second
    const struct = codecOf(
      Schema.Tuple([Schema.Struct({ a: Schema.Number, b: Schema.Number }), Schema.String, Schema.Number])
    )
    deepStrictEqual(
      readAll(written((writer) => generic.write(writer, value, 0)), (reader) => struct.read(reader, 0)),
      value
    )
  })

  it("writes unions whose members cannot be told apart beforehand", () => {
    const A = Schema.Struct({ _tag: Schema.Literal("A"), a: Schema.Number })
    const unions: ReadonlyArray<readonly [schema: Schema.Top, values: ReadonlyArray<unknown>]> = [
      [Schema.Union([A, Schema.Struct({ _tag: Schema.Literal("A"), b: Schema.String })]), [{ _tag: "A", b: "x" }, {
        _tag: "A",
        a: 1
      }]],
      [Schema.Union([A, Schema.Struct({ kind: Schema.Literal("A"), b: Schema.String })]), [{ kind: "A", b: "x" }]],
      [Schema.Union([A, Schema.Struct({ a: Schema.String, b: Schema.Number })]), [{ a: "x", b: 1 }]],
      [Schema.Union([A, Schema.Record(Schema.String, Schema.Boolean)]), [{ b: true }, { _tag: "A", a: 1 }]],
      [Schema.Union([A, Schema.Record(Schema.String, Schema.String)]), [{ _tag: "A", b: "x" }, { _tag: "A", a: 1 }]],
      [Schema.Union([A, Schema.Unknown]), [{ other: 1 }, 1, "x", [1], null, new Date(0)]],
      [Schema.Union([A, Schema.Uint8Array, Schema.Date]), [Uint8Array.of(1), new Date(1), { _tag: "A", a: 1 }]],
      [Schema.Union([A, Schema.Uint8Array]), [Uint8Array.of(1), { _tag: "A", a: 1 }]],
      [Schema.Union([Schema.Array(Schema.Number), Schema.Array(Schema.String)]), [["x"], [1]]],
      [Schema.Union([Schema.Array(Schema.Number), A, Schema.String]), [[1], { _tag: "A", a: 1 }, "x"]],
      [Schema.Union([Schema.NullOr(A), Schema.UndefinedOr(Schema.Array(Schema.String))]), [null, undefined, ["x"]]],
      [Schema.Union([Schema.Struct({}), A]), [{ other: 1 }, 5, "x"]]
    ]
    for (const [schema, values] of unions) {
      const codec = codecOf(schema)
      for (const value of values) {
        assert.isTrue(Schema.is(schema)(value))
        const bytes = written((writer) => codec.write(writer, value, 0))
        deepStrictEqual(readAll(bytes), value)
        deepStrictEqual(readAll(bytes, (reader) => codec.read(reader, 0)), value)
      }
    }
  })

  it("keeps absent, undefined and null apart", () => {
    const schema = Schema.Struct({
      a: Schema.optional(Schema.NullOr(Schema.String)),
      b: Schema.optionalKey(Schema.Number),
      c: Schema.NullOr(Schema.Number)
    })
    const codec = codecOf(schema)
    for (const value of [{ c: null }, { a: undefined, c: 1 }, { a: null, b: 2, c: 3 }, { a: "x", c: null }]) {
      const read = readAll(written((writer) => codec.write(writer, value, 0)), (reader) => codec.read(reader, 0))
      deepStrictEqual(read, value)
    }
  })

  it("has own keys where names are those of prototypes", () => {
    const codec = codecOf(Schema.Record(Schema.String, Schema.Number))
    const value = JSON.parse("{\"__proto__\":1,\"constructor\":2,\"toString\":3}")
    const read = readAll(written((writer) => codec.write(writer, value, 0)), (reader) => codec.read(reader, 0))
    deepStrictEqual(read, value)
    assert.deepStrictEqual(Object.keys(read as object), ["__proto__", "constructor", "toString"])
    assert.strictEqual(Object.getPrototypeOf(read), Object.prototype)
  })

  it("does not take a property of a prototype for an optional one", () => {
    const codec = codecOf(Schema.Struct({ toString: Schema.optionalKey(Schema.String), a: Schema.Number }))
    const bytes = written((writer) => codec.write(writer, { a: 1 }, 0))
    deepStrictEqual(readAll(bytes), { a: 1 })
  })

  it("ends for a Schema that makes new nodes for ever", () => {
    const endless = (): Schema.Top => Schema.Struct({ next: Schema.NullOr(Schema.suspend(endless)) })
    const codec = codecOf(endless())
    const value = { next: { next: { next: null } } }
    deepStrictEqual(
      readAll(written((writer) => codec.write(writer, value, 0)), (reader) => codec.read(reader, 0)),
      value
    )
  })

  it("reads each byte once, however many times a struct nearly matches", () => {
    interface Nested {
      readonly inner: Nested | null
      readonly last: number
    }
    const Nested: Schema.Codec<Nested> = Schema.Struct({
      inner: Schema.NullOr(Schema.suspend((): Schema.Codec<Nested> => Nested)),
      last: Schema.Number
    })
    const codec = codecOf(Nested)
    // the second key of each level is another one than expected; a reader that began again would need 2 ** 500 steps
    const bytes = Buffer.concat([
      Buffer.concat(Array.from({ length: 500 }, () => Buffer.from("82a5696e6e6572", "hex"))),
      Buffer.from("c0", "hex"),
      Buffer.concat(Array.from({ length: 500 }, () => Buffer.from("a4787878780a", "hex")))
    ])
    let levels = 0
    for (let value = readAll(bytes, (reader) => codec.read(reader, 0)); value !== null; levels++) {
      value = (value as { readonly inner: unknown }).inner
    }
    assert.strictEqual(levels, 500)
  })
})
