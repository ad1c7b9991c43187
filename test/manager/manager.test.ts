import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import { ManagerError } from "effect-multiprocessing/ManagerError"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import objects from "../fixtures/manager/objects.live.ts"
import { Counter, Node, Overflow, Shelf } from "../fixtures/manager/objects.ts"

const module = new URL("../fixtures/manager/objects.live.ts", import.meta.url)

/** The same test of a manager in this process, at an address, and in a process of its own. */
const everywhere = (
  name: string,
  test: () => Effect.Effect<unknown, unknown, Manager.Manager | Scope.Scope>
) => {
  const run = (layer: Layer.Layer<Manager.Manager, unknown>): Effect.Effect<void, unknown> =>
    Effect.gen(function*() {
      const context = yield* Layer.build(layer)
      yield* Effect.scoped(test()).pipe(Effect.provideContext(context))
      const manager = yield* Effect.provideContext(Manager.Manager, context)
      // What an object held is given back when it has ended.
      yield* Effect.repeat(manager.numberOfObjects, { until: (n) => n === 0 })
    }).pipe(Effect.scoped)
  it.live(`${name}, here`, () => run(Manager.serve({ layer: objects, listen: false })))
  it.live(`${name}, at an address`, () =>
    Effect.gen(function*() {
      const served = yield* Layer.build(Manager.serve({ layer: objects }))
      const { address } = yield* Effect.provideContext(Manager.Manager, served)
      yield* run(Manager.connect({ address: address! }))
    }).pipe(Effect.scoped))
  it.live(`${name}, in a process`, () => run(Layer.provide(Manager.layer({ module }), ProcessLayer.spawn)))
}

describe("objects", () => {
  everywhere("are created, called and ended", () =>
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* Counter.create({ initial: 40 })
        assert.isTrue(counter instanceof Counter)
        assert.strictEqual(yield* counter.add({ by: 2 }), 42)
        assert.strictEqual(yield* counter.twice(4), 50)
        const { get } = counter
        assert.strictEqual(yield* get(), 50)
        assert.deepStrictEqual(yield* Stream.runCollect(counter.upTo({ n: 53 })), [50, 51, 52, 53])
        assert.strictEqual(yield* manager.numberOfObjects, 1)
        const other = yield* manager.create(Counter, { initial: 1 })
        assert.strictEqual(yield* other.get(), 1)
        assert.strictEqual(yield* manager.numberOfObjects, 2)
      }))
      assert.strictEqual(yield* manager.numberOfObjects, 0)
    }))

  everywhere("fail as they declare", () =>
    Effect.gen(function*() {
      const counter = yield* Counter.create({ initial: 0 })
      assert.deepStrictEqual(yield* Effect.flip(counter.add({ by: 2_000_000 })), new Overflow({ limit: 1_000_000 }))
      assert.deepStrictEqual(
        yield* Effect.flip(Counter.create({ initial: 2_000_000 })),
        new Overflow({ limit: 1_000_000 })
      )
      const defect = yield* Effect.flip(counter.die())
      assert.strictEqual(defect.reason._tag, "RemoteDefect")
    }))

  everywhere("are shared by a Layer", () =>
    Effect.gen(function*() {
      const program = Effect.flatMap(Counter, (counter) => counter.add({ by: 1 }))
      const both = Effect.all([program, program], { concurrency: 2 })
      assert.sameMembers(yield* Effect.provide(both, Counter.layer({ initial: 5 })), [6, 7])
    }))

  everywhere("travel in payloads and results, and are kept", () =>
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const shelf = yield* Shelf.create()
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* Counter.create({ initial: 7 })
        yield* shelf.put({ counter })
        assert.strictEqual(yield* shelf.sum({ counters: [counter, counter] }), 14)
      }))
      assert.strictEqual(yield* manager.numberOfObjects, 2)
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* shelf.get()
        assert.isTrue(counter instanceof Counter)
        yield* shelf.clear()
        assert.strictEqual(yield* counter.add({ by: 1 }), 8)
        assert.strictEqual(yield* manager.numberOfObjects, 2)
      }))
      assert.strictEqual(yield* manager.numberOfObjects, 1)
      yield* Effect.scoped(Effect.flatMap(shelf.make({ initial: 3 }), (counter) => counter.get()))
      assert.strictEqual(yield* manager.numberOfObjects, 1)
    }))

  everywhere("refer to others of their own class", () =>
    Effect.gen(function*() {
      const a = yield* Node.create({ name: "a" })
      yield* Effect.scoped(Effect.flatMap(Node.create({ name: "b" }), (to) => a.link({ to })))
      const b = yield* a.next()
      assert.strictEqual(yield* b.name(), "b")
    }))

  everywhere("are gone for a proxy whose Scope has closed", () =>
    Effect.gen(function*() {
      const counter = yield* Effect.scoped(Counter.create({ initial: 0 }))
      const error = yield* Effect.flip(counter.get())
      assert.instanceOf(error, RemoteError)
      assert.strictEqual(error.reason._tag, "ObjectGone")
      const shelf = yield* Shelf.create()
      const unsendable = yield* Effect.flip(shelf.put({ counter }))
      assert.strictEqual(unsendable.reason._tag, "ObjectGone")
    }))

  everywhere("live until their last call has ended", () =>
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const waiting = yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* Counter.create({ initial: 0 })
        return yield* Effect.forkDetach(counter.wait(), { startImmediately: true })
      }))
      const [info] = yield* manager.debugInfo
      assert.deepInclude(info, { type: "fixtures/Counter", leases: 0, calls: 1 })
      yield* Fiber.interrupt(waiting)
    }))
})

describe("a manager", () => {
  it.live("that does not implement a class says so", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Counter.create({ initial: 0 }))
      assert.instanceOf(error, ManagerError)
      assert.strictEqual(error.reason._tag, "NotRegistered")
    }).pipe(Effect.scoped, Effect.provide(Manager.serve({ listen: false }))))

  it.live("that has been shut down says so, and may be shut down again", () =>
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const counter = yield* Counter.create({ initial: 0 })
      yield* manager.shutdown
      yield* manager.shutdown
      const error = yield* Effect.flip(Counter.create({ initial: 0 }))
      assert.strictEqual(error._tag === "ManagerError" && error.reason._tag, "ManagerClosed")
      assert.strictEqual((yield* Effect.flip(counter.get())).reason._tag, "SessionClosed")
    }).pipe(Effect.scoped, Effect.provide(Manager.serve({ layer: objects }))))
})
