import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { construct, constructForWire, make, type Options } from "../../src/remote/internal/contract.ts"
import { Unknown } from "../support/unknown.ts"

class User extends Schema.Class<User>("test/User")({
  name: Schema.String,
  age: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(7)))
}) {}
class Team extends Schema.Class<Team>("test/Team")({ lead: User, members: Schema.Array(User) }) {}
class Blank extends Schema.Class<Blank>("test/Blank")({ note: Schema.optionalKey(Schema.String) }) {}

interface Tree {
  readonly user: User
  readonly more: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree, unknown> = Schema.Struct({
  user: Schema.suspend(() => User),
  more: Schema.Array(Schema.suspend(() => Tree))
})

const ann = new User({ name: "ann", age: 1 })
const now = DateTime.makeUnsafe(0)

/** what a caller may write, and what the handler then sees */
const fits: Record<string, readonly [payload: Options["payload"], input: unknown, expected: unknown]> = {
  "no payload": [undefined, undefined, undefined],
  "something, where there is no payload": [undefined, 1, undefined],
  "fields": [{ n: Schema.Int }, { n: 1 }, { n: 1 }],
  "a default": [{ n: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(3))) }, {}, { n: 3 }],
  "a default that needs a fiber": [
    { n: Schema.Int.pipe(Schema.withConstructorDefault(Effect.delay(Effect.succeed(3), 0))) },
    {},
    { n: 3 }
  ],
  "nothing, where all have defaults": [
    { n: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(3))) },
    undefined,
    { n: 3 }
  ],
  "nothing, where all are optional": [{ n: Schema.optionalKey(Schema.Int) }, undefined, {}],
  "nothing, for a class whose fields are optional": [Blank, undefined, new Blank({})],
  "nothing, for a record": [Schema.Record(Schema.String, Schema.Int), undefined, {}],
  "undefined, where it is a value": [Schema.UndefinedOr(Schema.Struct({})), undefined, undefined],
  "undefined, where anything is": [Schema.Unknown, undefined, undefined],
  "null": [Schema.NullOr(Schema.Struct({})), null, null],
  "zero": [Schema.Int, 0, 0],
  "an instance": [User, ann, ann],
  "a class's fields": [User, { name: "bo", age: 2 }, new User({ name: "bo", age: 2 })],
  "a class's fields but for a default": [User, { name: "bo" }, new User({ name: "bo", age: 7 })],
  "a class's fields in a struct": [{ user: User }, { user: { name: "bo", age: 2 } }, {
    user: new User({ name: "bo", age: 2 })
  }],
  "a class's fields in a class": [
    Team,
    { lead: { name: "bo" }, members: [ann, { name: "cy" }] },
    new Team({ lead: new User({ name: "bo" }), members: [ann, new User({ name: "cy" })] })
  ],
  "a class's fields in a union": [Schema.Union([Schema.String, User]), { name: "bo" }, new User({ name: "bo" })],
  "a class's fields in a tuple and in a record": [
    Schema.Tuple([Schema.Record(Schema.String, User)]),
    [{ a: { name: "bo" } }],
    [{ a: new User({ name: "bo" }) }]
  ],
  "a class's fields in a tree": [Tree, { user: { name: "a" }, more: [{ user: { name: "b" }, more: [] }] }, {
    user: new User({ name: "a" }),
    more: [{ user: new User({ name: "b" }), more: [] }]
  }],
  "bytes, dates and options": [
    { bytes: Schema.Uint8Array, at: Schema.DateTimeUtc, option: Schema.Option(User) },
    { bytes: Uint8Array.of(1), at: now, option: Option.some(ann) },
    { bytes: Uint8Array.of(1), at: now, option: Option.some(ann) }
  ],
  "the decoded side of a transformation": [{ n: Schema.NumberFromString }, { n: 1 }, { n: 1 }]
}

describe("a payload is completed", () => {
  for (const [name, [payload, input, expected]] of Object.entries(fits)) {
    it.live(name, () =>
      Effect.gen(function*() {
        const contract = make("app/f", payload === undefined ? {} : { payload })
        const made = yield* construct(contract)(input)
        assert.deepStrictEqual(made, expected)
        const sent = yield* constructForWire(contract)(input)
        // what is sent need not be checked yet, but has to encode to the same
        const encode = Schema.encodeUnknownEffect(contract.payload as Schema.Codec<unknown>)
        assert.deepStrictEqual(yield* encode(sent), yield* encode(made))
      }))
  }

  it("at once where it can be", () => {
    for (const [payload, input] of [[{ n: Schema.Int }, { n: 1 }], [User, { name: "bo" }], [User, ann]] as const) {
      assert.isTrue(Effect.runSyncExit(construct(make("app/f", { payload }))(input))._tag === "Success")
    }
  })
})

describe("a payload that does not fit", () => {
  const refusals: Record<string, readonly [payload: Options["payload"], input: unknown, issue: string]> = {
    "of another type": [{ n: Schema.Int }, { n: "1" }, `["n"]`],
    "without a field": [{ n: Schema.Int }, {}, `["n"]`],
    "absent": [{ n: Schema.Int }, undefined, `["n"]`],
    "by a check": [{ n: Schema.Int }, { n: 1.5 }, "integer"],
    "deep in a class": [Team, { lead: { name: 1 }, members: [] }, `["lead"]["name"]`],
    "that throws when read": [{ n: Schema.Int }, Unknown.throwingGetter("n"), "it throws"],
    "whose default dies": [
      { n: Schema.Int.pipe(Schema.withConstructorDefault(Effect.die(new Error("no default today")))) },
      {},
      "no default today"
    ]
  }

  for (const [name, [payload, input, issue]] of Object.entries(refusals)) {
    it.effect(`is refused: ${name}`, () =>
      Effect.gen(function*() {
        const { reason } = yield* Effect.flip(construct(make("app/f", payload === undefined ? {} : { payload }))(input))
        assert.strictEqual(reason._tag, "EncodeFailed")
        if (reason._tag !== "EncodeFailed") return
        assert.strictEqual(reason.method, "app/f")
        assert.strictEqual(reason.part, "payload")
        assert.include(reason.issue, issue)
      }))
  }

  it.effect("says so in a bounded text, without the value", () =>
    Effect.gen(function*() {
      const refuse = (key: string) =>
        Effect.flip(construct(make("app/f", { payload: Schema.Record(Schema.String, Schema.Int) }))({ [key]: "hush" }))
      assert.notInclude((yield* refuse("k")).message, "hush")
      assert.isBelow((yield* refuse("k".repeat(1_000_000))).message.length, 20_000)
    }))
})
