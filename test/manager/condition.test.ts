import { assert, describe } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as RemoteCondition from "effect-multiprocessing/RemoteCondition"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import * as RemoteRLock from "effect-multiprocessing/RemoteRLock"
import type { SyncError } from "effect-multiprocessing/SyncError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { managed, ofType, summary } from "../support/managed.ts"
import { rounds } from "../support/spawned.ts"

type Condition = RemoteCondition.RemoteCondition

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Fibers that sleep, each known to be asleep before the next begins. */
const sleepers = Effect.fnUntraced(function*(condition: Condition, count: number, timeout?: number) {
  const fibers = []
  for (let n = 1; n <= count; n++) {
    fibers.push(yield* fork(condition.withLock(condition.wait(timeout))))
    yield* summary(`free, ${n} asleep`)
  }
  return fibers
})

const free = (condition: Condition) => Effect.map(Effect.scoped(condition.tryAcquire()), Option.isSome)

describe("a condition", () => {
  managed("test_notify: wakes one at a time, and no more than there are", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const [first, second, third] = yield* sleepers(condition, 3)
      assert.strictEqual(yield* condition.withLock(condition.notify()), 1)
      assert.isTrue(yield* Fiber.join(first!))
      yield* summary("free, 2 asleep")
      assert.strictEqual(yield* condition.withLock(condition.notify(0)), 0)
      assert.strictEqual(yield* condition.withLock(condition.notify(5)), 2)
      assert.isTrue(yield* Fiber.join(second!))
      assert.isTrue(yield* Fiber.join(third!))
      assert.strictEqual(yield* condition.withLock(condition.notify()), 0)
      // a notice is for those who sleep, and not for those who come
      assert.isFalse(yield* condition.withLock(condition.wait(10)))
      yield* summary("free")
    }))

  managed("test_notify_all, test_notify_n: wakes all", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const fibers = yield* sleepers(condition, 4)
      assert.strictEqual(yield* condition.withLock(condition.notifyAll), 4)
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), [true, true, true, true])
    }))

  managed("test_timeout: a wait that is late says so, and has the lock", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      yield* condition.withLock(Effect.gen(function*() {
        assert.isFalse(yield* condition.wait(10))
        assert.isFalse(yield* condition.wait(0))
        assert.isTrue(yield* condition.isLocked)
        assert.strictEqual(yield* condition.notify(), 0)
      }))
      assert.isFalse(yield* condition.isLocked)
    }))

  managed("test_waitfor: waits until something holds", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      let value = 0
      const waiting = yield* fork(condition.withLock(condition.waitFor(Effect.sync(() => value === 4))))
      for (let n = 0; n < 4; n++) {
        yield* summary("free, 1 asleep")
        yield* condition.withLock(Effect.suspend(() => (value++, condition.notify())))
      }
      assert.isTrue(yield* Fiber.join(waiting))
    }))

  managed("test_waitfor_timeout: and no longer than that, however often it is woken", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      let looked = 0
      const never = Effect.sync(() => (looked++, false))
      const waiting = yield* fork(condition.withLock(condition.waitFor(never, 100)))
      const notifying = yield* fork(Effect.forever(condition.withLock(condition.notify())))
      assert.isFalse(yield* Fiber.join(waiting))
      yield* Fiber.interrupt(notifying)
      assert.isAbove(looked, 2)
      assert.isFalse(yield* condition.withLock(condition.waitFor(never, 0)))
    }))

  managed("is used by who has its lock, and by nobody else", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const refused = Effect.gen(function*() {
        const refuse = Effect.fnUntraced(function*(
          operation: string,
          use: Effect.Effect<unknown, SyncError | RemoteError>
        ) {
          const { reason } = yield* ofType("SyncError", use)
          assert.deepInclude(reason, { _tag: "LockNotHeld", operation })
        })
        yield* refuse("wait", condition.wait())
        yield* refuse("wait", condition.waitFor(Effect.succeed(false)))
        yield* refuse("notify", condition.notify())
        yield* refuse("notify", condition.notifyAll)
      })
      yield* refused
      const strangers = yield* Scope.make()
      yield* Effect.scoped(Effect.gen(function*() {
        yield* condition.acquire
        assert.strictEqual(yield* condition.notify(), 0)
        yield* Scope.provide(refused, strangers)
      }))
      yield* refused
    }))

  managed("has all levels of its lock again", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const woken = yield* Deferred.make<void>()
      const inner = yield* Deferred.make<void>()
      const levels = yield* fork(
        condition.withLock(Effect.gen(function*() {
          yield* condition.withLock(condition.withLock(condition.wait()))
          yield* Deferred.succeed(woken, undefined)
          yield* Deferred.await(inner)
        }))
      )
      yield* summary("free, 1 asleep")
      assert.isTrue(yield* free(condition))
      yield* condition.withLock(condition.notify())
      yield* Deferred.await(woken)
      assert.isFalse(yield* free(condition))
      yield* Deferred.succeed(inner, undefined)
      yield* Fiber.join(levels)
      assert.isTrue(yield* free(condition))
    }))

  managed("has its lock again when its wait was interrupted, and not before it is free", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      let had: boolean | undefined
      const waiting = yield* fork(
        condition.withLock(
          condition.withLock(condition.wait()).pipe(
            Effect.onInterrupt(() => Effect.map(Effect.orDie(condition.notify()), () => had = true))
          )
        )
      )
      yield* summary("free, 1 asleep")
      const holding = yield* Scope.make()
      yield* Scope.provide(condition.acquire, holding)
      const interrupting = yield* fork(Fiber.interrupt(waiting))
      yield* summary("held, 1 waiting")
      assert.isUndefined(had)
      yield* Scope.close(holding, Exit.void)
      yield* Fiber.join(interrupting)
      assert.isTrue(had)
      assert.isFalse(yield* condition.isLocked)
    }))

  managed("gives the wake-up of one who was interrupted to another who slept", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      for (let turns = 0; turns < 24; turns++) {
        const [first, second] = yield* sleepers(condition, 2)
        const notifying = yield* fork(condition.withLock(condition.notify()))
        for (let i = 0; i < turns % 12; i++) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(first!)
        assert.strictEqual(yield* Fiber.join(notifying), 1)
        if (Exit.isSuccess(yield* Fiber.await(first!))) {
          yield* summary("free, 1 asleep")
          yield* Fiber.interrupt(second!)
        } else assert.isTrue(yield* Fiber.join(second!))
        yield* summary("free")
      }
    }))

  managed("does not wake one who came after a notice with what another left of it", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const [first] = yield* sleepers(condition, 1)
      const holding = yield* Scope.make()
      yield* Scope.provide(condition.acquire, holding)
      assert.strictEqual(yield* Scope.provide(condition.notify(), holding), 1)
      const interrupting = yield* fork(Fiber.interrupt(first!))
      const late = yield* fork(condition.withLock(condition.wait()))
      yield* summary("held, 2 waiting")
      yield* Scope.close(holding, Exit.void)
      yield* Fiber.join(interrupting)
      yield* summary("free, 1 asleep")
      yield* condition.withLock(condition.notify())
      assert.isTrue(yield* Fiber.join(late))
    }))

  managed(
    "that is late and notified is one of the two, and takes no wake-up from others",
    () =>
      Effect.gen(function*() {
        const condition = yield* RemoteCondition.make()
        for (let round = 0; round < 20; round++) {
          const patient = (yield* sleepers(condition, 1))[0]!
          const hasty = yield* Effect.forEach([1, 2, 3], (timeout) => fork(condition.withLock(condition.wait(timeout))))
          let woken = 0
          const notifying = Effect.map(condition.withLock(condition.notify()), (n) => void (woken += n))
          for (let n = 0; n < 3; n++) yield* notifying
          // at most three have slept before the patient one was woken
          while (!(yield* Effect.map(Effect.timeoutOption(Fiber.join(patient), 0), Option.isSome))) yield* notifying
          const answers = yield* Effect.forEach(hasty, Fiber.join)
          assert.strictEqual(answers.filter((answer) => answer).length + 1, woken)
          yield* summary("free")
        }
      })
  )
})

