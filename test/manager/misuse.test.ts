/** What managers are asked that they cannot do: each is one typed error that says why. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import type { ConnectionErrorReason } from "effect-multiprocessing/ConnectionError"
import * as Listener from "effect-multiprocessing/Listener"
import * as Manager from "effect-multiprocessing/Manager"
import type { ManagerErrorReason } from "effect-multiprocessing/ManagerError"
import type { ProcessErrorReason } from "effect-multiprocessing/ProcessError"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Remote from "effect-multiprocessing/Remote"
import type { RemoteErrorReason } from "effect-multiprocessing/RemoteError"
import * as Spawner from "effect-multiprocessing/Spawner"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import broken, { builtIn } from "../fixtures/broken/duplicateObjects.live.ts"
import life from "../fixtures/manager/life.live.ts"
import { Patient, Refused } from "../fixtures/manager/life.ts"
import objects from "../fixtures/manager/objects.live.ts"
import { Counter } from "../fixtures/manager/objects.ts"
import { Teller } from "../fixtures/manager/teller.ts"
import { key, reasonOf, server } from "../support/served.ts"
import { folder, spawned } from "../support/spawned.ts"

type Reason = ConnectionErrorReason | ManagerErrorReason | ProcessErrorReason | RemoteErrorReason

/** Why a manager is not there. */
const refusal = <E, R>(layer: Layer.Layer<Manager.Manager, E, R>) =>
  Effect.map(
    Effect.flip(Effect.scoped(Layer.build(layer))),
    (error) => (error as { readonly reason: Reason }).reason
  )

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

const manager = <E>(layer: Layer.Layer<Manager.Manager, E>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, Manager.Manager))

const file = (name: string) => new URL(`../fixtures/broken/${name}.ts`, import.meta.url)

describe("a module of a manager", () => {
  for (
    const [name, expected] of [
      ["notALayer.live", { _tag: "NotALayer", found: "an object" }],
      ["nowhere", { _tag: "ModuleNotFound" }],
      ["importsMissing.live", { _tag: "ModuleNotFound" }],
      ["throws.live", { _tag: "ModuleThrew" }],
      ["layerFails.live", { _tag: "LayerFailed", errorName: "NoDatabase" }],
      ["layerDies.live", { _tag: "LayerFailed", errorName: "RangeError" }],
      ["exits.live", { _tag: "ProcessExited", exitCode: 5 }],
      ["duplicateObjects.live", { _tag: "DuplicateId", id: "fixtures/Twice" }]
    ] as const
  ) {
    spawned(
      `that is ${name}`,
      Effect.gen(function*() {
        const released = `${yield* folder}/released`
        assert.deepInclude(yield* refusal(Manager.layer({ module: file(name), argv: [released] })), expected)
        assert.deepStrictEqual(yield* (yield* Spawner.Spawner).children, [])
      })
    )
  }

  spawned(
    "that implements what every manager has",
    Effect.gen(function*() {
      const module = Remote.module(file("duplicateObjects.live"), { export: "builtIn" })
      assert.deepInclude(yield* refusal(Manager.layer({ module })), {
        _tag: "DuplicateId",
        id: "effect-multiprocessing/Event"
      })
    })
  )

  live(
    "and a Layer with duplicates, here",
    Effect.gen(function*() {
      assert.deepInclude(yield* refusal(Manager.serve({ layer: broken })), { _tag: "InvalidOption", option: "layer" })
      assert.deepInclude(yield* refusal(Manager.serve({ layer: builtIn })), { _tag: "InvalidOption", option: "layer" })
    })
  )
})

describe("an option of a manager", () => {
  const nonsense = "nonsense" as never
  const ofBoth: ReadonlyArray<Manager.ServeOptions<never, never>> = [
    { maxClients: 0 },
    { calls: 0.5 },
    { ticketTimeout: 0 },
    { ticketTimeout: Number.NaN },
    { ticketTimeout: nonsense },
    { closeTimeout: nonsense },
    { timeout: nonsense },
    { pingInterval: nonsense },
    { limit: -1 },
    { pending: 0 },
    { backlog: -1 },
    { address: "" }
  ]
  for (const options of ofBoth) {
    const [[name, value]] = Object.entries(options) as [[string, unknown]]
    spawned(
      `${name}: ${JSON.stringify(value)}`,
      Effect.gen(function*() {
        for (const layer of [Manager.serve(options), Manager.layer(options as Manager.Options)]) {
          assert.include(["InvalidOption", "InvalidAddress"], (yield* refusal(layer))._tag)
        }
      })
    )
  }

  for (
    const options of [
      { reconnect: false, waitTimeout: nonsense },
      { timeout: nonsense },
      { pingInterval: nonsense },
      { interruptTimeout: nonsense },
      { limit: -1 }
    ] as ReadonlyArray<Partial<Manager.ConnectOptions>>
  ) {
    live(
      `to connect with, ${JSON.stringify(options)}`,
      Effect.gen(function*() {
        const { address } = yield* manager(Manager.serve())
        assert.strictEqual((yield* refusal(Manager.connect({ address: address!, ...options })))._tag, "InvalidOption")
      })
    )
  }
})

