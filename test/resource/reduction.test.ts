import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as Reduction from "effect-multiprocessing/Reduction"
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteQueue from "effect-multiprocessing/RemoteQueue"
import * as RemoteValue from "effect-multiprocessing/RemoteValue"
import * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { isDeepStrictEqual } from "node:util"
import { readMsgpack, writeMsgpack } from "../../src/wire/Message.ts"
import { rounds } from "../support/spawned.ts"

const power = Remote.fn("test/power", {
  module: new URL("./power.live.ts", import.meta.url),
  payload: { base: Schema.Int, exponent: Schema.Int },
  success: Schema.Int
})

const powerLive = power.toLayer(({ base, exponent }) => Effect.succeed(base ** exponent))

class Money extends Schema.Class<Money>("test/Money")({ amount: Schema.Number, currency: Schema.String }) {}

Reduction.register("test/Money", Money)

const encode = Schema.encodeEffect(Reduction.Unknown)
const decode = Schema.decodeUnknownEffect(Reduction.Unknown)

/** Through the bytes of the wire. */
const carried = (value: unknown) => Effect.flatMap(encode(value), (plain) => decode(readMsgpack(writeMsgpack(plain))))

describe("a bound function", () => {
  it.live("is called by whoever takes it out of a queue", () =>
    Effect.gen(function*() {
      const jobs = yield* RemoteQueue.make(Reduction.boundSchema(power))
      yield* jobs.put(Reduction.bind(power, { base: 2, exponent: 10 }))
      const job = yield* jobs.take
      assert.deepStrictEqual(job.payload, { base: 2, exponent: 10 })
      assert.strictEqual(yield* job.call, 1024)
    }).pipe(Effect.scoped, Effect.provide(powerLive), Effect.provide(Manager.serve({ listen: false }))))

  it.effect("of another function does not fit", () =>
    Effect.gen(function*() {
      const wrong = { fn: "test/other", payload: { base: 1, exponent: 1 } }
      const issue = yield* Effect.flip(Schema.decodeUnknownEffect(Reduction.boundSchema(power))(wrong))
      assert.include(issue.message, "test/power")
    }))
})

describe("a bound method", () => {
  it.live("takes its object along, which lives as long as anybody has it", () =>
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const GetSchema = Reduction.boundMethodSchema({ schema: RemoteValue.schema(Schema.Int), key: "Value" }, "set")
      const methods = yield* RemoteQueue.make(GetSchema)
      yield* Effect.scoped(Effect.gen(function*() {
        const value = yield* RemoteValue.make(Schema.Int, 1)
        yield* methods.put(Reduction.bindMethod(value, "set"))
      }))
      assert.strictEqual(yield* manager.numberOfObjects, 2)
      const { call, object } = yield* methods.take
      yield* call(7)
      assert.strictEqual(yield* object.get, 7)
    }).pipe(Effect.scoped, Effect.provide(Manager.serve({ listen: false }))))
})

describe("values without a Schema", () => {
  it.effect("of every known kind arrive as what they are, within each other", () =>
    Effect.gen(function*() {
      const values = {
        map: new Map<unknown, unknown>([["a", new Set([1, 2])], [new Date(5), Option.some(Option.none())]]),
        url: new URL("https://effect.website/a?b"),
        options: [Option.some(undefined), Option.some(null), Option.none()],
        results: [Result.succeed(1), Result.fail("no")],
        durations: [Duration.seconds(3), Duration.infinity, Duration.nanos(5n)],
        exits: [Exit.succeed(1), Exit.fail(Option.some("no")), Exit.die("why")],
        cause: Cause.combine(Cause.fail(1), Cause.combine(Cause.die(2), Cause.interrupt(3))),
        at: DateTime.makeUnsafe(1e12),
        zoned: ["Europe/Rome", "+02:00"].map((timeZone) => DateTime.makeZonedUnsafe(1e12, { timeZone })),
        decimal: BigDecimal.make(12345n, 2),
        pattern: /a+\/b/giu,
        chunk: Chunk.make(1, Option.some("x")),
        hashMap: HashMap.make(["k", HashSet.make(1, 2)]),
        bytes: Uint8Array.of(1, 2),
        money: [new Money({ amount: 5, currency: "EUR" })],
        "~": { "~": "Map", is: "not one" }
      }
      const arrived = yield* carried(values) as Effect.Effect<typeof values>
      assert.deepStrictEqual(arrived, values)
      assert.instanceOf(arrived.money[0], Money)
    }))

  it.effect("errors arrive with their causes, to the end of the chain", () =>
    Effect.gen(function*() {
      const root = new RangeError("root")
      const middle = new AggregateError([root, new Error("other")], "several", { cause: root })
      const arrived = (yield* carried(new TypeError("top", { cause: middle }))) as Error
      assert.deepStrictEqual([arrived.name, arrived.message], ["TypeError", "top"])
      assert.include(arrived.stack!, "reduction.test.ts")
      const cause = arrived.cause as AggregateError
      assert.instanceOf(cause, AggregateError)
      assert.deepStrictEqual(cause.errors.map(({ name }: Error) => name), ["RangeError", "Error"])
      assert.strictEqual((cause.cause as Error).message, "root")
    }))

  it.effect("that nobody has registered, that are no data or have no end, fail", () =>
    Effect.gen(function*() {
      class Secret {
        readonly key = 1
      }
      const cycle: Record<string, unknown> = {}
      cycle.self = cycle
      for (const value of [new Secret(), { deep: [new Secret()] }, () => 1, Symbol("x"), cycle, new WeakMap()]) {
        assert.strictEqual((yield* Effect.exit(encode(value)))._tag, "Failure")
      }
      for (const value of [{ "~": "nobody's", is: 1 }, { "~": "Map", is: 5 }, { "~": 7 }, { "~": "URL", is: "::" }]) {
        assert.strictEqual((yield* Effect.exit(decode(value)))._tag, "Failure")
      }
    }))

  it("a tag is registered once", () => {
    assert.throws(() => Reduction.register("Map", Money), TypeError)
    assert.throws(() => Reduction.register("test/Money", Money), TypeError)
  })

  it.effect("all plain data arrives as it was", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.anything({ withDate: true, withMap: true, withSet: true, maxDepth: 4 }), async (value) => {
          const arrived = await Effect.runPromise(carried(value) as Effect.Effect<unknown>)
          assert.isTrue(isDeepStrictEqual(arrived, value))
        }),
        { numRuns: rounds(300, 20_000) }
      )
    ))
})
