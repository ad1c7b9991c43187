import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import objects from "../fixtures/manager/objects.live.ts"
import { Counter } from "../fixtures/manager/objects.ts"
import TellerLive from "../fixtures/manager/teller.live.ts"
import { Refused, Teller } from "../fixtures/manager/teller.ts"

const module = new URL("../fixtures/manager/teller.live.ts", import.meta.url)

/** The same service here and in a child, with counters of a manager in this process. */
const everywhere = (
  name: string,
  test: Effect.Effect<void, unknown, Teller | Manager.Manager | Scope.Scope>
) => {
  const run = (teller: Layer.Layer<Teller, unknown>) =>
    Effect.gen(function*() {
      yield* Effect.scoped(test)
      const manager = yield* Manager.Manager
      yield* Effect.repeat(manager.numberOfObjects, { until: (n) => n === 0 })
    }).pipe(Effect.provide(teller), Effect.provide(Manager.serve({ layer: objects })))
  it.live(`${name}, in-process`, () => run(TellerLive))
  it.live(`${name}, in a child`, () =>
    run(Layer.provide(ProcessLayer.make({ module, services: [Teller] }), ProcessLayer.spawn)))
}

describe("proxies in the messages of services", () => {
  everywhere(
    "go in",
    Effect.gen(function*() {
      const teller = yield* Teller
      const counter = yield* Counter.create({ initial: 1 })
      assert.strictEqual(yield* teller.add({ counter, by: 2 }), 3)
      assert.strictEqual(yield* counter.get(), 3)
    })
  )

  everywhere(
    "come out, as a lease of the caller's own",
    Effect.gen(function*() {
      const teller = yield* Teller
      const counter = yield* Counter.create({ initial: 1 })
      const other = yield* teller.same({ counter })
      assert.notStrictEqual(other, counter)
      assert.strictEqual(yield* other.add({ by: 1 }), 2)
    })
  )

  everywhere(
    "are elements of streams",
    Effect.gen(function*() {
      const teller = yield* Teller
      const counters = [yield* Counter.create({ initial: 1 }), yield* Counter.create({ initial: 2 })]
      const received = yield* Stream.runCollect(teller.each({ counters }))
      assert.deepStrictEqual(yield* Effect.forEach(received, (counter) => counter.get()), [1, 2])
    })
  )

  everywhere(
    "are in errors",
    Effect.gen(function*() {
      const teller = yield* Teller
      const counter = yield* Counter.create({ initial: 4 })
      const error = yield* Effect.flip(teller.refuse({ counter }))
      assert.instanceOf(error, Refused)
      assert.strictEqual(yield* error.counter.get(), 4)
    })
  )
})
