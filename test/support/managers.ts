/** The same test with a manager in this process, at an address, and in a process of its own. */
import { it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

export const everywhere = (
  module: URL,
  layer: Manager.Module,
  name: string,
  test: Effect.Effect<unknown, unknown, Manager.Manager | Scope.Scope>
): void => {
  const run = (layer: Layer.Layer<Manager.Manager, unknown>): Effect.Effect<void, unknown> =>
    Effect.gen(function*() {
      const context = yield* Layer.build(layer)
      yield* Effect.scoped(test).pipe(Effect.provideContext(context))
      const manager = yield* Effect.provideContext(Manager.Manager, context)
      // What an object held is given back when it has ended.
      yield* Effect.repeat(manager.numberOfObjects, { until: (n) => n === 0 })
    }).pipe(Effect.scoped)
  it.live(`${name}, here`, () => run(Manager.serve({ layer, listen: false })))
  it.live(`${name}, at an address`, () =>
    Effect.gen(function*() {
      const served = yield* Layer.build(Manager.serve({ layer }))
      const { address } = yield* Effect.provideContext(Manager.Manager, served)
      yield* run(Manager.connect({ address: address! }))
    }).pipe(Effect.scoped))
  it.live(`${name}, in a process`, () => run(Layer.provide(Manager.layer({ module }), ProcessLayer.spawn)))
}
