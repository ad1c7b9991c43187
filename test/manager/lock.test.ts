import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import * as RemoteRLock from "effect-multiprocessing/RemoteRLock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { here, managed, ofType, summary } from "../support/managed.ts"

describe("a lock", () => {
  managed("test_lock: is had once, and refuses to be given back by nobody", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteLock.make()
      assert.deepInclude(yield* lock.take, { abandoned: false })
      assert.isTrue(yield* lock.isLocked)
      assert.deepStrictEqual(yield* lock.tryTake(), Option.none())
      assert.deepStrictEqual(yield* lock.tryAcquire(), Option.none())
      yield* lock.release
      assert.isFalse(yield* lock.isLocked)
      const { reason } = yield* ofType("SyncError", lock.release)
      assert.deepInclude(reason, { _tag: "NotTaken", type: "Lock", detail: "it is free" })
    }))

  managed("test_lock_context: is had within an effect, and within a Scope", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteLock.make()
      assert.isTrue(yield* lock.withLock(lock.isLocked))
      assert.isFalse(yield* lock.isLocked)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* lock.acquire
        assert.isTrue(yield* lock.isLocked)
        assert.strictEqual((yield* ofType("SyncError", lock.release)).reason._tag, "NotTaken")
        assert.isTrue(yield* lock.isLocked)
      }))
      assert.isFalse(yield* lock.isLocked)
    }))

  managed("goes to those who wait in the order in which they came", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteLock.make()
      yield* lock.take
      const order: Array<number> = []
      const fibers = yield* Effect.forEach([0, 1, 2, 3], (n) =>
        Effect.forkChild(lock.withLock(Effect.sync(() => order.push(n))), { startImmediately: true }))
      yield* summary("held, 4 waiting")
      yield* Fiber.interrupt(fibers[1]!)
      yield* summary("held, 3 waiting")
      yield* lock.release
      yield* Effect.forEach([fibers[0]!, fibers[2]!, fibers[3]!], Fiber.join)
      assert.deepStrictEqual(order, [0, 2, 3])
    }))

  managed("is not had when its time is over", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteLock.make()
      yield* lock.take
      assert.deepStrictEqual(yield* lock.tryAcquire(20), Option.none())
      assert.deepStrictEqual(yield* lock.tryTake("20 millis"), Option.none())
      assert.deepStrictEqual(yield* lock.tryTake(-1), Option.none())
      const waiting = yield* Effect.forkChild(lock.tryTake(Infinity), { startImmediately: true })
      yield* summary("held, 1 waiting")
      yield* lock.release
      assert.isTrue(Option.isSome(yield* Fiber.join(waiting)))
      yield* summary("held")
    }))

  managed("is free again where its acquirer was interrupted, however the two crossed", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteLock.make()
      for (let turns = 0; turns < 60; turns++) {
        const scope = yield* Scope.make()
        const acquiring = yield* Effect.forkChild(Scope.provide(lock.acquire, scope), { startImmediately: true })
        for (let i = 0; i < turns % 6; i++) yield* Effect.promise(() => new Promise(setImmediate))
        const exit = yield* Effect.andThen(Fiber.interrupt(acquiring), Fiber.await(acquiring))
        if (Exit.isSuccess(exit)) {
          assert.isTrue(yield* lock.isLocked)
          yield* Scope.close(scope, Exit.void)
        }
        assert.isFalse(yield* lock.isLocked)
      }
    }))

  it.live("has what ran with it interrupted when the manager has ended", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteLock.make()
      const manager = yield* Manager.Manager
      const begun = yield* Deferred.make<void>()
      let interrupted = false
      const holding = yield* Effect.forkChild(
        lock.withLock(
          Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Effect.sync(() => interrupted = true))
          )
        )
      )
      yield* Deferred.await(begun)
      yield* manager.shutdown
      const { reason } = yield* ofType("RemoteError", Fiber.join(holding))
      assert.strictEqual(reason._tag, "SessionClosed")
      assert.isTrue(interrupted)
    }).pipe(here))

  managed("leaves the caller's Scope to what runs with it", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteLock.make()
      let closed = false
      yield* Effect.scoped(Effect.gen(function*() {
        yield* lock.withLock(Effect.addFinalizer(() => Effect.sync(() => closed = true)))
        assert.isFalse(closed)
      }))
      assert.isTrue(closed)
    }))

  managed("is gone with its last proxy", () =>
    Effect.gen(function*() {
      const lock = yield* Effect.scoped(RemoteLock.make())
      for (const use of [lock.take, Effect.scoped(lock.acquire), lock.withLock(Effect.void), lock.isLocked]) {
        assert.strictEqual((yield* ofType("RemoteError", use)).reason._tag, "ObjectGone")
      }
    }))
})

