import { assert, describe } from "@effect/vitest"
import type * as Manager from "effect-multiprocessing/Manager"
import * as RemoteBoundedSemaphore from "effect-multiprocessing/RemoteBoundedSemaphore"
import * as RemoteSemaphore from "effect-multiprocessing/RemoteSemaphore"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { managed, ofType, summary } from "../support/managed.ts"

type Either = RemoteSemaphore.RemoteSemaphore | RemoteBoundedSemaphore.RemoteBoundedSemaphore

const both = (
  name: string,
  test: (semaphore: Either) => Effect.Effect<void, unknown, Manager.Manager | Scope.Scope>
) => {
  managed(`a semaphore ${name}`, () => (Effect.flatMap(RemoteSemaphore.make(2), test)))
  managed(`a bounded semaphore ${name}`, () => (Effect.flatMap(RemoteBoundedSemaphore.make(2), test)))
}

const isAvailable = (semaphore: Either, permits: number) =>
  Effect.map(semaphore.available, (available) => assert.strictEqual(available, permits))

both(
  "counts down, refuses, and counts up (test_semaphore, test_bounded_semaphore)",
  (semaphore) =>
    Effect.gen(function*() {
      yield* isAvailable(semaphore, 2)
      yield* semaphore.take()
      yield* isAvailable(semaphore, 1)
      assert.isTrue(yield* semaphore.tryTake())
      yield* isAvailable(semaphore, 0)
      assert.isFalse(yield* semaphore.tryTake())
      assert.isFalse(yield* semaphore.tryAcquire())
      yield* isAvailable(semaphore, 0)
      yield* semaphore.release()
      yield* isAvailable(semaphore, 1)
      yield* semaphore.release()
      yield* isAvailable(semaphore, 2)
    })
)

both("is waited for no longer than one likes (test_timeout)", (semaphore) =>
  Effect.gen(function*() {
    yield* semaphore.take(2)
    for (const timeout of [-1, 0, 10, "10 millis"] as const) {
      assert.isFalse(yield* semaphore.tryTake(1, { timeout }))
      assert.isFalse(yield* semaphore.tryAcquire(1, { timeout }))
    }
    yield* isAvailable(semaphore, 0)
    yield* semaphore.release(2)
    assert.isTrue(yield* semaphore.tryTake(1, { timeout: 10 }))
  }))

both("has permits for Scopes and effects", (semaphore) =>
  Effect.gen(function*() {
    yield* Effect.scoped(Effect.gen(function*() {
      yield* semaphore.acquire()
      assert.isTrue(yield* semaphore.tryAcquire())
      yield* isAvailable(semaphore, 0)
    }))
    yield* isAvailable(semaphore, 2)
    yield* semaphore.withPermits(2)(isAvailable(semaphore, 0))
    yield* semaphore.withPermit(isAvailable(semaphore, 1))
    yield* isAvailable(semaphore, 2)
  }))

both("serves those who wait in their order, whatever they want", (semaphore) =>
  Effect.gen(function*() {
    yield* semaphore.take()
    const fork = (permits: number) => Effect.forkChild(semaphore.take(permits), { startImmediately: true })
    const many = yield* fork(2)
    yield* summary("1 available, 1 waiting")
    const few = yield* fork(1)
    yield* summary("1 available, 2 waiting")
    assert.isFalse(yield* semaphore.tryTake())
    // who leaves lets the next one go
    yield* Fiber.interrupt(many)
    yield* Fiber.join(few)
    yield* summary("0 available")
  }))

both("loses no permit to an interruption, however it crosses the grant", (semaphore) =>
  Effect.gen(function*() {
    for (let turns = 0; turns < 60; turns++) {
      const scope = yield* Scope.make()
      const effect = turns % 2 === 0 ? semaphore.take(2) : Scope.provide(semaphore.acquire(2), scope)
      const taking = yield* Effect.forkChild(effect, { startImmediately: true })
      for (let i = 0; i < turns % 8; i++) yield* Effect.promise(() => new Promise(setImmediate))
      const exit = yield* Effect.andThen(Fiber.interrupt(taking), Fiber.await(taking))
      if (Exit.isSuccess(exit)) {
        yield* isAvailable(semaphore, 0)
        if (turns % 2 === 0) yield* semaphore.release(2)
        else yield* Scope.close(scope, Exit.void)
      }
      yield* isAvailable(semaphore, 2)
    }
  }))

both("takes no number of permits but a positive integer", (semaphore) =>
  Effect.gen(function*() {
    for (const permits of [0, -1, 0.5, Number.NaN]) {
      for (
        const call of [semaphore.take(permits), semaphore.release(permits), semaphore.withPermits(permits)(Effect.void)]
      ) {
        assert.strictEqual((yield* ofType("RemoteError", call)).reason._tag, "EncodeFailed")
      }
    }
  }))

both("is not made with less than nothing", () =>
  Effect.gen(function*() {
    for (const permits of [-1, 0.5, Number.NaN]) {
      const made = Effect.asVoid(RemoteSemaphore.make(permits))
      for (const make of [made, Effect.asVoid(RemoteBoundedSemaphore.make(permits))]) {
        assert.strictEqual((yield* ofType("ManagerError", make)).reason._tag, "InvalidOption")
      }
    }
  }))

describe("beyond what it began with", () => {
  managed("a semaphore goes (test_semaphore)", () =>
    Effect.gen(function*() {
      const semaphore = yield* RemoteSemaphore.make(0)
      yield* semaphore.release(3)
      yield* isAvailable(semaphore, 3)
      yield* semaphore.take(3)
    }))

  managed("a bounded one does not (test_bounded_semaphore)", () =>
    Effect.gen(function*() {
      const semaphore = yield* RemoteBoundedSemaphore.make(2)
      const over = (permits: number) =>
        Effect.gen(function*() {
          const { reason } = yield* ofType("SyncError", semaphore.release(permits))
          assert.deepInclude(reason, { _tag: "TooManyReleases", permits, limit: 2 })
        })
      yield* over(1)
      yield* semaphore.take()
      yield* over(2)
      // what a Scope will give back counts as there
      yield* Effect.scoped(Effect.andThen(semaphore.acquire(), over(2)))
      yield* semaphore.release()
      yield* over(1)
      yield* isAvailable(semaphore, 2)
      const { reason } = yield* ofType("SyncError", semaphore.take(3))
      assert.deepInclude(reason, { _tag: "TooManyPermits", permits: 3, limit: 2 })
    }))
})
