import { assert, describe } from "@effect/vitest"
import * as RemoteBarrier from "effect-multiprocessing/RemoteBarrier"
import type { BrokenBarrier } from "effect-multiprocessing/SyncError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { managed, ofType, summary } from "../support/managed.ts"

const parties = 5

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const all = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.all(Array.from({ length: count }, () => effect), { concurrency: "unbounded" })

const broken = Effect.fnUntraced(function*<A, E extends { readonly _tag: string }, R>(
  by: BrokenBarrier["by"],
  effect: Effect.Effect<A, E, R>
) {
  const error: any = yield* ofType("SyncError" as any, effect)
  assert.deepInclude(error.reason, { _tag: "BrokenBarrier", by })
})

describe("a barrier", () => {
  for (const [name, rounds] of [["test_barrier", 1], ["test_barrier_10", 10]] as const) {
    managed(`${name}: is passed by all together, ${rounds} times`, () =>
      Effect.gen(function*() {
        const barrier = yield* RemoteBarrier.make({ parties })
        assert.strictEqual(yield* barrier.parties, parties)
        const arrived = Array.from({ length: rounds }, () => 0)
        yield* all(
          parties,
          Effect.gen(function*() {
            for (let round = 0; round < rounds; round++) {
              arrived[round]!++
              yield* barrier.wait()
              assert.strictEqual(arrived[round], parties)
            }
          })
        )
        assert.strictEqual(yield* barrier.waiting, 0)
        assert.isFalse(yield* barrier.isBroken)
      }))
  }

  managed("test_wait_return: gives each an index of its own", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties })
      assert.sameMembers(yield* all(parties, barrier.wait()), [0, 1, 2, 3, 4])
    }))

  managed("test_action: has its action done once, before anybody goes", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties })
      let done = 0
      const action = Effect.sync(() => void done++)
      for (let round = 1; round <= 3; round++) {
        const seen = yield* all(parties, Effect.map(barrier.wait({ action }), (index) => [index, done]))
        assert.sameDeepMembers(seen, [[0, round], [1, round], [2, round], [3, round], [4, round]])
      }
    }))

  managed("test_abort: is broken until it is reset", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties })
      const waiting = yield* fork(all(parties - 1, broken("abort", barrier.wait())))
      yield* summary("4 of 5")
      assert.strictEqual(yield* barrier.waiting, 4)
      yield* barrier.abort
      yield* Fiber.join(waiting)
      assert.isTrue(yield* barrier.isBroken)
      assert.strictEqual(yield* barrier.waiting, 0)
      yield* broken("abort", barrier.wait())
      yield* barrier.reset
      assert.isFalse(yield* barrier.isBroken)
      yield* all(parties, barrier.wait())
    }))

  managed("test_reset: lets those go who wait, broken, and is as new", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties })
      const waiting = yield* fork(all(parties - 1, broken("reset", barrier.wait())))
      yield* summary("4 of 5")
      yield* barrier.reset
      yield* Fiber.join(waiting)
      assert.isFalse(yield* barrier.isBroken)
      assert.sameMembers(yield* all(parties, barrier.wait()), [0, 1, 2, 3, 4])
    }))

  managed("test_abort_and_reset: can be used again by those who met broken", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties })
      const meeting = yield* RemoteBarrier.make({ parties })
      const middle = Math.floor(parties / 2)
      const party = Effect.gen(function*() {
        const index = yield* barrier.wait()
        if (index === middle) yield* barrier.abort
        else yield* broken("abort", barrier.wait())
        // All have left it when it is reset, and nobody comes before.
        if ((yield* meeting.wait()) === middle) yield* barrier.reset
        yield* meeting.wait()
        return yield* barrier.wait()
      })
      assert.sameMembers(yield* all(parties, party), [0, 1, 2, 3, 4])
    }))

  managed("test_timeout, test_default_timeout: is broken for all by one who is late", () =>
    Effect.gen(function*() {
      const own = yield* RemoteBarrier.make({ parties, timeout: 30 })
      yield* all(parties - 1, broken("timeout", own.wait()))
      assert.isTrue(yield* own.isBroken)
      yield* broken("timeout", own.wait())

      const given = yield* RemoteBarrier.make({ parties })
      const waiting = yield* fork(all(parties - 2, broken("timeout", given.wait())))
      yield* broken("timeout", given.wait({ timeout: "10 millis" }))
      yield* Fiber.join(waiting)
    }))

  managed("is waited at as long as it takes, whatever its default", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties: 3, timeout: 20 })
      const waits = [fork(barrier.wait({ timeout: Infinity })), fork(barrier.wait({ timeout: "Infinity" }))]
      const waiting = yield* Effect.all(waits)
      yield* summary("2 of 3")
      yield* broken("timeout", Effect.flatMap(RemoteBarrier.make({ parties, timeout: 60 }), ({ wait }) => wait()))
      assert.strictEqual(yield* barrier.wait(), 2)
      assert.sameMembers(yield* Effect.forEach(waiting, Fiber.join), [0, 1])
    }))

  managed("test_single_thread: can be passed alone", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties: 1 })
      assert.strictEqual(yield* barrier.wait(), 0)
      assert.strictEqual(yield* barrier.wait({ action: Effect.void, timeout: 0 }), 0)
    }))

  managed("is broken for all by one who leaves", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties })
      const waiting = yield* fork(all(parties - 2, broken("left", barrier.wait())))
      const leaving = yield* fork(barrier.wait())
      yield* summary("4 of 5")
      yield* Fiber.interrupt(leaving)
      yield* Fiber.join(waiting)
      yield* broken("left", barrier.wait())
    }))

  managed("is broken by an action that does not succeed", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties: 3 })
      for (const action of [Effect.fail("no" as const), Effect.die("no"), Effect.interrupt]) {
        const waiting = yield* fork(all(2, broken("action", barrier.wait())))
        yield* summary("2 of 3")
        const exit = yield* Effect.exit(barrier.wait({ action }))
        assert.deepStrictEqual(exit, yield* Effect.exit(action))
        yield* Fiber.join(waiting)
        yield* barrier.reset
      }
      yield* all(3, barrier.wait())
    }))

  managed("keeps those who come during the action for the next round", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties: 2 })
      const go = yield* Deferred.make<void>()
      const round = yield* fork(all(2, barrier.wait({ action: Deferred.await(go) })))
      yield* summary("an action runs, 0 late")
      const late = yield* fork(barrier.wait())
      yield* summary("an action runs, 1 late")
      assert.strictEqual(yield* barrier.waiting, 0)
      yield* Deferred.succeed(go, undefined)
      assert.sameMembers(yield* Fiber.join(round), [0, 1])
      yield* summary("1 of 2")
      assert.strictEqual(yield* barrier.wait(), 1)
      assert.strictEqual(yield* Fiber.join(late), 0)
    }))

  managed("can be reset and aborted during the action", () =>
    Effect.gen(function*() {
      const barrier = yield* RemoteBarrier.make({ parties: 2 })
      for (const [by, end] of [["reset", barrier.reset], ["abort", barrier.abort]] as const) {
        const go = yield* Deferred.make<void>()
        const round = yield* fork(all(2, broken(by, barrier.wait({ action: Deferred.await(go) }))))
        yield* summary("an action runs, 0 late")
        const late = yield* fork(Effect.exit(barrier.wait()))
        yield* summary("an action runs, 1 late")
        yield* end
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(round)
        // after a reset the one who was late is the first of a new round
        if (by === "reset") assert.strictEqual(yield* barrier.wait(), 1)
        assert.strictEqual(Exit.isSuccess(yield* Fiber.join(late)), by === "reset")
      }
    }))

  managed("is for one party at least", () =>
    Effect.gen(function*() {
      for (const parties of [0, -1, 1.5]) {
        assert.strictEqual(
          (yield* ofType("ManagerError", RemoteBarrier.make({ parties }))).reason._tag,
          "InvalidOption"
        )
      }
    }))
})
