/** Managers from their start to their end, however that comes. */
import { assert, describe } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as Manager from "effect-multiprocessing/Manager"
import * as Remote from "effect-multiprocessing/Remote"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import * as Spawner from "effect-multiprocessing/Spawner"
import { isAliveUnsafe, waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { missing, Patient, prepare, Refused } from "../fixtures/manager/life.ts"
import { reasonOf } from "../support/served.ts"
import { folder, rounds, spawned } from "../support/spawned.ts"

const module = new URL("../fixtures/manager/life.live.ts", import.meta.url)

/** A manager that may end before the test does. */
const started = Effect.fnUntraced(function*<E>(layer: Layer.Layer<Manager.Manager, E, Spawner.Spawner>) {
  const own = yield* Scope.fork(yield* Effect.scope)
  const manager = Context.get(yield* Scope.provide(Layer.build(layer), own), Manager.Manager)
  return { manager, close: Scope.close(own, Exit.void) }
})

const inProcess = Effect.fnUntraced(function*(options: Manager.Options = {}) {
  const { close, manager } = yield* started(Manager.layer({ module, ...options }))
  const patient = yield* manager.create(Patient, { how: "plain" })
  return { manager, close, patient, pid: yield* patient.pid() }
})

const running = (manager: Manager.Manager["Service"]) =>
  waitUntil(Effect.map(manager.debugInfo, (infos) => infos.some(({ calls }) => calls > 0)), { what: "a call" })

const noChildren = Effect.gen(function*() {
  assert.deepStrictEqual(yield* (yield* Spawner.Spawner).children, [])
})

describe("the shutdown of a manager", () => {
  const shut = (
    name: string,
    options: Manager.Options,
    hinder: (
      there: Effect.Success<ReturnType<typeof inProcess>>
    ) => Effect.Effect<unknown, unknown, Scope.Scope>,
    signal: string | undefined
  ) =>
    spawned(
      name,
      Effect.gen(function*() {
        const there = yield* inProcess(options)
        const [child] = yield* (yield* Spawner.Spawner).children
        yield* hinder(there)
        const { close, manager, patient, pid } = there
        const ends = yield* Effect.forEach(
          [manager.shutdown, manager.shutdown, close],
          (end) => Effect.exit(end),
          { concurrency: "unbounded" }
        )
        assert.isTrue(ends.every(Exit.isSuccess))
        assert.isFalse(isAliveUnsafe(pid))
        assert.strictEqual((yield* child!.exit).signal, signal)
        yield* noChildren
        yield* manager.shutdown
        assert.include(["ProcessExited", "SessionClosed"], (yield* reasonOf(patient.pid()))._tag)
        const error = yield* Effect.flip(manager.numberOfObjects)
        assert.strictEqual(error.reason._tag, "ManagerClosed")
      })
    )
  const quick: Manager.Options = { closeTimeout: 300, killTimeout: 300 }
  shut("at rest, by a message", {}, () => Effect.void, undefined)
  shut(
    "with a call that waits",
    {},
    ({ manager, patient }) => Effect.andThen(Effect.forkScoped(patient.wait()), running(manager)),
    undefined
  )
  shut(
    "with an object whose finalizer dies",
    {},
    ({ manager }) => manager.create(Patient, { how: "finalizer dies" }),
    undefined
  )
  shut(
    "with an object whose finalizer never ends, by SIGTERM",
    quick,
    ({ manager }) => manager.create(Patient, { how: "finalizer hangs" }),
    "SIGTERM"
  )
  shut(
    "with an object that is made and never ready",
    {},
    ({ manager }) => Effect.forkScoped(manager.create(Patient, { how: "hangs" }), { startImmediately: true }),
    undefined
  )
  shut("of a loop that never yields, by SIGTERM or SIGKILL", quick, ({ patient }) =>
    Effect.gen(function*() {
      const file = `${yield* folder}/spins`
      yield* Effect.forkScoped(patient.spin({ file }))
      yield* waitUntil(() => existsSync(file))
    }), "SIGTERM")
  shut(
    "of a process that is stopped, by SIGKILL",
    quick,
    ({ pid }) => Effect.sync(() => process.kill(pid, "SIGSTOP")),
    "SIGKILL"
  )
  shut("of one that is dead", {}, ({ pid }) => Effect.sync(() => process.kill(pid, "SIGKILL")), "SIGKILL")
})

describe("what is done before anybody can reach a manager", () => {
  spawned(
    "is done once",
    Effect.gen(function*() {
      const { manager } = yield* started(Manager.layer({
        module,
        initialize: { fn: prepare, payload: { how: "plain" } }
      }))
      const patient = yield* manager.create(Patient, { how: "plain" })
      assert.strictEqual(yield* patient.prepared(), 1)
    })
  )
  spawned(
    "fails as it declares, and nothing is left",
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Manager.layer({
        module,
        initialize: { fn: prepare, payload: { how: "fails" } }
      }))))
      assert.deepStrictEqual(error, new Refused({ by: "as asked" }))
      yield* noChildren
    })
  )
  for (const how of ["dies", "throws"] as const) {
    spawned(
      `is a defect that keeps its stack, if it ${how}`,
      Effect.gen(function*() {
        const reason = yield* reasonOf(Effect.scoped(Layer.build(Manager.layer({
          module,
          initialize: { fn: prepare, payload: { how } }
        }))))
        assert(reason._tag === "RemoteDefect")
        assert.include(reason.remoteStack, "life.live.ts")
        yield* noChildren
      })
    )
  }
  spawned(
    "must be implemented by its module",
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Manager.layer({
        module,
        initialize: { fn: missing, payload: undefined }
      }))))
      assert(error._tag === "ProcessError")
      assert.deepInclude(error.reason, { _tag: "NotImplemented", missing: ["fixtures/missing"] })
      yield* noChildren
    })
  )
})

