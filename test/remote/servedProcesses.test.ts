/** Servers and clients that are killed, stopped and started again, and what is left of them: nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import { freeze, waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { added } from "../fixtures/flat/census.ts"
import { Work } from "../fixtures/served/contract.ts"
import type { Report } from "../fixtures/served/flat.ts"
import * as Program from "../support/program.ts"
import { client, clientProcess, implementations, reasonOf, server, serverProcess } from "../support/served.ts"
import { folder, rounds } from "../support/spawned.ts"

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(test), rounds(60_000, 600_000))

const reconnect = Schedule.spaced(5)

const counted = (work: Work["Service"], held: number, released: number) =>
  waitUntil(
    Effect.map(work.counts(), (counts) => counts.held === held && counts.released === released),
    { what: `${held} held, ${released} released` }
  )

/** Of something that is under way, like the sweep that a listener begins with, there may be more for a moment. */
const descriptors = () => readdirSync("/proc/self/fd").length

describe("a server that is killed", () => {
  for (const kind of ["unix", "tcp"] as const) {
    live(
      `(${kind}) fails each call of each client, and serves them again at the same address`,
      Effect.gen(function*() {
        let address: Address.Input = kind === "tcp" ? Address.tcp(0) : `${yield* folder}/socket`
        const first = yield* serverProcess({ address })
        address = first.address
        const clients = yield* Effect.forEach([1, 2, 3, 4], () => client({ address: first.address }, { reconnect }))
        let there = first
        for (let round = 0; round < rounds(2, 50); round++) {
          const calls = yield* Effect.forEach(
            clients,
            ({ work }) => Effect.forEach(Array.from({ length: 8 }), () => Effect.forkChild(reasonOf(work.hold())))
          )
          yield* counted(clients[0]!.work, 32, 0)
          there.kill()
          for (const call of calls.flat()) assert.strictEqual((yield* Fiber.join(call))._tag, "Disconnected")
          yield* there.end
          const again = yield* Effect.forEach(
            clients,
            ({ work }) => Effect.forkChild(work.double({ n: round }), { startImmediately: true })
          )
          const next = yield* serverProcess({ address })
          assert.notStrictEqual(next.epoch, there.epoch)
          for (const call of again) assert.strictEqual(yield* Fiber.join(call), 2 * round)
          for (const { state } of clients) {
            assert.deepStrictEqual(yield* state, { _tag: "Connected", epoch: next.epoch })
          }
          there = next
        }
        there.tell()
        assert.strictEqual(yield* there.end, 0)
      })
    )
  }
})

describe("a client that is killed", () => {
  for (const kind of ["unix", "tcp"] as const) {
    live(
      `(${kind}) leaves nothing: the finalizers of its calls have run, its connection is gone`,
      Effect.gen(function*() {
        const given = yield* implementations
        const there = yield* server(kind, {}, given)
        const here = Context.get(given, Work)
        const bystander = yield* client(there)
        yield* bystander.work.double({ n: 1 })
        const before = descriptors()
        for (let round = 1; round <= rounds(2, 50); round++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const { end, kill } = yield* clientProcess(there.address, 32)
            yield* counted(here, 32 * round, 32 * (round - 1))
            assert.strictEqual(yield* there.clients, 2)
            kill()
            yield* counted(here, 32 * round, 32 * round)
            yield* end
          }))
          yield* waitUntil(Effect.map(there.clients, (n) => n === 1))
          yield* waitUntil(() => descriptors() <= before, { what: "no more descriptors than before" })
        }
        assert.strictEqual(yield* bystander.work.double({ n: 2 }), 4)
        assert.deepStrictEqual(there.refused, [])
      })
    )
  }
})

describe("who is stopped", () => {
  live(
    "a server: pings find out, and the client comes back when it goes on",
    Effect.gen(function*() {
      const { address, pid } = yield* serverProcess({ address: Address.tcp(0) })
      const made = yield* client({ address }, { reconnect, pingInterval: 50, timeout: 200 })
      const call = yield* Effect.forkChild(reasonOf(made.work.hold()))
      yield* counted(made.work, 1, 0)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* freeze(pid)
        assert.deepInclude(yield* Fiber.join(call), { _tag: "Disconnected", detail: "silent for 100 ms" })
      }))
      yield* counted(made.work, 1, 1)
    })
  )

  live(
    "a client: pings find out, and its calls end",
    Effect.gen(function*() {
      const given = yield* implementations
      const there = yield* server("tcp", { pingInterval: 50 }, given)
      const { pid } = yield* clientProcess(there.address, 8)
      yield* counted(Context.get(given, Work), 8, 0)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* freeze(pid)
        yield* counted(Context.get(given, Work), 8, 8)
        yield* waitUntil(Effect.map(there.clients, (n) => n === 0))
      }))
    })
  )
})

describe("a server whose Scope closes under load", () => {
  live(
    "ends in order, and no client hangs",
    Effect.gen(function*() {
      for (let round = 0; round < rounds(3, 100); round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const there = yield* server()
          const clients = yield* Effect.forEach([1, 2, 3, 4], () => client(there, { reconnect: false }))
          let answered = 0
          const load = ({ work }: typeof clients[number]) =>
            Effect.forever(Effect.tap(work.double({ n: 1 }), () => Effect.sync(() => answered++)))
          const fibers = yield* Effect.forEach(
            clients.flatMap((client) => Array.from({ length: 8 }, () => client)),
            (client) => Effect.forkChild(reasonOf(load(client)))
          )
          yield* waitUntil(() => answered > 1000 * round)
          yield* there.close
          for (const fiber of fibers) {
            assert.include(["Disconnected", "RemoteInterrupted", "SessionClosed"], (yield* Fiber.join(fiber))._tag)
          }
        }))
      }
    })
  )
})

describe("clients that come and go, and connections that are cut", () => {
  live(
    "leave nothing in memory, and no descriptor",
    Effect.gen(function*() {
      const flat = fileURLToPath(new URL("../fixtures/served/flat.ts", import.meta.url))
      const options = ["--expose-gc", "--disable-warning=ExperimentalWarning", flat, String(rounds(80, 2000))]
      const { code, stderr, stdout } = yield* Program.runCommand(process.execPath, options)
      assert.deepStrictEqual([code, stderr], [0, ""])
      const { after, before } = JSON.parse(stdout) as Report
      assert.deepStrictEqual(added(before, after), [])
      assert.isBelow(after.heap - before.heap, rounds(1, 2) << 20)
    })
  )
})
