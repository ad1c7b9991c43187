/** Managers that die, with those who use them, and with those who have started them. */
import { assert, describe } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import type * as Spawner from "effect-multiprocessing/Spawner"
import { isAliveUnsafe, waitUntil } from "effect-multiprocessing/testing"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { fileURLToPath } from "node:url"
import { Patient } from "../fixtures/manager/life.ts"
import { Nursery } from "../fixtures/manager/nursery.ts"
import { ca, certificate } from "../support/certificates.ts"
import { allDead, startIn } from "../support/owned.ts"
import { hex, key, reasonOf } from "../support/served.ts"
import { folder, rounds, spawned } from "../support/spawned.ts"

const module = new URL("../fixtures/manager/life.live.ts", import.meta.url)

/** A manager that may end before the test does. */
const started = Effect.fnUntraced(function*<E>(layer: Layer.Layer<Manager.Manager, E, Spawner.Spawner>) {
  const own = yield* Scope.fork(yield* Effect.scope)
  const manager = Context.get(yield* Scope.provide(Layer.build(layer), own), Manager.Manager)
  return { manager, close: Scope.close(own, Exit.void) }
})

const patientOf = (manager: Manager.Manager["Service"]) => manager.create(Patient, { how: "plain" })

const callsAre = (manager: Manager.Manager["Service"], many: number) =>
  waitUntil(
    Effect.map(manager.debugInfo, (infos) => infos.reduce((sum, { calls }) => sum + calls, 0) === many),
    { what: `${many} calls` }
  )

const waits = (patient: Patient, many: number) =>
  Effect.forEach(
    Array.from({ length: many }),
    () => Effect.forkScoped(reasonOf(patient.wait()), { startImmediately: true })
  )

const kinds = {
  unix: { listen: {}, dial: {} },
  tcp: { listen: { address: Address.tcp(0) }, dial: {} },
  tls: { listen: { address: Address.tcp(0), tls: certificate("listener") }, dial: { tls: { ca } } }
}

describe("a manager that is killed", () => {
  for (const [kind, { dial, listen }] of Object.entries(kinds)) {
    spawned(
      `(${kind}) fails each call of each client, and serves them again at the same address`,
      Effect.gen(function*() {
        const many = 8
        const address = kind === "unix" ? { address: `${yield* folder}/manager` } : {}
        const options: Manager.Options = { module, authKey: key, ...listen, ...address }
        const first = yield* started(Manager.layer(options))
        const at = first.manager.address!
        const parents = yield* patientOf(first.manager)
        const pid = yield* parents.pid()
        const client = yield* started(Manager.connect({
          address: at,
          authKey: key,
          reconnect: Schedule.spaced(5),
          ...dial
        }))
        const clients = yield* patientOf(client.manager)
        const program = yield* startIn("manager", "client", JSON.stringify({ hex, calls: many, address: at, ...dial }))
        assert.strictEqual(yield* program.line, String(pid))
        const atParent = yield* waits(parents, many)
        const atClient = yield* waits(clients, many)
        yield* callsAre(first.manager, 3 * many)

        process.kill(pid, "SIGKILL")
        for (const wait of atParent) {
          assert.deepInclude(yield* Fiber.join(wait), { _tag: "ProcessExited", pid, signal: "SIGKILL" })
        }
        for (const wait of atClient) assert.strictEqual((yield* Fiber.join(wait))._tag, "Disconnected")
        assert.deepStrictEqual(JSON.parse(yield* program.line), Array.from({ length: many }, () => "Disconnected"))
        const create = yield* Effect.flip(Effect.asVoid(patientOf(first.manager)))
        assert.strictEqual((create as RemoteError).reason._tag, "ProcessExited")
        assert.strictEqual((yield* reasonOf(parents.pid()))._tag, "ProcessExited")

        const second = yield* started(Manager.layer({ ...options, address: at }))
        assert.notStrictEqual(second.manager.id, first.manager.id)
        assert.include(["Disconnected", "ObjectGone", "SessionClosed"], (yield* reasonOf(clients.pid()))._tag)
        const again = yield* patientOf(client.manager)
        assert.strictEqual(yield* again.pid(), yield* (yield* patientOf(second.manager)).pid())
      }),
      rounds(60_000, 600_000)
    )
  }
})

/** A program that leads a group of its own, as one in the foreground of a terminal does. */
const foreground = (options: Manager.Options) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const file = fileURLToPath(new URL("../fixtures/manager/program.ts", import.meta.url))
      const child = ChildProcess.spawn(process.execPath, [file, JSON.stringify(options)], {
        detached: true,
        stdio: ["ignore", "pipe", "inherit"]
      })
      let printed = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => printed += text)
      const end = new Promise<number | string>((resolve) => {
        child.once("close", (code, signal) => resolve(code ?? signal!))
      })
      const signal = (signal: NodeJS.Signals) => {
        try {
          process.kill(-child.pid!, signal)
        } catch {
          // the whole group is gone
        }
      }
      return { lines: () => printed.split("\n").slice(0, -1), signal, end: Effect.promise(() => end) }
    }),
    ({ end, signal }) => Effect.andThen(Effect.sync(() => signal("SIGKILL")), end)
  )

