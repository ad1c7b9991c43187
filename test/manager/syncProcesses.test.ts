/** Locks and the like between processes, which are killed. */
import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as RemoteBarrier from "effect-multiprocessing/RemoteBarrier"
import * as RemoteCondition from "effect-multiprocessing/RemoteCondition"
import * as RemoteEvent from "effect-multiprocessing/RemoteEvent"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import * as RemoteRLock from "effect-multiprocessing/RemoteRLock"
import * as RemoteSemaphore from "effect-multiprocessing/RemoteSemaphore"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Sync from "../fixtures/manager/sync.ts"
import * as Witness from "../fixtures/manager/witness.ts"
import { summary } from "../support/managed.ts"
import { folder, rounds } from "../support/spawned.ts"

/** A manager in a process of its own. */
const processes = <E>(
  name: string,
  test: Effect.Effect<void, E, Manager.Manager | Spawner | Scope.Scope>,
  timeout = 60_000
) => {
  it.live(name, () =>
    Effect.gen(function*() {
      yield* Effect.scoped(test)
      const manager = yield* Manager.Manager
      yield* Testing.waitUntil(Effect.map(manager.numberOfObjects, (n) => n === 0), { what: "no object is left" })
    }).pipe(Effect.provide(Manager.layer()), Effect.provide(ProcessLayer.spawn)), timeout)
}

/** Writes down who is killed before it is. */
const kill = (folder: string, { pid }: { readonly pid: number }) =>
  Effect.andThen(Effect.sync(() => Witness.note(folder, "killed", String(pid))), Testing.kill(pid))

