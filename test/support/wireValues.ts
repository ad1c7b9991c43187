/** Schemas with values of them, as the wire meets them: what is encoded already, so that a Schema only checks. */
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { Loan, Memory } from "../../src/wire/internal/memory.ts"
import { Reader } from "../../src/wire/internal/reader.ts"
import { Writer } from "../../src/wire/internal/writer.ts"

export interface Sample {
  readonly schema: Schema.Top
  readonly value: fc.Arbitrary<unknown>
}

export type Pair = readonly [schema: Schema.Top, value: unknown]

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 8 }).filter((text) => Buffer.from(text).toString() === text),
  fc.nat(300).map((length) => "x".repeat(length)),
  fc.constantFrom("", "é", "x".repeat(31), "x".repeat(32), "€".repeat(85), "€".repeat(86), "y".repeat(5462))
)

const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 127, 128, -32, -33, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32, -(2 ** 31), NaN, Infinity)
)

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(0, 255, 256, 65_535, 65_536, 16_383, 16_384).map((length) => new Uint8Array(length).fill(7))
)

/** without `__proto__`, which msgpackr renames */
const key = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.constantFrom(
    "a",
    "constructor",
    "toString",
    "0",
    "1",
    "k".repeat(31),
    "k".repeat(32),
    "k".repeat(90),
    "\u2028'\"\\`${"
  )
).filter((key) => key !== "__proto__")

const bigint = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n), fc.bigInt(-9n, 9n))

/** plain objects, as everything on the wire is; without `requiredKeys` all keys are there */
const object = (values: Record<string, fc.Arbitrary<unknown>>, requiredKeys = Object.keys(values)) =>
  fc.record(values, { noNullPrototype: true, requiredKeys })

const anything = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    number,
    fc.constantFrom(null, undefined, true, false),
    bytes,
    bigint,
    fc.date({ noInvalidDate: true }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true })
  )
})).value

const Color = { red: "red", green: "green" } as const

const leaf: fc.Arbitrary<Sample> = fc.constantFrom<Array<Sample>>(
  { schema: Schema.Number, value: number },
  { schema: Schema.Int, value: fc.maxSafeInteger() },
  { schema: Schema.String, value: text },
  { schema: Schema.Boolean, value: fc.boolean() },
  { schema: Schema.Null, value: fc.constant(null) },
  { schema: Schema.Undefined, value: fc.constant(undefined) },
  { schema: Schema.Uint8Array, value: bytes },
  { schema: Schema.BigInt, value: bigint },
  { schema: Schema.Date, value: fc.date({ noInvalidDate: true }) },
  { schema: Schema.Unknown, value: anything },
  { schema: Schema.Literal("only"), value: fc.constant("only") },
  { schema: Schema.Literal(0), value: fc.constantFrom(0, -0) },
  { schema: Schema.Literal(12n), value: fc.constant(12n) },
  { schema: Schema.Literals(["a", "b", 3, true]), value: fc.constantFrom("a", "b", 3, true) },
  { schema: Schema.Literals(["red", "green"]), value: fc.constantFrom("red", "green") },
  { schema: Schema.Enum(Color), value: fc.constantFrom("red", "green") },
  { schema: Schema.TemplateLiteral(["id-", Schema.String]), value: text.map((text) => `id-${text}`) },
  { schema: Schema.NullOr(Schema.Number), value: fc.option(number) },
  { schema: Schema.UndefinedOr(Schema.String), value: fc.option(text, { nil: undefined }) }
)

interface List {
  readonly head: number
  readonly tail: List | null
}
const List: Schema.Codec<List> = Schema.Struct({
  head: Schema.Number,
  tail: Schema.NullOr(Schema.suspend((): Schema.Codec<List> => List))
})

type Expression =
  | { readonly _tag: "Value"; readonly value: number }
  | { readonly _tag: "Sum"; readonly terms: ReadonlyArray<Expression>; readonly note?: string }
const Expression: Schema.Codec<Expression> = Schema.Union([
  Schema.Struct({ value: Schema.Number, _tag: Schema.Literal("Value") }),
  Schema.Struct({
    _tag: Schema.Literal("Sum"),
    note: Schema.optionalKey(Schema.String),
    terms: Schema.Array(Schema.suspend((): Schema.Codec<Expression> => Expression))
  })
])

const recursive: fc.Arbitrary<Sample> = fc.constantFrom<Array<Sample>>(
  {
    schema: List,
    value: fc.letrec((tie) => ({ list: object({ head: number, tail: fc.option(tie("list"), { maxDepth: 8 }) }) })).list
  },
  {
    schema: Expression,
    value: fc.letrec((tie) => ({
      expression: fc.oneof(
        { maxDepth: 4 },
        object({ _tag: fc.constant("Value"), value: number }),
        object({ _tag: fc.constant("Sum"), note: text, terms: fc.array(tie("expression"), { maxLength: 3 }) }, [
          "_tag",
          "terms"
        ])
      )
    })).expression
  }
)

