/** Calls that wait, and clients that do not answer, hold up nobody. */
import { assert, describe } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import type * as Spawner from "effect-multiprocessing/Spawner"
import { freeze, isAliveUnsafe, waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Patient, prepare } from "../fixtures/manager/life.ts"
import { startIn } from "../support/owned.ts"
import { hex, key } from "../support/served.ts"
import { spawned } from "../support/spawned.ts"

const module = new URL("../fixtures/manager/life.live.ts", import.meta.url)

const managerOf = <E>(layer: Layer.Layer<Manager.Manager, E, Spawner.Spawner>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, Manager.Manager))

const calls = ({ debugInfo }: Manager.Manager["Service"]) =>
  Effect.map(debugInfo, (infos) => infos.reduce((sum, { calls }) => sum + calls, 0))

const many = 100

describe("a client with a hundred calls that wait", () => {
  for (const place of ["its parent", "at its address"] as const) {
    spawned(
      `(${place}) makes others`,
      Effect.gen(function*() {
        const own = yield* managerOf(Manager.layer({ module }))
        const manager = place === "its parent" ? own : yield* managerOf(Manager.connect({ address: own.address! }))
        const patient = yield* manager.create(Patient, { how: "plain" })
        const making = yield* Effect.forkChild(Effect.scoped(manager.create(Patient, { how: "hangs" })), {
          startImmediately: true
        })
        const waits = yield* Effect.forEach(
          Array.from({ length: many }),
          () => Effect.forkChild(patient.wait(), { startImmediately: true })
        )
        // A call that has been answered after them has overtaken them.
        assert.isNumber(yield* patient.pid())
        assert.strictEqual(yield* calls(manager), many)
        yield* Effect.scoped(Effect.flatMap(manager.create(Patient, { how: "plain" }), (other) => other.pid()))
        yield* Fiber.interruptAll(waits)
        yield* waitUntil(Effect.map(calls(manager), (n) => n === 0), { what: "no calls" })
        yield* Fiber.interrupt(making)
        assert.isNumber(yield* patient.pid())
      })
    )
  }
})

describe("a client that is stopped", () => {
  spawned(
    "holds up neither others nor the end of its manager",
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const manager = yield* managerOf(Manager.layer({ module, authKey: key, closeTimeout: 500 }))
        const patient = yield* manager.create(Patient, { how: "plain" })
        const pid = yield* patient.pid()
        const client = yield* startIn("manager", "client", JSON.stringify({ hex, calls: 8, address: manager.address }))
        assert.strictEqual(yield* client.line, String(pid))
        yield* waitUntil(Effect.map(calls(manager), (n) => n === 8), { what: "8 calls" })
        yield* freeze(client.pid)
        assert.strictEqual(yield* patient.pid(), pid)
        const begun = performance.now()
        yield* manager.shutdown
        assert.isFalse(isAliveUnsafe(pid))
        assert.isBelow(performance.now() - begun, 10_000)
      }))
    })
  )
})

describe("an initializer that never ends", () => {
  spawned(
    "ends with who waits for it, and its manager too",
    Effect.gen(function*() {
      const layer = Manager.layer({ module, initialize: { fn: prepare, payload: { how: "hangs" } } })
      const ended = yield* Effect.timeoutOption(Effect.scoped(Layer.build(layer)), "1 second")
      assert.strictEqual(ended._tag, "None")
    })
  )
})
