import { assert, describe, it } from "@effect/vitest"
import {
  descendants,
  freeze,
  isAlive,
  isAliveUnsafe,
  kill,
  NeverHappened,
  SignalRefused,
  thaw,
  waitUntil
} from "effect-multiprocessing/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import { allDead, child, families } from "../support/owned.ts"

const stateOf = (pid: number) => ProcessTable.read(pid)?.state

describe("kill", () => {
  it.live("ends a process, by SIGKILL or by what is asked for", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* child("sleep", ["1000"]), yield* child("sleep", ["1000"])]
      yield* kill(a.pid)
      yield* kill(b.pid, "SIGTERM")
      yield* allDead([a.pid, b.pid])
    }).pipe(Effect.scoped))

  it.live("says that there is no such process", () =>
    Effect.gen(function*() {
      const { end, pid } = yield* child("true")
      yield* end
      const error = yield* Effect.flip(kill(pid))
      assert.instanceOf(error, SignalRefused)
      assert.deepInclude(error, { pid, signal: "SIGKILL", code: "ESRCH" })
    }).pipe(Effect.scoped))

  it.effect("refuses what means everybody", () =>
    Effect.gen(function*() {
      for (const pid of [0, 1, -1, -process.pid, 1.5, Number.NaN]) {
        assert.strictEqual((yield* Effect.flip(kill(pid))).code, "EINVAL")
      }
    }))
})

describe("freeze", () => {
  it.live("holds a process until the Scope closes", () =>
    Effect.gen(function*() {
      const { pid } = yield* child("sleep", ["1000"])
      yield* Effect.scoped(Effect.gen(function*() {
        yield* freeze(pid)
        assert.strictEqual(stateOf(pid), "T")
      }))
      yield* waitUntil(() => stateOf(pid) === "S", { what: "it goes on" })
    }).pipe(Effect.scoped))

  it.live("may be ended before, and a death in between is no trouble", () =>
    Effect.gen(function*() {
      const { end, pid } = yield* child("sleep", ["1000"])
      yield* Effect.scoped(Effect.gen(function*() {
        yield* freeze(pid)
        yield* thaw(pid)
        yield* waitUntil(() => stateOf(pid) === "S", { what: "it goes on" })
        yield* freeze(pid)
        yield* kill(pid)
        yield* end
      }))
    }).pipe(Effect.scoped))

  it.live("of nobody is refused", () =>
    Effect.gen(function*() {
      const { end, pid } = yield* child("true")
      yield* end
      assert.instanceOf(yield* Effect.flip(freeze(pid)), SignalRefused)
    }).pipe(Effect.scoped))
})

describe("isAlive and descendants", () => {
  it.live("tell the living from the dead", () =>
    Effect.gen(function*() {
      const { end, pid } = yield* child("sleep", ["1000"])
      assert.isTrue(yield* isAlive(pid))
      yield* kill(pid)
      yield* end
      assert.isFalse(yield* isAlive(pid))
    }).pipe(Effect.scoped))

  it.live("find children and their children, parents first", () =>
    Effect.gen(function*() {
      const { pid } = yield* child("sh", ["-c", "sh -c 'sleep 1000; true' & wait"])
      const members = yield* families([pid], 3)
      const found = yield* descendants(pid)
      assert.sameMembers([...found, pid], [...members])
      assert.strictEqual(ProcessTable.read(found[0]!)?.parent, pid)
      assert.strictEqual(ProcessTable.read(found[1]!)?.parent, found[0])
      assert.includeMembers([...(yield* descendants(process.pid))], [...members])
    }).pipe(Effect.scoped))
})

describe("waitUntil", () => {
  it.live("waits for a function or an effect", () =>
    Effect.gen(function*() {
      let looks = 0
      yield* waitUntil(() => ++looks === 3, { interval: 1 })
      assert.strictEqual(looks, 3)
      yield* waitUntil(Effect.sync(() => ++looks === 5), { interval: 1 })
      assert.strictEqual(looks, 5)
    }))

  it.effect("gives up in real time, and says on what", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(waitUntil(() => false, { timeout: 10, what: "a miracle" }))
      assert.instanceOf(error, NeverHappened)
      assert.strictEqual(error.message, "did not happen within 10 ms: a miracle")
    }))

  it.effect("looks once at least, and fails with the condition", () =>
    Effect.gen(function*() {
      yield* waitUntil(() => true, { timeout: 0 })
      assert.strictEqual(yield* Effect.flip(waitUntil(Effect.fail("own failure"))), "own failure")
    }))

  it.live("can be interrupted", () =>
    Effect.gen(function*() {
      const looked = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        waitUntil(Effect.as(Deferred.succeed(looked, undefined), false), { interval: 1_000_000 })
      )
      yield* Deferred.await(looked)
      yield* Fiber.interrupt(fiber)
      assert.isFalse(isAliveUnsafe(0))
    }))
})