describe("wake-ups", () => {
  const random = (below: number): number => Math.floor(Math.random() * below)
  const turns = (count: number) =>
    Effect.promise(async () => {
      for (let i = 0; i < count; i++) await new Promise(setImmediate)
    })

  managed("are as many as were notified, whoever is late or interrupted meanwhile", () =>
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      for (let round = 0; round < rounds(40, 200); round++) {
        // Those who leave are woken first; those who stay have slept since before the first notice, and are enough.
        const leave = 1 + random(4)
        const stay = leave + 2
        const fibers = yield* sleepers(condition, leave + stay)
        const leaving = fibers.slice(0, leave)
        const hasty = yield* Effect.forEach(
          Array.from({ length: random(3) }),
          () => fork(condition.withLock(condition.wait(random(3))))
        )
        let notified = 0
        const notifying = yield* fork(
          Effect.forEach(
            Array.from({ length: leave }),
            () =>
              Effect.andThen(
                turns(random(4)),
                Effect.map(condition.withLock(condition.notify()), (n) => void (notified += n))
              )
          )
        )
        yield* Effect.forEach(leaving, (fiber) => Effect.andThen(turns(random(4)), Fiber.interrupt(fiber)), {
          concurrency: "unbounded"
        })
        yield* Fiber.join(notifying)
        const late = yield* Effect.forEach(hasty, Fiber.join)
        const left = yield* Effect.forEach(leaving, Fiber.await)
        const gone = [...late, ...left.map(Exit.isSuccess)].filter((woken) => woken).length
        // What those who left did not have, those who stayed have.
        const asleep = stay - (notified - gone)
        yield* summary(asleep === 0 ? "free" : `free, ${asleep} asleep`)
        yield* condition.withLock(condition.notifyAll)
        yield* Effect.forEach(fibers.slice(leave), Fiber.join)
      }
    }))
})