describe("between processes", () => {
  processes(
    "test_lock: a lock of a killed process is free, and the next owner is told",
    Effect.gen(function*() {
      const files = yield* folder
      const { debugInfo } = yield* Manager.Manager
      const lock = yield* RemoteLock.make()
      const held = (count: number) => Testing.waitUntil(() => Witness.lines(files, "holds").length === count)
      const first = yield* Process.start(Sync.hold, { lock, folder: files })
      yield* held(1)
      assert.strictEqual((yield* lock.tryAcquire(0))._tag, "None")
      const waiting = (count: number) =>
        Testing.waitUntil(
          Effect.map(debugInfo, (objects) => objects.some(({ summary }) => summary.endsWith(`, ${count} waiting`)))
        )
      const second = yield* Process.start(Sync.hold, { lock, folder: files })
      yield* waiting(1)
      const here = yield* Effect.forkChild(lock.withLock(({ abandoned }) => Effect.succeed(abandoned)))
      yield* waiting(2)
      yield* kill(files, first)
      yield* held(2)
      yield* kill(files, second)
      assert.isTrue(yield* Fiber.join(here))
      assert.deepStrictEqual(Witness.lines(files, "holds"), [`${first.pid} false`, `${second.pid} true`])
      assert.isFalse(yield* lock.withLock(({ abandoned }) => Effect.succeed(abandoned)))
    })
  )

  processes(
    "test_semaphore: a semaphore and a lock are given back by another process than took them",
    Effect.gen(function*() {
      const [semaphore, lock] = [yield* RemoteSemaphore.make(0), yield* RemoteLock.make()]
      yield* lock.take
      const process = yield* Process.start(Sync.release, { semaphore, lock })
      yield* semaphore.take(2)
      yield* lock.take
      yield* process.join
    })
  )

  processes(
    "test_event: an event is set from a child",
    Effect.gen(function*() {
      const event = yield* RemoteEvent.make()
      assert.isFalse(yield* event.wait(0))
      yield* Process.start(Sync.setEvent, { event })
      assert.isTrue(yield* event.wait())
    })
  )

  processes(
    "test_notify: one sleeper here and two in other processes are woken one by one",
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const start = Process.start(Sync.sleep, { condition })
      const there = [yield* start, yield* start]
      const here = yield* Effect.forkChild(condition.withLock(condition.wait()))
      for (let left = 3; left > 0; left--) {
        yield* summary(`free, ${left} asleep`)
        assert.strictEqual(yield* condition.withLock(condition.notify()), 1)
      }
      assert.isTrue(yield* Fiber.join(here))
      for (const { join } of there) assert.isTrue(yield* join)
      const late = yield* Process.start(Sync.sleep, { condition, timeout: 10 })
      assert.isFalse(yield* late.join)
      yield* summary("free")
    })
  )

  processes(
    "test_wait_result: who wakes is told from who is late",
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const notifier = yield* condition.withLock(Effect.gen(function*() {
        assert.isFalse(yield* condition.wait(0))
        assert.isFalse(yield* condition.wait(10))
        const notifier = yield* Process.start(Sync.notify, { condition })
        assert.isTrue(yield* condition.wait("30 seconds"))
        return notifier
      }))
      assert.strictEqual(yield* notifier.join, 1)
    })
  )

  processes(
    "a killed sleeper is not woken",
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const process = yield* Process.start(Sync.sleep, { condition })
      yield* summary("free, 1 asleep")
      const here = yield* Effect.forkChild(condition.withLock(condition.wait()))
      yield* summary("free, 2 asleep")
      yield* Testing.kill(process.pid)
      yield* summary("free, 1 asleep")
      assert.strictEqual(yield* condition.withLock(condition.notify()), 1)
      assert.isTrue(yield* Fiber.join(here))
      assert.isFalse(yield* condition.withLock(({ abandoned }) => Effect.succeed(abandoned)))
    })
  )

  processes(
    "the wake-ups of killed sleepers are had by others who slept then, each by one",
    Effect.gen(function*() {
      const condition = yield* RemoteCondition.make()
      const size = 6
      const start = Process.start(Sync.sleep, { condition })
      let running = yield* Effect.all(Array.from({ length: size }, () => start), { concurrency: 3 })
      for (let round = 0; round < rounds(4, 40); round++) {
        yield* summary(`free, ${size} asleep`)
        const kills = 1 + (round % 3)
        const woken = size - kills
        // While the lock is held none of them can have heard.
        yield* condition.withLock(Effect.gen(function*() {
          assert.strictEqual(yield* condition.notify(woken), woken)
          for (let i = 0; i < kills; i++) {
            const [victim] = running.splice(Math.floor(Math.random() * running.length), 1)
            yield* Testing.kill(victim!.pid)
          }
        }))
        for (const { join } of running) assert.isTrue(yield* join)
        // who was dead before the manager knew of it may have been given the lock
        yield* condition.withLock(Effect.void)
        yield* summary("free")
        running = yield* Effect.all(Array.from({ length: size }, () => start), { concurrency: 3 })
      }
      yield* summary(`free, ${size} asleep`)
      yield* condition.withLock(condition.notifyAll)
      for (const { join } of running) assert.isTrue(yield* join)
    }),
    rounds(60_000, 600_000)
  )

  processes(
    "a condition does not share a lock of another manager",
    Effect.gen(function*() {
      const process = yield* Process.start(Sync.share, { lock: yield* RemoteLock.make() })
      assert.strictEqual(yield* process.join, "InvalidOption")
    })
  )

  processes(
    "test_barrier_10, test_action: parties meet again and again, and one of them acts",
    Effect.gen(function*() {
      const files = yield* folder
      const barrier = yield* RemoteBarrier.make({ parties: 4 })
      const parties = yield* Effect.all(
        Array.from({ length: 4 }, () => Process.start(Sync.meet, { barrier, folder: files, rounds: 10 })),
        { concurrency: "unbounded" }
      )
      const indices = yield* Effect.forEach(parties, ({ join }) => join)
      for (let round = 0; round < 10; round++) {
        assert.sameMembers(indices.map((each) => each[round]), [0, 1, 2, 3])
      }
      assert.deepStrictEqual(Witness.lines(files, "actions"), [...Array.from({ length: 10 }).keys()].map(String))
    })
  )

  processes(
    "a barrier is broken by the death of a party, for all",
    Effect.gen(function*() {
      const files = yield* folder
      const barrier = yield* RemoteBarrier.make({ parties: 4 })
      const start = Process.start(Sync.meet, { barrier, folder: files, rounds: 1 })
      const [victim, ...others] = yield* Effect.all([start, start, start], { concurrency: "unbounded" })
      yield* summary("3 of 4")
      yield* kill(files, victim)
      for (const { join } of others) assert.deepStrictEqual(yield* join, ["left"])
      assert.isTrue(yield* barrier.isBroken)
      yield* barrier.reset
      assert.strictEqual(yield* barrier.waiting, 0)
    })
  )
})

