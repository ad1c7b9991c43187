/** Containers that hold objects of another manager: these are leased there, which takes time. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteCondition from "effect-multiprocessing/RemoteCondition"
import * as RemoteList from "effect-multiprocessing/RemoteList"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import * as RemoteMap from "effect-multiprocessing/RemoteMap"
import * as RemoteRLock from "effect-multiprocessing/RemoteRLock"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { Socket } from "node:net"
import { fnOf } from "../../src/manager/internal/change.ts"
import { packing } from "../../src/manager/internal/stored.ts"
import { Value } from "../../src/manager/internal/value.ts"
import { Branch } from "../fixtures/manager/branch.ts"
import objects from "../fixtures/manager/objects.live.ts"
import { Counter } from "../fixtures/manager/objects.ts"
import { spawned } from "../support/spawned.ts"

const Counters = Schema.Array(Counter.schema)
const { pack, unpack } = packing("value", Counters, { sorted: true })
const nobody = pack([])

/** Gives what it was given, when a test lets it. */
const hold = Remote.fn("fixtures/hold", {
  module: new URL("file:///nowhere"),
  payload: Counters,
  success: Counters
})

const begun = Deferred.makeUnsafe<void>()
const goOn = Deferred.makeUnsafe<void>()

const HoldLive = hold.toLayer((counters) =>
  Effect.andThen(Deferred.succeed(begun, undefined), Effect.as(Deferred.await(goOn), counters))
)

/** The manager of the Context, and another one. */
const two = (
  name: string,
  test: (other: Manager.Manager["Service"]) => Effect.Effect<unknown, unknown, Manager.Manager | Scope.Scope>,
  options: Manager.ServeOptions<never, never> = {}
) =>
  it.live(name, () =>
    Effect.gen(function*() {
      const other = Context.get(
        yield* Layer.build(Manager.serve({ layer: objects, listen: false, ...options })),
        Manager.Manager
      )
      yield* Effect.scoped(test(other))
      yield* Effect.repeat(other.numberOfObjects, { until: (n) => n === 0 })
    }).pipe(Effect.scoped, Effect.provide(Manager.serve({ layer: HoldLive, listen: false }))))

const now = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const leases = (other: Manager.Manager["Service"], count: number) =>
  waitUntil(Effect.map(other.debugInfo, (all) => all.reduce((sum, { leases }) => sum + leases, 0) === count), {
    what: `${count} leases`
  })

const created = (other: Manager.Manager["Service"], ...initial: ReadonlyArray<number>) =>
  Effect.forEach(initial, (initial) => other.create(Counter, { initial }))

const contents = (value: Value) =>
  Effect.scoped(
    Effect.flatMap(Effect.flatMap(value.get(), unpack), (counters) =>
      Effect.forEach(counters as ReadonlyArray<Counter>, (counter) => counter.get()))
  )