const count = 100

managed(`${count} blocked waits of a client delay none of its other calls`, () =>
  Effect.gen(function*() {
    const manager = yield* Manager.Manager
    const [lock, other] = [yield* RemoteLock.make(), yield* RemoteLock.make()]
    yield* lock.take
    let ended = 0
    const waiting = yield* Effect.forkChild(
      Effect.all(
        Array.from({ length: count }, () => lock.withLock(Effect.sync(() => void ended++))),
        { concurrency: "unbounded" }
      )
    )
    yield* summary(`held, ${count} waiting`)
    for (let n = 0; n < count; n++) {
      assert.isFalse(yield* other.withLock(lock.tryTake().pipe(Effect.map(Option.isSome))))
    }
    assert.strictEqual(yield* manager.numberOfObjects, 2)
    assert.strictEqual(ended, 0)
    yield* lock.release
    yield* Fiber.join(waiting)
    assert.strictEqual(ended, count)
  }))

describe("a re-entrant lock", () => {
  managed("test_rlock: is had as often as its owner likes, and free after as many ends", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteRLock.make()
      const outer = yield* Scope.make()
      const acquire = Scope.provide(lock.acquire, outer)
      yield* acquire
      yield* acquire
      yield* acquire
      assert.deepStrictEqual(yield* Effect.scoped(lock.tryAcquire()), Option.none())
      yield* Scope.close(outer, Exit.void)
      assert.isFalse(yield* lock.isLocked)

      const free = Effect.map(Effect.scoped(lock.tryAcquire()), Option.isSome)
      const other = (effect: typeof free) => Effect.flatMap(Effect.forkDetach(effect), Fiber.join)
      yield* lock.withLock(Effect.gen(function*() {
        yield* lock.withLock(lock.withLock(lock.isLocked))
        assert.isTrue(yield* lock.isLocked)
        // a fiber within belongs to the owner, and one from outside does not
        assert.isTrue(yield* other(free))
        assert.isTrue(yield* lock.isLocked)
      }))
      assert.isFalse(yield* lock.isLocked)
    }))

  managed("excludes fibers that are not within each other", () =>
    Effect.gen(function*() {
      const [outer, lock] = [yield* RemoteRLock.make(), yield* RemoteRLock.make()]
      let inside = 0
      const section = lock.withLock(Effect.gen(function*() {
        assert.strictEqual(++inside, 1)
        yield* lock.withLock(lock.isLocked)
        inside--
      }))
      yield* Effect.all([section, section, section], { concurrency: 3 })
      // within another lock they are still strangers to each other in this one
      yield* outer.withLock(Effect.all([section, section, section], { concurrency: 3 }))
    }))

  managed("is had by all who were waiting as the same owner", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteRLock.make()
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      yield* Scope.provide(lock.acquire, first)
      const fork = (scope: Scope.Scope) =>
        Effect.forkChild(Scope.provide(lock.acquire, scope), { startImmediately: true })
      const waiting = yield* fork(second)
      const stranger = yield* fork(yield* Scope.make())
      const again = yield* fork(second)
      yield* summary("held, 3 waiting")
      yield* Scope.close(first, Exit.void)
      yield* Fiber.join(waiting)
      yield* Fiber.join(again)
      yield* summary("held, 1 waiting")
      yield* Scope.close(second, Exit.void)
      yield* Fiber.join(stranger)
    }))

  managed("is another one's again for fibers that a section has left behind", () =>
    Effect.gen(function*() {
      const lock = yield* RemoteRLock.make()
      const go = yield* Deferred.make<void>()
      const late = Effect.andThen(Deferred.await(go), Effect.scoped(lock.tryAcquire()))
      const left = yield* lock.withLock(Effect.forkDetach(late))
      yield* lock.withLock(Effect.gen(function*() {
        yield* Deferred.succeed(go, undefined)
        assert.deepStrictEqual(yield* Fiber.join(left), Option.none())
      }))
    }))
})