describe("8 processes that are killed", () => {
  const size = 8
  const kills = rounds(10, 200)
  const time = rounds(60_000, 600_000)

  /** Starts them, kills one after another at any moment, starts others, and lets those who are left come to an end. */
  const contest = Effect.fnUntraced(function*<A, E, R>(
    files: string,
    start: Effect.Effect<Process.Process<A, E>, unknown, R>,
    between: Effect.Effect<unknown, unknown, R>
  ) {
    const one = Effect.tap(
      start,
      ({ pid }) => Testing.waitUntil(() => Witness.lines(files, "started").includes(String(pid)))
    )
    const running = yield* Effect.all(Array.from({ length: size }, () => one), { concurrency: 4 })
    for (let round = 0; round < kills; round++) {
      // every other time one that is inside, or was a moment ago
      const inside = new Set(["inside", "place0"].map((place) => Witness.whoIs(files, place)))
      const at = round % 2 === 0 ? running.findIndex(({ pid }) => inside.has(String(pid))) : -1
      const [victim] = running.splice(at < 0 ? Math.floor(Math.random() * running.length) : at, 1)
      yield* kill(files, victim!)
      yield* between
      running.push(yield* one)
    }
    yield* between
    Witness.note(files, "stop", "now")
    assert.deepStrictEqual(Witness.lines(files, "violations"), [])
    return running
  })

  /** What the log of a section says of who was in it: never two, and each death in it was told to the next. */
  const check = (files: string): Map<string, number> => {
    const through = new Map<string, number>()
    let inside: string | undefined
    let told = false
    for (const line of Witness.lines(files, "log")) {
      const [what, pid] = line.split(" ") as [string, string]
      if (what === "abandoned") told = true
      else if (what === "begin") {
        if (inside !== undefined) {
          assert.isTrue(told, `${pid} was not told of ${inside}`)
          assert.isTrue(Witness.isKilled(files, inside), `${inside} was inside, and is alive`)
        }
        inside = pid
        told = false
      } else {
        assert.strictEqual(pid, inside)
        inside = undefined
        through.set(pid, (through.get(pid) ?? 0) + 1)
      }
    }
    return through
  }

  const lock = Effect.map(RemoteLock.make(), (lock) => ({ lock }))
  const rLock = Effect.map(RemoteRLock.make(), (rLock) => ({ rLock }))
  for (const [name, make] of [["RemoteLock", lock], ["RemoteRLock", rLock]] as const) {
    processes(
      `never have a ${name} at the same time, and it is never lost`,
      Effect.gen(function*() {
        const files = yield* folder
        const lock: { lock?: RemoteLock.RemoteLock; rLock?: RemoteRLock.RemoteRLock } = yield* make
        const sections = () => Witness.lines(files, "log").length
        const progress = Effect.suspend(() => {
          const before = sections()
          return Testing.waitUntil(() => sections() > before + 10, { what: "others go on" })
        })
        const left = yield* contest(files, Process.start(Sync.contend, { ...lock, folder: files }), progress)
        const counts = yield* Effect.forEach(
          left,
          ({ join, pid }) => Effect.map(join, (n) => [String(pid), n] as const)
        )
        assert.deepStrictEqual(Witness.lines(files, "violations"), [])
        const through = check(files)
        for (const [pid, count] of counts) assert.strictEqual(through.get(pid) ?? 0, count)
        assert.isFalse(yield* (lock.lock ?? lock.rLock!).isLocked)
      }),
      time
    )
  }

  processes(
    "never have more permits than there are, and none is lost",
    Effect.gen(function*() {
      const files = yield* folder
      const semaphore = yield* RemoteSemaphore.make(3)
      const left = yield* contest(
        files,
        Process.start(Sync.park, { semaphore, places: 3, folder: files }),
        semaphore.withPermits(3)(Effect.void)
      )
      yield* Effect.forEach(left, ({ join }) => join)
      assert.deepStrictEqual(Witness.lines(files, "violations"), [])
      assert.strictEqual(yield* semaphore.available, 3)
      yield* summary("3 available")
    }),
    time
  )

  processes(
    "lose no wake-up",
    Effect.gen(function*() {
      const files = yield* folder
      const condition = yield* RemoteCondition.make()
      const consumed = () => Witness.lines(files, "consumed").length
      let produced = 0
      /** The lock of one who was killed says that something may have been left undone, as to anybody. */
      const repair = condition.withLock(({ abandoned }) => abandoned ? condition.notifyAll : Effect.succeed(0))
      const produce = condition.withLock(({ abandoned }) =>
        Effect.suspend(() => {
          produced++
          Witness.note(files, "produced", "one")
          return abandoned ? condition.notifyAll : condition.notify()
        })
      )
      const between = Effect.gen(function*() {
        yield* Effect.repeat(produce, { times: 5 })
        yield* Testing.waitUntil(Effect.map(repair, () => consumed() === produced), { what: "all is consumed" })
      })
      const left = yield* contest(files, Process.start(Sync.consume, { condition, folder: files }), between)
      yield* condition.withLock(condition.notifyAll)
      yield* Effect.forEach(left, ({ join }) => join)
      assert.strictEqual(consumed(), produced)
      yield* summary("free")
    }),
    time
  )
})
