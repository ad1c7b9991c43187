import { assert, describe } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Testing from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { existsSync, rmSync } from "node:fs"
import { Crash } from "../fixtures/crash/crash.ts"
import { sleepers } from "../fixtures/process/work.ts"
import { folder, rounds, spawned } from "../support/spawned.ts"

const test = (name: string, run: Effect.Effect<void, unknown, Spawner | Scope.Scope>) =>
  spawned(name, run, rounds(60_000, 300_000))

const crashes = (size: number) =>
  Effect.map(
    Layer.build(ProcessLayer.make({
      module: new URL("../fixtures/crash/crash.live.ts", import.meta.url),
      services: [Crash],
      size
    })),
    (context) => Context.get(context, Crash)
  )

const pids = Effect.map(Process.activeChildren, (children) => children.map(({ pid }) => pid).toSorted())

const exitOf = (call: Effect.Effect<unknown, RemoteError>) =>
  Effect.map(Effect.flip(call), ({ reason }) => {
    assert.strictEqual(reason._tag, "ProcessExited", reason.message)
    return reason as Extract<RemoteError["reason"], { readonly _tag: "ProcessExited" }>
  })

describe("SIGKILL", () => {
  test(
    "in the middle of a call fails it soon",
    Effect.gen(function*() {
      const ready = `${yield* folder}/ready`
      const crash = yield* crashes(1)
      const millis: Array<number> = []
      for (let round = 0; round < rounds(5, 200); round++) {
        const pid = yield* crash.pid()
        const call = yield* Effect.forkChild(exitOf(crash.hang({ ready })))
        yield* Testing.waitUntil(() => existsSync(ready))
        rmSync(ready)
        const killed = performance.now()
        yield* Testing.kill(pid)
        assert.deepInclude(yield* Fiber.join(call), { pid, signal: "SIGKILL" })
        millis.push(performance.now() - killed)
      }
      const sorted = millis.toSorted((a, b) => a - b)
      const p99 = sorted[Math.floor(sorted.length * 0.99)]!
      assert.isBelow(p99, rounds(10_000, 100), `p50 ${sorted[sorted.length >> 1]}, most ${sorted.at(-1)}`)
    })
  )

  for (const size of [1, 2, 5, 13].slice(0, rounds(2, 4))) {
    test(
      `of ${size} children by each other fails each one's call, and all are replaced`,
      Effect.gen(function*() {
        const crash = yield* crashes(size)
        const each = <A, E>(call: Effect.Effect<A, E>) =>
          Effect.all(Array.from({ length: size }, () => call), { concurrency: "unbounded" })
        for (let round = 0; round < rounds(3, 20); round++) {
          const before = yield* pids
          const exits = yield* each(exitOf(crash.killAll({ pids: before })))
          assert.deepStrictEqual(exits.map(({ pid }) => pid).toSorted(), before)
          for (const { detail, signal } of exits) assert.deepStrictEqual([signal, detail], ["SIGKILL", undefined])
          yield* Testing.waitUntil(Effect.map(pids, ({ length }) => length === size), { what: "all replacements" })
          // only who has answered is replaced again
          yield* each(crash.pid())
          for (const pid of yield* pids) assert.notInclude(before, pid)
        }
      })
    )
  }

  test(
    "reaches what children have started, when their Scope closes",
    Effect.gen(function*() {
      const size = rounds(3, 8)
      const scope = yield* Scope.make()
      const module = sleepers.module
      assert.instanceOf(module, URL)
      const context = yield* Layer.buildWithScope(ProcessLayer.make({ module, services: [sleepers], size }), scope)
      const started = yield* Effect.all(Array.from({ length: size }, () => sleepers.call()), {
        concurrency: "unbounded"
      }).pipe(Effect.provideContext(context))
      const all = started.flat()
      assert.lengthOf(all, 2 * size)
      for (const pid of all) assert.isTrue(yield* Testing.isAlive(pid))
      yield* Scope.close(scope, Exit.void)
      for (const pid of all) assert.isFalse(yield* Testing.isAlive(pid))
    })
  )
})