describe("a lock that conditions share", () => {
  managed("is theirs together, re-entrant or not", () =>
    Effect.gen(function*() {
      for (const lock of [yield* RemoteLock.make(), yield* RemoteRLock.make()]) {
        const [empty, full] = [yield* RemoteCondition.make({ lock }), yield* RemoteCondition.make({ lock })]
        const items: Array<number> = []
        const put = (n: number) =>
          lock.withLock(Effect.gen(function*() {
            yield* full.waitFor(Effect.sync(() => items.length < 2))
            items.push(n)
            yield* empty.notify()
          }))
        const take = empty.withLock(Effect.gen(function*() {
          yield* empty.waitFor(Effect.sync(() => items.length > 0))
          yield* full.notify()
          return items.shift()
        }))
        const taken = yield* fork(Effect.all(Array.from({ length: 20 }, () => take), { concurrency: 5 }))
        yield* Effect.forEach(Array.from({ length: 20 }).keys(), put, { concurrency: 5 })
        assert.deepStrictEqual((yield* Fiber.join(taken)).toSorted((a, b) => a! - b!), [
          ...Array.from({ length: 20 }).keys()
        ])
      }
    }))

  managed("lives as long as its conditions", () =>
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const scope = yield* Scope.make()
      const lock = yield* Scope.provide(RemoteLock.make(), scope)
      yield* Effect.scoped(Effect.gen(function*() {
        const condition = yield* RemoteCondition.make({ lock })
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* manager.numberOfObjects, 2)
        assert.isFalse(yield* condition.withLock(condition.wait(1)))
      }))
      assert.strictEqual(yield* manager.numberOfObjects, 0)
      assert.strictEqual((yield* ofType("RemoteError", RemoteCondition.make({ lock }))).reason._tag, "ObjectGone")
    }))
})