describe("a manager that is started again", () => {
  for (const kind of ["unix", "tcp"] as const) {
    spawned(
      `_TestManagerRestart.test_rapid_restart: at the same ${kind} address, at once`,
      Effect.gen(function*() {
        const path = `${yield* folder}/manager.sock`
        let address: Address.Input = kind === "unix" ? path : Address.tcp(0)
        const ids = new Set<string>()
        for (let round = 0; round < rounds(4, 20); round++) {
          const { close, manager, patient }: Effect.Success<ReturnType<typeof inProcess>> = yield* inProcess({
            address
          })
          address = manager.address!
          ids.add(manager.id)
          const other = yield* started(Manager.connect({ address }))
          const theirs = yield* other.manager.create(Patient, { how: "plain" })
          assert.strictEqual(yield* theirs.pid(), yield* patient.pid())
          yield* close
          const error = yield* Effect.flip(theirs.pid())
          assert.instanceOf(error, RemoteError)
          assert.include(["Disconnected", "ObjectGone"], error.reason._tag)
          yield* other.close
        }
        assert.strictEqual(ids.size, rounds(4, 20))
      }),
      rounds(60_000, 600_000)
    )
  }
})

describe("a manager that is served by this process", () => {
  /** Ends when it is let, and can end its manager. */
  class Gate extends Remote.Object<Gate>()("fixtures/Gate", { methods: { shutdown: {} } }) {}

  const gates = Effect.gen(function*() {
    const ending = yield* Deferred.make<void>()
    const gate = yield* Deferred.make<void>()
    const layer = Gate.toLayer(() =>
      Effect.gen(function*() {
        const { shutdown } = yield* Manager.Manager
        yield* Effect.addFinalizer(() => Effect.andThen(Deferred.succeed(ending, undefined), Deferred.await(gate)))
        return { shutdown: () => Effect.orDie(shutdown) }
      })
    )
    return { ending, gate, layer }
  })

  for (const other of ["shutdown", "close"] as const) {
    spawned(
      `has one end, also by ${other} while it ends`,
      Effect.gen(function*() {
        const { ending, gate, layer } = yield* gates
        const there = yield* started(Manager.serve({ layer, listen: false }))
        yield* there.manager.create(Gate)
        const first = yield* Effect.forkChild(there.manager.shutdown)
        yield* Deferred.await(ending)
        const second = yield* Effect.forkChild(other === "close" ? there.close : there.manager.shutdown, {
          startImmediately: true
        })
        yield* Effect.promise(() => new Promise(setImmediate))
        assert.isUndefined(first.pollUnsafe())
        assert.isUndefined(second.pollUnsafe())
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(first)
        yield* Fiber.join(second)
      })
    )
  }

  spawned(
    "ends also where nobody waits for it any more",
    Effect.gen(function*() {
      const { ending, gate, layer } = yield* gates
      const { close, manager } = yield* started(Manager.serve({ layer, listen: false }))
      yield* manager.create(Gate)
      const first = yield* Effect.forkChild(manager.shutdown)
      yield* Deferred.await(ending)
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      yield* close
    })
  )

  spawned(
    "is shut down by its own object",
    Effect.gen(function*() {
      const { gate, layer } = yield* gates
      const { close, manager } = yield* started(Manager.serve({ layer }))
      const object = yield* manager.create(Gate)
      yield* Deferred.succeed(gate, undefined)
      assert.include(["RemoteInterrupted", "SessionClosed", "Disconnected"], (yield* reasonOf(object.shutdown()))._tag)
      yield* close
    })
  )
})
