/** CPython's tests of managers as such, under their names; those of what is in them are with each of these. */
import { assert, describe } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as Manager from "effect-multiprocessing/Manager"
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteEvent from "effect-multiprocessing/RemoteEvent"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import * as Spawner from "effect-multiprocessing/Spawner"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Bar, Baz, Depot, Foo, initialize, ValueError, values } from "../fixtures/manager/depot.ts"
import objects from "../fixtures/manager/objects.live.ts"
import { Counter } from "../fixtures/manager/objects.ts"
import { startIn } from "../support/owned.ts"
import { hex, key, reasonOf } from "../support/served.ts"
import { spawned } from "../support/spawned.ts"

const module = new URL("../fixtures/manager/depot.live.ts", import.meta.url)

/** A manager that may end before the test does. */
const started = Effect.fnUntraced(function*<E>(layer: Layer.Layer<Manager.Manager, E, Spawner.Spawner>) {
  const own = yield* Scope.fork(yield* Effect.scope)
  const manager = Context.get(yield* Scope.provide(Layer.build(layer), own), Manager.Manager)
  return { manager, close: Scope.close(own, Exit.void) }
})

describe("_TestMyManager", () => {
  const common = (manager: Manager.Manager["Service"]) =>
    Effect.gen(function*() {
      const { types } = yield* manager.describe
      const dynamic = (type: string) => Remote.dynamic(types.find((info) => info.type === type)!)
      const names = (type: string) => types.find((info) => info.type === type)!.methods.map(({ name }) => name)
      const foo = yield* manager.create(Foo)
      const bar = yield* manager.create(Bar)
      const baz = yield* manager.create(Baz)
      assert.deepStrictEqual(names("fixtures/Foo"), ["f", "g"])
      assert.deepStrictEqual(names("fixtures/Bar"), ["f", "h"])
      const anyFoo = yield* manager.create(dynamic("fixtures/Foo"), undefined)
      const anyBar = yield* manager.create(dynamic("fixtures/Bar"), undefined)

      assert.strictEqual(yield* foo.f(), "f()")
      assert.deepStrictEqual(yield* Effect.flip(foo.g()), new ValueError())
      assert.strictEqual(yield* anyFoo.call("f"), "f()")
      assert.strictEqual((yield* reasonOf(anyFoo.call("h")))._tag, "UnknownMethod")
      assert.strictEqual(yield* bar.f(), "f()")
      assert.strictEqual(yield* bar.h(), "h()")
      assert.strictEqual(yield* anyBar.call("f"), "f()")
      assert.strictEqual(yield* anyBar.call("h"), "h()")
      const squares = Array.from({ length: 10 }, (_, i) => i * i)
      assert.deepStrictEqual(yield* Stream.runCollect(baz.squares()), squares)
    }).pipe(Effect.scoped)

  const exited = (end: (there: Effect.Success<ReturnType<typeof started>>) => Effect.Effect<void, unknown>) =>
    Effect.gen(function*() {
      const there = yield* started(Manager.layer({ module }))
      const [child] = yield* (yield* Spawner.Spawner).children
      yield* common(there.manager)
      assert.strictEqual(yield* there.manager.numberOfObjects, 0)
      yield* end(there)
      assert.strictEqual((yield* child!.exit).exitCode, 0)
    })

  spawned("test_mymanager", exited(({ manager }) => manager.shutdown))
  spawned("test_mymanager_context", exited(({ close }) => close))
  spawned("test_mymanager_context_prestarted", exited(({ close, manager }) => Effect.andThen(manager.shutdown, close)))
})

describe("_TestRemoteManager", () => {
  spawned(
    "test_remote",
    Effect.gen(function*() {
      const { manager } = yield* started(Manager.layer({ module, address: Address.tcp(0), authKey: key }))
      const address = manager.address!
      const putter = yield* startIn("manager", "putter", JSON.stringify({ hex, address }))
      const client = yield* started(Manager.connect({ address, authKey: key }))
      yield* Effect.scoped(Effect.gen(function*() {
        const queue = yield* (yield* client.manager.create(Depot)).queue()
        assert.deepStrictEqual(yield* queue.take, values)
        assert.strictEqual((yield* reasonOf(queue.put([setTimeout as never])))._tag, "EncodeFailed")
      }))
      assert.strictEqual(yield* putter.end, 0)
    })
  )
})

describe("_TestManagerRestart", () => {
  spawned(
    "test_rapid_restart",
    Effect.gen(function*() {
      let address: Address.Input = Address.tcp(0)
      for (let i = 0; i < 2; i++) {
        const { close, manager }: Effect.Success<ReturnType<typeof started>> = yield* started(
          Manager.layer({ module, address, authKey: key })
        )
        address = manager.address!
        const putter = yield* startIn("manager", "putter", JSON.stringify({ hex, address }))
        assert.strictEqual(yield* putter.end, 0)
        yield* Effect.scoped(Effect.gen(function*() {
          const queue = yield* (yield* manager.create(Depot)).queue()
          assert.deepStrictEqual(yield* queue.take, values)
        }))
        yield* close
      }
    })
  )
})

describe("TestInitializers", () => {
  spawned(
    "test_manager_initializer",
    Effect.gen(function*() {
      const other = yield* started(Manager.serve({ layer: objects }))
      const counter = yield* other.manager.create(Counter, { initial: 0 })
      const { close } = yield* started(Manager.layer({ module, initialize: { fn: initialize, payload: { counter } } }))
      assert.strictEqual(yield* counter.get(), 1)
      yield* close
      assert.strictEqual(yield* other.manager.numberOfObjects, 1)
    })
  )
})

describe("_TestZZZNumberOfObjects", () => {
  spawned(
    "test_number_of_objects",
    Effect.gen(function*() {
      const { manager } = yield* started(Manager.layer({ module, authKey: key }))
      const putters = yield* Effect.forEach(
        [1, 2, 3],
        () => startIn("manager", "putter", JSON.stringify({ hex, address: manager.address }))
      )
      for (const { end } of putters) assert.strictEqual(yield* end, 0)
      // The queue is the manager's own; of what the processes had, nothing is left.
      yield* waitUntil(Effect.map(manager.numberOfObjects, (n) => n === 1), { what: "one object" })
      const [info] = yield* manager.debugInfo
      assert.deepInclude(info, { type: "effect-multiprocessing/Queue", leases: 1, calls: 0, tickets: 0 })
      assert.lengthOf(yield* (yield* Spawner.Spawner).children, 1)
    })
  )
})

describe("TestSyncManagerTypes", () => {
  spawned(
    "setUp, tearDown: a manager of the library's own types, which alone is a child",
    Effect.gen(function*() {
      const { close, manager } = yield* started(Manager.layer())
      yield* Effect.scoped(Effect.gen(function*() {
        const event = yield* RemoteEvent.make()
        yield* event.set
        assert.isTrue(yield* event.isSet)
        const lock = yield* RemoteLock.make()
        assert.isTrue(yield* lock.withLock(lock.isLocked))
        assert.strictEqual(yield* manager.numberOfObjects, 2)
      })).pipe(Effect.provideService(Manager.Manager, manager))
      assert.strictEqual(yield* manager.numberOfObjects, 0)
      assert.lengthOf(yield* (yield* Spawner.Spawner).children, 1)
      yield* close
      assert.lengthOf(yield* (yield* Spawner.Spawner).children, 0)
    })
  )
})