const array = ({ schema, value }: Sample): Sample => ({
  schema: Schema.Array(schema),
  value: fc.oneof(fc.array(value, { maxLength: 5 }), fc.array(value, { minLength: 16, maxLength: 20 }))
})

const tuple = (samples: ReadonlyArray<Sample>, rest: Sample): Sample => ({
  schema: Schema.TupleWithRest(Schema.Tuple(samples.map(({ schema }) => schema)), [rest.schema]),
  value: fc.tuple(fc.tuple(...samples.map(({ value }) => value)), fc.array(rest.value, { maxLength: 3 }))
    .map(([elements, rest]) => elements.concat(rest))
})

const struct = (fields: ReadonlyArray<readonly [name: string, optional: boolean, sample: Sample]>): Sample => ({
  schema: Schema.Struct(
    Object.fromEntries(
      fields.map(([name, optional, { schema }]) => [name, optional ? Schema.optionalKey(schema) : schema])
    )
  ),
  value: object(
    Object.fromEntries(fields.map(([name, , { value }]) => [name, value])),
    fields.filter(([, optional]) => !optional).map(([name]) => name)
  )
})

const record = ({ schema, value }: Sample): Sample => ({
  schema: Schema.Record(Schema.String, schema),
  value: fc.dictionary(key, value, { maxKeys: 18, noNullPrototype: true })
})

const tagged = (first: Sample, second: Sample): Sample => ({
  schema: Schema.Union([
    Schema.Struct({ first: first.schema, _tag: Schema.Literal("First") }),
    Schema.Struct({ _tag: Schema.Literal("Second"), second: Schema.optionalKey(second.schema) }),
    Schema.Null
  ]),
  value: fc.oneof(
    object({ first: first.value, _tag: fc.constant("First") }),
    object({ _tag: fc.constant("Second"), second: second.value }, ["_tag"]),
    fc.constant(null)
  )
})

const either = (one: Sample, other: Sample): Sample => ({
  schema: Schema.Union([one.schema, other.schema]),
  value: fc.oneof(one.value, other.value)
})

export const sample: fc.Arbitrary<Sample> = fc.letrec<{ sample: Sample }>((tie) => {
  const inner = tie("sample")
  const fields = (lengths: { readonly minLength: number; readonly maxLength: number }) =>
    fc.uniqueArray(fc.tuple(key, fc.boolean(), inner), { ...lengths, selector: ([name]) => name }).map(struct)
  return {
    sample: fc.oneof(
      { maxDepth: 3 },
      leaf,
      recursive,
      inner.map(array),
      fc.tuple(fc.array(inner, { maxLength: 3 }), inner).map(([samples, rest]) => tuple(samples, rest)),
      fields({ minLength: 1, maxLength: 5 }),
      fields({ minLength: 15, maxLength: 18 }),
      inner.map(record),
      fc.tuple(inner, inner).map(([first, second]) => tagged(first, second)),
      fc.tuple(inner, inner).map(([one, other]) => either(one, other))
    )
  }
}).sample

export const pair: fc.Arbitrary<Pair> = sample.chain(({ schema, value }) =>
  value.map((value) => [schema, value] as const)
)

/** any value that the wire can hold */
export const wireValue: fc.Arbitrary<unknown> = anything

/** what `write` writes, as one piece */
export const written = (write: (writer: Writer) => void, writer = new Writer()): Buffer => {
  writer.begin(0)
  write(writer)
  writer.finish()
  return Buffer.concat(writer.take())
}

/** a reader of `bytes`, which lie in the middle of others: reading on behind their end is possible, and wrong */
export const readerOf = (bytes: Uint8Array, owned = false): Reader => {
  const loanOf = (buffer: Buffer<ArrayBuffer>) => owned ? new Loan(new Memory(), buffer.buffer) : undefined
  const buffer = Buffer.concat([Buffer.alloc(3, 0xc1), bytes, Buffer.alloc(16, 0x01)])
  const reader = new Reader()
  reader.reset(
    buffer,
    new DataView(buffer.buffer, buffer.byteOffset, buffer.length),
    3,
    3 + bytes.length,
    loanOf(buffer)
  )
  return reader
}

/** what `read` reads, which must be all of `bytes` */
export const readAll = (bytes: Uint8Array, read: (reader: Reader) => unknown = (reader) => reader.any()): unknown => {
  const reader = readerOf(bytes)
  const value = read(reader)
  reader.expectEnd()
  return value
}

/** a seeded source of numbers below `limit` */
export const random = (seed: number) => {
  let state = seed
  return (limit: number): number => {
    state = (state + 0x6d2b_79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}
