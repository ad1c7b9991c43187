import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as fc from "fast-check"
import { deepStrictEqual } from "node:assert"
import { execFileSync } from "node:child_process"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { isDeepStrictEqual } from "node:util"
import * as Codec from "../../src/wire/Codec.ts"
import { Malformed } from "../../src/wire/internal/reader.ts"
import { Unencodable } from "../../src/wire/internal/unencodable.ts"
import { Person, Tree, Unreadable } from "../fixtures/wire/contracts.ts"
import { pair, readAll, readerOf, written } from "../support/wireValues.ts"

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/wire/${name}`, import.meta.url))

/** the value of an outcome that must be there without a fiber */
const now = (outcome: Codec.ToWire): unknown => {
  if (!Exit.isExit(outcome)) throw new Error("it needs a fiber")
  if (Exit.isFailure(outcome)) throw Cause.squash(outcome.cause)
  return outcome.value
}

const finished = (outcome: Codec.ToWire): unknown =>
  Effect.runSync(outcome as Effect.Effect<unknown, Schema.SchemaError>)

const encoded = (codec: Codec.Codec, value: unknown): Buffer =>
  written((writer) => codec.write(writer, now(codec.toWire(value))))

const there = (codec: Codec.Codec, value: unknown): unknown =>
  now(codec.fromWire(readAll(encoded(codec, value), (reader) => codec.read(reader))))

const issue = (outcome: Codec.ToWire): Effect.Effect<string> =>
  Effect.match(outcome as Effect.Effect<unknown, Schema.SchemaError>, {
    onFailure: (error) => error.message,
    onSuccess: () => "it fits"
  })

/** enough work for a codec to generate code, and the time that it takes to load what does it */
const warm = async (codec: Codec.Codec, value: unknown) => {
  for (let i = 0; i < 1000; i++) there(codec, value)
  await import("effect/schema/SchemaJITCompiler")
  await setImmediate()
}

describe("Codec", () => {
  const values: ReadonlyArray<readonly [schema: Schema.Top, value: unknown]> = [
    [Person, new Person({ name: "Ada", born: new Date(-1), age: 36 })],
    [Unreadable, new Unreadable({ path: "/x" })],
    [Schema.Union([Unreadable, Person]), new Person({ name: "Ada", born: new Date(0) })],
    [Tree, { value: 1, children: [{ value: 2, children: [] }] }],
    [Schema.Void, undefined],
    [Schema.NumberFromString, 12],
    [Schema.Array(Schema.Int), Array.from({ length: 1000 }, (_, i) => i * 100)],
    [Schema.Struct({ a: Schema.optional(Schema.String), b: Schema.NullOr(Schema.Int) }), { a: undefined, b: null }]
  ]

  it("gives back what it was given, at once, cold and warm", async () => {
    for (const [schema, value] of values) {
      const codec = Codec.make(schema)
      const cold = encoded(codec, value)
      deepStrictEqual(there(codec, value), value)
      await warm(codec, value)
      deepStrictEqual(there(codec, value), value)
      assert.strictEqual(encoded(codec, value).length, cold.length)
    }
  })

  it("understands what a cold codec wrote when it is warm, and the reverse", async () => {
    for (const [schema, value] of values) {
      const cold = Codec.make(schema)
      const bytes = encoded(cold, value)
      const hot = Codec.make(schema)
      await warm(hot, value)
      deepStrictEqual(now(hot.fromWire(readAll(bytes, (reader) => hot.read(reader)))), value)
      deepStrictEqual(now(cold.fromWire(readAll(encoded(hot, value), (reader) => cold.read(reader)))), value)
    }
  })

  it("gives back any value", () => {
    fc.assert(fc.property(pair, ([schema, value]) => {
      // Effect takes `toString` of a prototype for an optional key of that name
      const parsed = Schema.decodeUnknownExit(schema as Schema.Codec<unknown>)(value)
      fc.pre(Exit.isSuccess(parsed) && isDeepStrictEqual(parsed.value, value))
      const codec = Codec.make(schema)
      // Effect needs a fiber for some unions whose first member does not fit
      const wire = finished(codec.toWire(value))
      const read = readAll(written((writer) => codec.write(writer, wire)), (reader) => codec.read(reader))
      deepStrictEqual(finished(codec.fromWire(read)), value)
    }))
  })

  it("sends what declarations name as plain data, and bytes in it as bytes", async () => {
    const schema = Schema.Struct({
      photo: Schema.Option(Schema.Uint8Array),
      ages: Schema.ReadonlyMap(Schema.String, Schema.Option(Schema.NumberFromString)),
      tags: Schema.optionalKey(Schema.ReadonlySet(Schema.String)),
      timeout: Schema.Duration,
      home: Schema.URL
    })
    const value = {
      photo: Option.some(Uint8Array.of(1, 2, 3)),
      ages: new Map([["Ada", Option.some(36)], ["Grace", Option.none()]]),
      timeout: Duration.seconds(5),
      home: new URL("https://example.org/")
    }
    const codec = Codec.make(schema)
    deepStrictEqual(now(codec.toWire(value)), {
      photo: { _tag: "Some", value: Uint8Array.of(1, 2, 3) },
      ages: [["Ada", { _tag: "Some", value: "36" }], ["Grace", { _tag: "None" }]],
      timeout: { _tag: "Millis", value: 5000 },
      home: "https://example.org/"
    })
    const check = (expected: typeof value & { readonly tags?: ReadonlySet<string> }) => {
      const read = there(codec, expected) as typeof expected
      assert.isTrue(Option.isSome(read.photo))
      deepStrictEqual({ ...read, timeout: Duration.toMillis(read.timeout), home: read.home.href }, {
        ...expected,
        timeout: 5000,
        home: "https://example.org/"
      })
    }
    check(value)
    check({ ...value, tags: new Set(["a"]) })
    await warm(codec, value)
    check(value)
    check({ ...value, tags: new Set(["a"]) })
  })

  it("sends a Schema that contains itself in a declaration", async () => {
    interface Chain {
      readonly next: Option.Option<Chain>
    }
    interface ChainEncoded {
      readonly next: Option.Option<ChainEncoded>
    }
    const Chain: Schema.Codec<Chain, ChainEncoded> = Schema.Struct({
      next: Schema.Option(Schema.suspend((): Schema.Codec<Chain, ChainEncoded> => Chain))
    })
    const codec = Codec.make(Chain)
    let chain: Chain = { next: Option.none() }
    for (let i = 0; i < 20; i++) chain = { next: Option.some(chain) }
    deepStrictEqual(there(codec, chain), chain)
    await warm(codec, chain)
    deepStrictEqual(there(codec, chain), chain)
  })

  it.effect("says where a value does not fit", () =>
    Effect.gen(function*() {
      const codec = Codec.make(Schema.Struct({ people: Schema.Array(Schema.Struct({ age: Schema.Int })) }))
      const wrong = { people: [{ age: 1 }, { age: "x" }] }
      assert.match(yield* issue(codec.toWire(wrong)), /Expected number\s*at \["people"\]\[1\]\["age"\]/)
      assert.match(yield* issue(codec.fromWire(wrong)), /Expected number\s*at \["people"\]\[1\]\["age"\]/)
      assert.match(yield* issue(Codec.make(Person).toWire({ name: 1 })), /Expected/)
    }))

  it("says where something is that cannot be sent", () => {
    const codec = Codec.make(Schema.Struct({ list: Schema.Array(Schema.Unknown) }))
    const value = { list: [1, { inner: new Map() }] }
    assert.throws(() => encoded(codec, value), Unencodable, /an instance of Map[\s\S]*at \["list"\]\[1\]\["inner"\]/)
    assert.throws(() => encoded(Codec.make(Schema.Unknown), Symbol("s")), Unencodable, /Symbol\(s\)/)
    const declared = Codec.make(Schema.Struct({ point: Schema.instanceOf(WeakRef) }))
    assert.throws(() => encoded(declared, { point: new WeakRef({}) }), Unencodable, /WeakRef[\s\S]*at \["point"\]/)
  })

  it("refuses what is no msgpack", () => {
    assert.throws(() => Codec.make(Schema.Int).read(readerOf(Uint8Array.of(0xc1))), Malformed)
    assert.throws(() => Codec.make(Schema.Int).read(readerOf(Uint8Array.of())), Malformed)
  })

  it.effect("runs what a Schema needs a fiber and services for", () =>
    Effect.gen(function*() {
      class Salt extends Context.Service<Salt, string>()("test/Salt") {}
      const Salted = Schema.String.pipe(
        Schema.decodeTo(
          Schema.String,
          SchemaTransformation.transformEffect({
            decode: (text: string) =>
              Effect.map(Effect.yieldNow.pipe(Effect.andThen(Salt)), (salt) => text.slice(salt.length)),
            encode: (text: string) => Effect.map(Effect.yieldNow.pipe(Effect.andThen(Salt)), (salt) => salt + text)
          })
        )
      )
      const codec = Codec.make(Salted)
      const outcome = codec.toWire("word")
      assert.isFalse(Exit.isExit(outcome))
      const wire = yield* Effect.provideService(
        outcome as Effect.Effect<unknown, Schema.SchemaError, Salt>,
        Salt,
        "salt"
      )
      assert.strictEqual(wire, "saltword")
      const back = codec.fromWire(wire) as Effect.Effect<unknown, Schema.SchemaError, Salt>
      assert.strictEqual(yield* Effect.provideService(back, Salt, "salt"), "word")
    }))

  it.effect("gives what a Schema throws as a defect", () =>
    Effect.gen(function*() {
      const boom = (): string => {
        throw new Error("boom")
      }
      const codec = Codec.make(
        Schema.String.pipe(
          Schema.decodeTo(Schema.String, SchemaTransformation.transform({ decode: boom, encode: boom }))
        )
      )
      for (const outcome of [codec.toWire("x"), codec.fromWire("x")]) {
        const exit = yield* Effect.exit(outcome as Effect.Effect<unknown, Schema.SchemaError>)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }
    }))

  it.effect("fails, and does not throw, for bytes that nest as deep as is allowed", () =>
    Effect.gen(function*() {
      const codec = Codec.make(Tree)
      let tree: unknown = "not a tree"
      for (let i = 0; i < 250; i++) tree = { value: i, children: [tree] }
      const bytes = written((writer) => writer.any(tree))
      const wire = readAll(bytes, (reader) => codec.read(reader))
      const exit = yield* Effect.exit(codec.fromWire(wire) as Effect.Effect<unknown, Schema.SchemaError>)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
    }))

  it("works where code generation is forbidden", () => {
    const args = ["--disallow-code-generation-from-strings", fixture("withoutCodeGeneration.ts")]
    assert.strictEqual(execFileSync(process.execPath, args, { encoding: "utf8" }), "all read")
  })
})