describe("a reference of an earlier start", () => {
  spawned(
    "is known by the manager's identity, whatever its number is",
    Effect.gen(function*() {
      const address = `${yield* folder}/manager`
      const ticketOf = (manager: Manager.Manager["Service"]) =>
        Effect.flatMap(patientOf(manager), Schema.encodeEffect(Patient.schema))
      const first = yield* started(Manager.layer({ module, address }))
      const old = yield* ticketOf(first.manager)
      yield* first.close
      const second = yield* started(Manager.layer({ module, address }))
      const fresh = yield* ticketOf(second.manager)
      assert.deepStrictEqual({ ...old, manager: "" }, { ...fresh, manager: "" })
      const exit = yield* Effect.exit(Schema.decodeEffect(Patient.schema)(old))
      assert(Exit.isFailure(exit))
      const error = Cause.squash(exit.cause)
      assert.instanceOf(error, RemoteError)
      assert.strictEqual(error.reason._tag, "ObjectGone")
      assert.isNumber(yield* (yield* Schema.decodeEffect(Patient.schema)(fresh)).pid())
    })
  )
})

describe("a manager whose program", () => {
  spawned(
    "is sent SIGINT does not hear of it (bpo-36368)",
    Effect.gen(function*() {
      const { manager } = yield* started(Manager.layer({ module }))
      const patient = yield* patientOf(manager)
      const pid = yield* patient.pid()
      const [wait] = yield* waits(patient, 1)
      for (let i = 0; i < 5; i++) {
        process.kill(pid, "SIGINT")
        assert.strictEqual(yield* patient.pid(), pid)
      }
      assert.isUndefined(wait!.pollUnsafe())
    })
  )

  for (const group of [true, false]) {
    spawned(
      `is in the foreground and interrupted outlives it, in ${group ? "a group of its own" : "the same group"}`,
      Effect.gen(function*() {
        const program = yield* foreground({ group })
        yield* waitUntil(() => program.lines().length === 1)
        const pid = Number(program.lines()[0])
        program.signal("SIGINT")
        assert.strictEqual(yield* program.end, 0)
        assert.deepStrictEqual(program.lines().slice(1), ["it is still there"])
        assert.isFalse(isAliveUnsafe(pid))
      })
    )
  }

  spawned(
    "is killed ends",
    Effect.gen(function*() {
      const program = yield* foreground({})
      yield* waitUntil(() => program.lines().length === 1)
      program.signal("SIGKILL")
      assert.strictEqual(yield* program.end, "SIGKILL")
      yield* allDead([Number(program.lines()[0])])
    })
  )
})

describe("a manager of a child", () => {
  const nursery = Effect.gen(function*() {
    const layer = ProcessLayer.make({
      module: new URL("../fixtures/manager/nursery.live.ts", import.meta.url),
      services: [Nursery]
    })
    const own = yield* Scope.fork(yield* Effect.scope)
    const nursery = Context.get(yield* Scope.provide(Layer.build(layer), own), Nursery)
    return { nursery, close: Scope.close(own, Exit.void) }
  })

  spawned(
    "is used by the root, and ends with the child",
    Effect.gen(function*() {
      const { close, nursery: { bear, pid } } = yield* nursery
      const patient = yield* bear()
      const other = yield* bear()
      const manager = yield* patient.pid()
      assert.strictEqual(yield* other.pid(), manager)
      assert.notInclude([process.pid, yield* pid()], manager)
      const [wait] = yield* waits(patient, 1)
      yield* close
      assert.include(["Disconnected", "RemoteInterrupted"], (yield* Fiber.join(wait!))._tag)
      assert.isFalse(isAliveUnsafe(manager))
    })
  )

  spawned(
    "dies with the child that is killed",
    Effect.gen(function*() {
      const { nursery: { bear, pid } } = yield* nursery
      const patient = yield* bear()
      const manager = yield* patient.pid()
      const [wait] = yield* waits(patient, 1)
      process.kill(yield* pid(), "SIGKILL")
      yield* allDead([manager])
      assert.include(["Disconnected", "RemoteInterrupted"], (yield* Fiber.join(wait!))._tag)
      assert.include(["Disconnected", "ObjectGone", "SessionClosed"], (yield* reasonOf(patient.pid()))._tag)
    })
  )
})