describe("an address", () => {
  spawned(
    "that is in use",
    Effect.gen(function*() {
      const { address } = yield* manager(Manager.serve())
      for (const again of [Manager.serve({ address: address! }), Manager.layer({ address: address! })]) {
        assert.deepInclude(yield* refusal(again), { _tag: "ListenFailed", code: "EADDRINUSE" })
      }
    })
  )

  spawned(
    "that everybody could read along with",
    Effect.gen(function*() {
      const address = Address.tcp(0, "0.0.0.0")
      for (const layer of [Manager.serve({ address }), Manager.layer({ address })]) {
        assert.strictEqual((yield* refusal(layer))._tag, "InsecureAddress")
      }
      assert.strictEqual(
        (yield* refusal(Manager.connect({ address: Address.tcp(1, "203.0.113.1") })))._tag,
        "InsecureAddress"
      )
    })
  )

  live(
    "that has another key",
    Effect.gen(function*() {
      const { address } = yield* manager(Manager.serve())
      const authKey = yield* AuthKey.random
      assert.strictEqual((yield* refusal(Manager.connect({ address: address!, authKey })))._tag, "AuthenticationFailed")
    })
  )

  live(
    "where nobody is",
    Effect.gen(function*() {
      const address = `${yield* folder}/nobody`
      assert.deepInclude(yield* refusal(Manager.connect({ address })), { _tag: "ConnectFailed", code: "ENOENT" })
    })
  )

  live(
    "of a server of services",
    Effect.gen(function*() {
      const { address } = yield* server()
      const reason = yield* refusal(Manager.connect({ address, authKey: key }))
      assert(reason._tag === "NotServed")
      assert.include(reason.missing, "effect-multiprocessing/Manager/about")
    })
  )

  live(
    "of a listener",
    Effect.gen(function*() {
      const { address, run } = yield* Listener.make({ authKey: key })
      yield* Effect.forkScoped(run((connection) => connection.sendBytes(Buffer.from("hello"))))
      assert.strictEqual((yield* refusal(Manager.connect({ address, authKey: key })))._tag, "ProtocolViolation")
    })
  )

  for (
    const [name, says, expected] of [
      ["of somebody who talks nonsense", "nonsense nonsense", "ProtocolViolation"],
      ["of somebody who says nothing", "", "HandshakeTimeout"]
    ] as const
  ) {
    live(
      name,
      Effect.gen(function*() {
        const path = `${yield* folder}/other`
        yield* Effect.acquireRelease(
          Effect.promise(() => {
            const sockets = new Set<Net.Socket>()
            const other = Net.createServer((socket) => {
              sockets.add(socket.on("error", () => {}).resume())
              if (says !== "") socket.write(says)
            })
            return new Promise<() => void>((resolve) =>
              other.listen(path, () =>
                resolve(() => {
                  other.close()
                  for (const socket of sockets) socket.destroy()
                }))
            )
          }),
          (close) => Effect.sync(close)
        )
        assert.strictEqual((yield* refusal(Manager.connect({ address: path, timeout: 200 })))._tag, expected)
      })
    )
  }
})

describe("a class of objects", () => {
  live(
    "that is not implemented, elsewhere",
    Effect.gen(function*() {
      const { address } = yield* manager(Manager.serve())
      const there = yield* manager(Manager.connect({ address: address! }))
      const error = yield* Effect.flip(there.create(Counter, { initial: 0 }))
      assert(error._tag === "ManagerError" && error.reason._tag === "NotRegistered")
    })
  )

  class OtherConstructor extends Remote.Object<OtherConstructor>()("fixtures/Counter", {
    payload: { first: Schema.String },
    methods: {}
  }) {}

  class OtherMethod extends Remote.Object<OtherMethod>()("fixtures/Counter", {
    payload: Counter.options.payload,
    error: Counter.options.error,
    methods: { get: { success: Schema.String }, nothing: {} }
  }) {}

  for (const place of ["here", "elsewhere"] as const) {
    live(
      `whose contract differs, ${place}`,
      Effect.gen(function*() {
        const own = yield* manager(Manager.serve({ layer: objects }))
        const there = place === "here" ? own : yield* manager(Manager.connect({ address: own.address! }))
        assert.strictEqual((yield* reasonOf(there.create(OtherConstructor, { first: "" })))._tag, "ContractMismatch")
        const proxy = yield* there.create(OtherMethod, { initial: 1 })
        assert.strictEqual((yield* reasonOf(proxy.get()))._tag, "ContractMismatch")
        assert.strictEqual((yield* reasonOf(proxy.nothing()))._tag, "UnknownMethod")
        assert.strictEqual(yield* (yield* there.create(Counter, { initial: 2 })).get(), 2)
      })
    )
  }
})