describe("a container that holds objects of another manager", () => {
  two("is not changed by who leases them while a change is under way", (other) =>
    Effect.gen(function*() {
      const value = yield* Value.create({ value: yield* nobody })
      const stored = yield* Effect.flatMap(created(other, 7), pack)
      const setting = yield* now(value.set({ value: stored }))
      const updating = yield* now(value.change({ fn: fnOf(hold) }))
      yield* Deferred.await(begun)
      yield* leases(other, 2)
      yield* Effect.repeat(other.numberOfObjects, { times: 20 })
      assert.isUndefined(setting.pollUnsafe())
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(updating)
      yield* Fiber.join(setting)
      assert.deepStrictEqual(yield* contents(value), [7])
    }))

  two("is read as it was, also where it is changed meanwhile", (other) =>
    Effect.gen(function*() {
      const stored = yield* Effect.scoped(Effect.flatMap(created(other, 1, 2), pack))
      const value = yield* Value.create({ value: stored })
      const reading = yield* now(contents(value))
      yield* value.set({ value: yield* nobody })
      assert.deepStrictEqual(yield* Fiber.join(reading), [1, 2])
      yield* leases(other, 0)
    }))

  two("gives what is taken out of it to one alone", (other) =>
    Effect.gen(function*() {
      const map = yield* RemoteMap.make(Schema.String, Counter.schema)
      yield* Effect.scoped(
        Effect.flatMap(created(other, 1, 2), (counters) =>
          map.setAll(counters.map((counter, i) => [`${i}`, counter] as const)))
      )
      const pops = yield* Effect.all([map.popLast, map.popLast], { concurrency: 2 })
      assert.deepStrictEqual(
        pops.map(Option.map(([key]) =>
          key
        )),
        [Option.some("1"), Option.some("0")]
      )
      const value = yield* Value.create({ value: yield* nobody })
      yield* value.set({ value: yield* Effect.flatMap(created(other, 1), pack) })
      const swaps = yield* Effect.forEach([2, 3], (initial) => Effect.flatMap(created(other, initial), pack))
      const olds = yield* Effect.forEach(
        swaps,
        (swap) =>
          Effect.flatMap(
            Effect.flatMap(value.swap({ value: swap }), unpack),
            (counters) => (counters as ReadonlyArray<Counter>)[0]!.get()
          ),
        { concurrency: 2 }
      )
      assert.sameMembers([...olds, ...(yield* contents(value))], [1, 2, 3])
    }))

  two("knows them again", (other) =>
    Effect.gen(function*() {
      const [a, b] = yield* created(other, 1, 1)
      const list = yield* RemoteList.make(Counter.schema, [a!, b!])
      assert.strictEqual(yield* list.indexOf(yield* Remote.retain(b!)), 1)
      assert.isTrue(yield* list.remove(a!))
      assert.isFalse(yield* list.remove(a!))
    }))

  two("is no condition with a lock", (other) =>
    Effect.gen(function*() {
      const elsewhere = Effect.provideService(RemoteLock.make(), Manager.Manager, other)
      const reentrant = Effect.provideService(RemoteRLock.make(), Manager.Manager, other)
      for (const lock of [yield* elsewhere, yield* reentrant]) {
        const error = yield* Effect.flip(RemoteCondition.make({ lock }))
        assert(error._tag === "ManagerError" && error.reason._tag === "InvalidOption")
        assert.strictEqual(error.reason.option, "lock")
      }
      yield* RemoteCondition.make({ lock: yield* RemoteLock.make() })
    }))

  // Tickets that were not used must not keep the test waiting.
  two("leases nothing for who was interrupted meanwhile", (other) =>
    Effect.gen(function*() {
      const value = yield* Value.create({ value: yield* nobody })
      for (let turns = 0; turns < 12; turns++) {
        const stored = yield* Effect.scoped(Effect.flatMap(created(other, turns), pack))
        const setting = yield* now(value.set({ value: stored }))
        for (let i = 0; i < turns; i++) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(setting)
        yield* value.set({ value: yield* nobody })
        yield* leases(other, 0)
      }
    }), { ticketTimeout: 100 })
})

describe("a manager that a container connects to", () => {
  spawned(
    "is shown the key that the container's module has for it",
    Effect.gen(function*() {
      const hex = "5e".repeat(32)
      const authKey = yield* Effect.fromResult(AuthKey.fromHex(hex))
      const other = Context.get(yield* Layer.build(Manager.serve({ layer: objects, authKey })), Manager.Manager)
      const module = new URL("../fixtures/manager/keyring.live.ts", import.meta.url)
      const argv = [Address.format(other.address!), hex, "{}"]
      const list = yield* RemoteList.make(Counter.schema).pipe(
        Effect.provide(yield* Layer.build(Manager.layer({ module, argv })))
      )
      yield* Effect.scoped(Effect.flatMap(other.create(Counter, { initial: 5 }), list.append))
      assert.strictEqual(yield* Effect.flatMap(list.get(0), (found) => Option.getOrThrow(found).get()), 5)
    })
  )

  spawned(
    "is left when the manager of the container ends, before that has ended",
    Effect.gen(function*() {
      const module = new URL("../fixtures/manager/branch.live.ts", import.meta.url)
      const branch = Context.get(yield* Layer.build(ProcessLayer.make({ module, services: [Branch] })), Branch)
      const connections: Array<Socket> = []
      const connecting = (message: unknown) => void connections.push((message as { readonly socket: Socket }).socket)
      yield* Effect.acquireRelease(
        Effect.sync(() => subscribe("net.client.socket", connecting)),
        () => Effect.sync(() => unsubscribe("net.client.socket", connecting))
      )
      yield* Effect.scoped(Effect.gen(function*() {
        const list = yield* RemoteList.make(Counter.schema).pipe(
          Effect.provide(yield* Layer.build(Manager.serve({ listen: false })))
        )
        yield* Effect.scoped(Effect.flatMap(branch.make({ initial: 5 }), list.append))
        assert.strictEqual(
          yield* Effect.scoped(Effect.flatMap(list.get(0), (found) => Option.getOrThrow(found).get())),
          5
        )
        assert.deepStrictEqual(connections.map(({ destroyed }) => destroyed), [false])
      }))
      assert.deepStrictEqual(connections.map(({ destroyed }) => destroyed), [true])
      yield* Effect.repeat(branch.count(), { until: (n) => n === 0 })
    })
  )
})
