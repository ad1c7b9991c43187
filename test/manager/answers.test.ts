/** An object lives as long as its calls, and a call until its answer has been encoded. */
import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as Remote from "effect-multiprocessing/Remote"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import objects from "../fixtures/manager/objects.live.ts"
import { Counter } from "../fixtures/manager/objects.ts"

/** What a test has of an answer's encoding. */
interface Encoding {
  readonly begun: Deferred.Deferred<void>
  readonly goOn: Deferred.Deferred<void>
}

let encoding: Encoding
let ended = false

/** Encoded when the test lets it. */
const Slow = Schema.String.pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transformEffect({
      decode: Effect.succeed,
      encode: (text: string) =>
        Effect.andThen(Deferred.succeed(encoding.begun, undefined), Effect.as(Deferred.await(encoding.goOn), text))
    })
  )
)

class Failed extends Schema.TaggedError<Failed>()("Failed", { why: Slow }) {}

class Teller extends Remote.Object<Teller>()("fixtures/SlowTeller", {
  methods: {
    tell: { success: Slow },
    fail: { error: Failed },
    stream: { success: Slow, stream: true },
    failing: { success: Slow, error: Failed, stream: true }
  }
}) {}

const TellerLive = Teller.toLayer(() =>
  Effect.as(
    Effect.addFinalizer(() =>
      Effect.sync(() => {
        ended = true
      })
    ),
    {
      tell: () => Effect.sync(() => "told"),
      fail: () => Effect.suspend(() => Effect.fail(new Failed({ why: "told" }))),
      stream: () => Stream.make("told"),
      failing: () => Stream.fail(new Failed({ why: "told" }))
    }
  )
)

const why = (failing: Effect.Effect<unknown, Failed | RemoteError>) =>
  Effect.map(Effect.flip(failing), (error) => error._tag === "Failed" ? error.why : error.message)

const ways = {
  "an answer": (teller: Teller) => teller.tell(),
  "an error": (teller: Teller) => why(teller.fail()),
  "a stream's error": (teller: Teller) => why(Stream.runDrain(teller.failing())),
  "an element": (teller: Teller) => Effect.map(Stream.runCollect(teller.stream()), ([element]) => element)
}

describe("an object whose last lease ends", () => {
  for (const [name, call] of Object.entries(ways)) {
    for (const place of ["here", "elsewhere"] as const) {
      it.live(`while ${name} is encoded, ${place}`, () =>
        Effect.gen(function*() {
          ended = false
          encoding = { begun: yield* Deferred.make<void>(), goOn: yield* Deferred.make<void>() }
          const own = yield* Manager.Manager
          const manager = place === "here"
            ? own
            : Context.get(yield* Layer.build(Manager.connect({ address: own.address! })), Manager.Manager)
          const scope = yield* Scope.make()
          const teller = yield* Scope.provide(manager.create(Teller), scope)
          const telling = yield* Effect.forkChild(call(teller), { startImmediately: true })
          yield* Deferred.await(encoding.begun)
          yield* Scope.close(scope, Exit.void)
          // by which the manager has heard of it
          yield* manager.numberOfObjects
          assert.strictEqual(yield* manager.numberOfObjects, 1)
          assert.isFalse(ended)
          yield* Deferred.succeed(encoding.goOn, undefined)
          assert.strictEqual(yield* Fiber.join(telling), "told")
          yield* Effect.repeat(manager.numberOfObjects, { until: (n) => n === 0 })
        }).pipe(Effect.scoped, Effect.provide(Manager.serve({ layer: TellerLive }))))
    }
  }
})

class Refused extends Schema.TaggedError<Refused>()("Refused", { counters: Schema.Array(Counter.schema) }) {}

/** Has counters of its own, which end with it. */
class Holder extends Remote.Object<Holder>()("fixtures/Holder", {
  methods: {
    give: { success: Schema.Array(Counter.schema) },
    refuse: { error: Refused },
    refuseStream: { error: Refused, stream: true }
  }
}) {}

const HolderLive = Holder.toLayer(() =>
  Effect.gen(function*() {
    const counters = [yield* Counter.create({ initial: 1 }), yield* Counter.create({ initial: 2 })]
    return {
      give: () => Effect.succeed(counters),
      refuse: () => Effect.fail(new Refused({ counters })),
      refuseStream: () => Stream.fail(new Refused({ counters }))
    }
  }).pipe(Effect.orDie)
)

const refused = (failing: Effect.Effect<unknown, Refused | RemoteError, Scope.Scope>) =>
  Effect.flatMap(
    Effect.flip(failing),
    (error) => error._tag === "Refused" ? Effect.succeed(error.counters) : Effect.fail(error)
  )

const gifts = {
  "an answer": (holder: Holder) => holder.give(),
  "an error": (holder: Holder) => refused(holder.refuse()),
  "a stream's error": (holder: Holder) => refused(Stream.runDrain(holder.refuseStream()))
}

describe("proxies that end with the object", () => {
  for (const [name, call] of Object.entries(gifts)) {
    it.live(`are in ${name} to its last call`, () =>
      Effect.gen(function*() {
        const manager = yield* Manager.Manager
        const scope = yield* Scope.make()
        const holder = yield* Scope.provide(manager.create(Holder), scope)
        const calling = yield* Effect.forkChild(call(holder), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        const counters = yield* Fiber.join(calling)
        assert.deepStrictEqual(yield* Effect.forEach(counters, (counter) => counter.get()), [1, 2])
        yield* Effect.repeat(manager.numberOfObjects, { until: (n) => n === 2 })
      }).pipe(
        Effect.scoped,
        Effect.provide(Manager.serve({ layer: Layer.merge(HolderLive, objects), listen: false }))
      ))
  }
})