/** The same test of a manager here, and of one at an address. */
const both = (
  name: string,
  test: (manager: Manager.Manager["Service"]) => Effect.Effect<unknown, unknown, Scope.Scope>
) => {
  live(`${name}, here`, Effect.flatMap(manager(Manager.serve({ layer: life, listen: false })), test))
  live(
    `${name}, elsewhere`,
    Effect.gen(function*() {
      const { address } = yield* manager(Manager.serve({ layer: life }))
      yield* test(yield* manager(Manager.connect({ address: address! })))
    })
  )
}

const none = ({ numberOfObjects }: Manager.Manager["Service"]) =>
  waitUntil(Effect.map(numberOfObjects, (n) => n === 0), { what: "no objects" })

describe("a constructor", () => {
  for (const how of ["throws", "dies"] as const) {
    both(`that ${how}`, (manager) =>
      Effect.gen(function*() {
        const reason = yield* reasonOf(manager.create(Patient, { how }))
        assert(reason._tag === "RemoteDefect")
        assert.include(reason.errorMessage, "as asked")
        assert.include(reason.remoteStack, "life.live.ts")
        yield* none(manager)
      }))
  }

  both("that fails with its error", (manager) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* Effect.flip(manager.create(Patient, { how: "fails" })),
        new Refused({ by: "as asked" })
      )
      yield* none(manager)
    }))

  both("that is given what its Schema does not allow", (manager) =>
    Effect.gen(function*() {
      const reason = yield* reasonOf(manager.create(Patient, { how: "somehow" as never }))
      assert.deepInclude(reason, { _tag: "EncodeFailed", part: "payload" })
    }))

  both("that never ends, and is interrupted", (manager) =>
    Effect.gen(function*() {
      const making = yield* Effect.forkChild(Effect.scoped(manager.create(Patient, { how: "hangs" })), {
        startImmediately: true
      })
      yield* manager.numberOfObjects
      yield* Fiber.interrupt(making)
      yield* none(manager)
      yield* Effect.scoped(manager.create(Patient, { how: "plain" }))
    }))
})

describe("an answer", () => {
  both("that does not fit its Schema fails its call alone", (manager) =>
    Effect.gen(function*() {
      const patient = yield* manager.create(Patient, { how: "plain" })
      const waiting = yield* Effect.forkChild(patient.wait(), { startImmediately: true })
      assert.deepInclude(yield* reasonOf(patient.unfit()), { _tag: "EncodeFailed", part: "success" })
      const failed = yield* Effect.flip(patient.unfitError())
      assert(failed._tag === "RemoteError")
      assert.deepInclude(failed.reason, { _tag: "EncodeFailed", part: "error" })
      assert.strictEqual(yield* patient.pid(), process.pid)
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(waiting)
    }))

  both("that is a defect keeps its stack", (manager) =>
    Effect.gen(function*() {
      const patient = yield* manager.create(Patient, { how: "plain" })
      const reason = yield* reasonOf(patient.die())
      assert(reason._tag === "RemoteDefect")
      assert.strictEqual(reason.errorName, "RangeError")
      assert.include(reason.remoteStack, "life.live.ts")
    }))
})

describe("a manager that has ended", () => {
  both("is used by its proxies no more", (manager) =>
    Effect.gen(function*() {
      const shut = yield* Effect.exit(manager.shutdown)
      const error = yield* Effect.flip(Effect.asVoid(manager.create(Patient, { how: "plain" })))
      assert(error._tag === "ManagerError")
      assert.strictEqual(error.reason._tag, "ManagerClosed", String(shut))
    }))

  spawned(
    "with its Scope, whatever it was",
    Effect.gen(function*() {
      const module = new URL("../fixtures/manager/life.live.ts", import.meta.url)
      const there = yield* manager(Manager.serve({ layer: life }))
      const kinds = [
        Manager.serve({ layer: life, listen: false }),
        Manager.connect({ address: there.address! }),
        Manager.layer({ module })
      ]
      for (const kind of kinds) {
        const ended = yield* Effect.scoped(Effect.map(Layer.build(kind), (c) => Context.get(c, Manager.Manager)))
        const asked = [ended.create(Patient, { how: "plain" }), ended.numberOfObjects, ended.debugInfo, ended.describe]
        for (const ask of asked) {
          const error = yield* Effect.flip(ask as Effect.Effect<unknown, { readonly reason: Reason }, Scope.Scope>)
          assert.strictEqual(error.reason._tag, "ManagerClosed")
        }
        yield* Effect.ignore(ended.shutdown)
      }
    })
  )
})

describe("a manager without an address", () => {
  spawned(
    "keeps its proxies in its process",
    Effect.gen(function*() {
      const there = yield* manager(Manager.serve({ layer: objects, listen: false }))
      assert.isUndefined(there.address)
      const module = new URL("../fixtures/manager/teller.live.ts", import.meta.url)
      const teller = Context.get(
        yield* Layer.build(ProcessLayer.make({ module, services: [Teller] })),
        Teller
      )
      const counter = yield* there.create(Counter, { initial: 1 })
      assert.strictEqual((yield* reasonOf(teller.add({ counter, by: 1 })))._tag, "Unavailable")
      assert.strictEqual(yield* counter.get(), 1)
    })
  )
})
