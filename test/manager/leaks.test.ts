/** The ways in which references to managed objects leak elsewhere, each shown not to; with processes that are killed. */
import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as RemoteList from "effect-multiprocessing/RemoteList"
import * as RemoteQueue from "effect-multiprocessing/RemoteQueue"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Keeper } from "../fixtures/manager/keeper.ts"
import { Counter, Shelf } from "../fixtures/manager/objects.ts"
import { rounds } from "../support/spawned.ts"

const module = new URL("../fixtures/manager/objects.live.ts", import.meta.url)
const keepers = new URL("../fixtures/manager/keeper.live.ts", import.meta.url)

/** A child of its own. */
const keeper = Effect.map(
  Layer.build(ProcessLayer.make({ module: keepers, services: [Keeper] })),
  (context) => Context.get(context, Keeper)
)

const leaks = (
  name: string,
  test: Effect.Effect<void, unknown, Manager.Manager | Spawner | Scope.Scope>,
  timeout?: number
) =>
  it.live(
    name,
    () => Effect.scoped(test).pipe(Effect.provide(Manager.layer({ module })), Effect.provide(ProcessLayer.spawn)),
    timeout
  )

/** What is given back by others is heard of over their own sessions. */
const objects = (count: number) =>
  Effect.flatMap(
    Manager.Manager,
    ({ numberOfObjects }) => Effect.repeat(numberOfObjects, { until: (n) => n === count })
  )

describe("no reference leaks", () => {
  leaks(
    "when who has it is killed",
    Effect.gen(function*() {
      const child = yield* keeper
      yield* Effect.scoped(Effect.flatMap(Counter.create({ initial: 1 }), (counter) => child.keep({ counter })))
      yield* objects(1)
      yield* Effect.flip(child.die())
      yield* objects(0)
    })
  )

  leaks(
    "and none is missing, when its sender is killed while it waits in a queue",
    Effect.gen(function*() {
      const child = yield* keeper
      const queue = yield* RemoteQueue.make(Counter.schema)
      yield* Effect.scoped(Effect.flatMap(Counter.create({ initial: 3 }), (counter) => child.keep({ counter })))
      yield* Effect.flip(child.putAndDie({ queue }))
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* queue.take
        assert.strictEqual(yield* counter.get(), 3)
      }))
      yield* objects(1)
    })
  )

  leaks(
    "through objects in objects, when the outer one goes",
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const outer = yield* RemoteList.make(RemoteList.schema(Counter.schema))
        yield* Effect.scoped(Effect.gen(function*() {
          const inner = yield* RemoteList.make(Counter.schema)
          yield* Effect.flatMap(Counter.create({ initial: 1 }), inner.append)
          yield* outer.append(inner)
        }))
        yield* objects(3)
      }))
      yield* objects(0)
    })
  )

  leaks(
    "and proxies that are passed on are as good as any, in processes that know no manager",
    Effect.gen(function*() {
      const child = yield* keeper
      const shelf = yield* Shelf.create()
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* child.made({ shelf, initial: 5 })
        assert.strictEqual(yield* counter.add({ by: 1 }), 6)
        yield* child.keep({ counter })
      }))
      yield* objects(2)
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* child.give()
        assert.isTrue(yield* child.drop())
        assert.strictEqual(yield* counter.get(), 6)
      }))
      yield* objects(1)
    })
  )
})

describe("random keeping, storing, dropping and killing", () => {
  leaks(
    "leaves what a model says, and nothing in the end",
    Effect.gen(function*() {
      for (let round = 0; round < rounds(2, 15); round++) {
        // The same rounds each time, so that one that fails can be looked at.
        let seed = round + 1
        const random = (below: number) => {
          seed = (seed * 48_271) % 0x7fffffff
          return seed % below
        }
        yield* Effect.scoped(Effect.gen(function*() {
          const list = yield* RemoteList.make(Counter.schema)
          const children = [yield* keeper, yield* keeper, yield* keeper]
          const kept: Array<Array<number>> = children.map(() => [])
          const own = new Map<number, Scope.Closeable>()
          const proxies = new Map<number, Counter>()
          let stored: Array<number> = []
          for (let step = 0; step < 40; step++) {
            const at = random(children.length)
            const names = [...proxies.keys()]
            const name = names[random(Math.max(1, names.length))]
            switch (random(7)) {
              case 0:
              case 1: {
                const scope = yield* Scope.make()
                proxies.set(step, yield* Scope.provide(Counter.create({ initial: step }), scope))
                own.set(step, scope)
                break
              }
              case 2:
                if (name === undefined) break
                yield* children[at]!.keep({ counter: proxies.get(name)! })
                kept[at]!.push(name)
                break
              case 3:
                if (name === undefined) break
                yield* list.append(proxies.get(name)!)
                stored.push(name)
                break
              case 4:
                if (name === undefined) break
                proxies.delete(name)
                yield* Scope.close(own.get(name)!, Exit.void)
                break
              case 5:
                assert.strictEqual(yield* children[at]!.drop(), kept[at]!.shift() !== undefined)
                break
              case 6:
                yield* Effect.flip(children[at]!.die())
                kept[at] = []
                children[at] = yield* keeper
            }
            const alive = new Set([...proxies.keys(), ...stored, ...kept.flat()])
            yield* objects(alive.size + 1)
          }
          yield* list.clear
          stored = []
          for (const scope of own.values()) yield* Scope.close(scope, Exit.void)
          yield* objects(new Set(kept.flat()).size + 1)
        }))
        yield* objects(0)
      }
    }),
    rounds(60_000, 600_000)
  )
})
