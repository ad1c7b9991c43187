import { assert, describe, it } from "@effect/vitest"
import { ContainerError } from "effect-multiprocessing/ContainerError"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as RemoteJoinableQueue from "effect-multiprocessing/RemoteJoinableQueue"
import * as RemoteQueue from "effect-multiprocessing/RemoteQueue"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import layer from "../fixtures/manager/objects.live.ts"
import { Counter } from "../fixtures/manager/objects.ts"
import { Taker } from "../fixtures/manager/taker.ts"
import { everywhere } from "../support/managers.ts"

const module = new URL("../fixtures/manager/objects.live.ts", import.meta.url)

const queues = (name: string, test: Effect.Effect<unknown, unknown, Manager.Manager | Scope.Scope>) =>
  everywhere(module, layer, name, test)

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

const reasonOf = (error: unknown): string => {
  assert.instanceOf(error, ContainerError)
  return error.reason._tag
}

/** Looks until the manager's only queue says that so many wait. */
const waiting = (count: number) =>
  Effect.flatMap(
    Manager.Manager,
    ({ debugInfo }) => Effect.repeat(debugInfo, { until: ([info]) => info!.summary.endsWith(`${count} waiting`) })
  )

describe("RemoteQueue", () => {
  queues(
    "hands items on, in their order (CPython: _TestQueue.test_put, test_get, test_qsize, test_timeout)",
    Effect.gen(function*() {
      const queue = yield* RemoteQueue.make(Schema.Int, { capacity: 3 })
      assert.isTrue(yield* queue.isEmpty)
      yield* Effect.forEach([1, 2, 3], queue.put)
      assert.isTrue(yield* queue.isFull)
      assert.isFalse(yield* queue.offer(4))
      assert.isFalse(yield* queue.putWithin(4, "1 millis"))
      assert.strictEqual(yield* queue.size, 3)
      assert.strictEqual(yield* queue.take, 1)
      assert.deepStrictEqual(yield* queue.poll, Option.some(2))
      assert.isTrue(yield* queue.offer(4))
      assert.deepStrictEqual(yield* queue.takeUpTo(9), [3, 4])
      assert.deepStrictEqual(yield* queue.takeUpTo(9), [])
      assert.deepStrictEqual(yield* queue.poll, Option.none())
      assert.deepStrictEqual(yield* queue.takeWithin("1 millis"), Option.none())
    })
  )

  queues(
    "makes who puts wait for a place, and who takes for an item (CPython: _TestQueue.test_put, test_get)",
    Effect.gen(function*() {
      const queue = yield* RemoteQueue.make(Schema.Int, { capacity: 1 })
      const putting = yield* Effect.forkChild(Effect.forEach([1, 2, 3, 4], queue.put), { startImmediately: true })
      yield* waiting(1)
      assert.strictEqual(yield* queue.size, 1)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(queue.stream, 4)), [1, 2, 3, 4])
      yield* Fiber.join(putting)
      const taking = yield* Effect.forkChild(queue.take, { startImmediately: true })
      yield* waiting(1)
      yield* queue.put(5)
      assert.strictEqual(yield* Fiber.join(taking), 5)
    })
  )

  queues(
    "leaves to others what a stream has not been asked for",
    Effect.gen(function*() {
      const queue = yield* RemoteQueue.make(Schema.Int)
      yield* Effect.forEach([1, 2, 3, 4, 5], queue.put)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(queue.stream, 2)), [1, 2])
      const pulled = yield* Deferred.make<void>()
      const consumer = yield* Effect.forkChild(
        Stream.runForEach(queue.stream, () => Effect.andThen(Deferred.succeed(pulled, undefined), Effect.never))
      )
      yield* Deferred.await(pulled)
      yield* Fiber.interrupt(consumer)
      assert.deepStrictEqual(yield* queue.takeUpTo(9), [4, 5])
    })
  )

  queues(
    "loses nothing when who waits is interrupted",
    Effect.gen(function*() {
      const queue = yield* RemoteQueue.make(Schema.Int)
      let taken = 0
      const rounds = 200
      for (let i = 0; i < rounds; i++) {
        const taking = yield* Effect.forkChild(queue.take, { startImmediately: true })
        // At once, before, together with or after what it waits for.
        const putting = yield* Effect.forkChild(queue.put(i), { startImmediately: true })
        if (i % 3 === 1) yield* Effect.yieldNow
        if (i % 3 === 2) yield* queue.size
        yield* Fiber.interrupt(taking)
        yield* Fiber.join(putting)
        const exit = yield* Fiber.await(taking)
        if (Exit.isSuccess(exit)) taken++
      }
      assert.strictEqual(taken + (yield* queue.takeUpTo(rounds)).length, rounds)
    })
  )

  queues(
    "lets an interrupted putter's item go",
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const queue = yield* RemoteQueue.make(Counter.schema, { capacity: 1 })
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* Counter.create({ initial: 0 })
        yield* queue.put(counter)
        const putting = yield* Effect.forkChild(queue.put(counter), { startImmediately: true })
        yield* Effect.repeat(manager.debugInfo, {
          until: (all) => all.some(({ summary }) => summary.endsWith("1 waiting"))
        })
        yield* Fiber.interrupt(putting)
      }))
      yield* Effect.scoped(Effect.flatMap(queue.take, (counter) => counter.get()))
      yield* Effect.repeat(manager.numberOfObjects, { until: (n) => n === 1 })
    })
  )

  queues(
    "is shut down (CPython: _TestQueue.test_shutdown_empty, test_shutdown_nonempty, test_shutdown_immediate)",
    Effect.gen(function*() {
      const queue = yield* RemoteQueue.make(Schema.Int, { capacity: 1 })
      yield* queue.put(1)
      const putting = yield* Effect.forkChild(Effect.flip(queue.put(2)), { startImmediately: true })
      yield* waiting(1)
      yield* queue.shutdown()
      assert.strictEqual(reasonOf(yield* Fiber.join(putting)), "QueueShutDown")
      assert.strictEqual(reasonOf(yield* Effect.flip(queue.offer(2))), "QueueShutDown")
      assert.isTrue(yield* queue.isShutdown)
      assert.deepStrictEqual(yield* Stream.runCollect(queue.stream), [1])
      assert.strictEqual(reasonOf(yield* Effect.flip(queue.take)), "QueueShutDown")
      assert.strictEqual(reasonOf(yield* Effect.flip(queue.poll)), "QueueShutDown")
      const other = yield* RemoteQueue.make(Schema.Int)
      yield* other.put(1)
      yield* other.shutdown({ immediate: true })
      assert.strictEqual(reasonOf(yield* Effect.flip(other.take)), "QueueShutDown")
    })
  )

  queues(
    "wakes who takes from it when it is shut down",
    Effect.gen(function*() {
      const queue = yield* RemoteQueue.make(Schema.Int)
      const taking = yield* Effect.forkChild(Effect.flip(queue.take), { startImmediately: true })
      yield* waiting(1)
      yield* queue.shutdown()
      assert.strictEqual(reasonOf(yield* Fiber.join(taking)), "QueueShutDown")
    })
  )

  queues(
    "puts back what does not fit who takes it",
    Effect.gen(function*() {
      const queue = yield* RemoteQueue.make(Schema.Unknown)
      yield* Effect.forEach(["one", 2], queue.put)
      const fussy = yield* RemoteQueue.make(RemoteQueue.schema(Schema.Int))
      yield* fussy.put(queue as any)
      const numbers = yield* fussy.take
      const error = yield* Effect.flip(numbers.take)
      assert.strictEqual(error._tag === "RemoteError" && error.reason._tag, "DecodeFailed")
      assert.deepStrictEqual(yield* queue.takeUpTo(2), ["one", 2])
    })
  )
})

describe("RemoteJoinableQueue", () => {
  queues(
    "is joined when all is done (CPython: _TestQueue.test_task_done)",
    Effect.gen(function*() {
      const queue = yield* RemoteJoinableQueue.make(Schema.Int)
      yield* queue.join
      yield* Effect.forEach([1, 2, 3], queue.put)
      const joining = yield* Effect.forkChild(queue.join, { startImmediately: true })
      const workers = yield* Effect.forkChild(
        Effect.forEach([1, 2], () => Stream.runForEach(queue.stream, () => queue.taskDone()), { concurrency: 2 })
      )
      yield* Fiber.join(joining)
      assert.strictEqual(yield* queue.unfinished, 0)
      assert.strictEqual(reasonOf(yield* Effect.flip(queue.taskDone())), "TooManyDone")
      yield* queue.put(4)
      const dropping = yield* Effect.forkChild(queue.join, { startImmediately: true })
      yield* queue.shutdown({ immediate: true })
      yield* Fiber.interrupt(workers)
      yield* Effect.exit(Fiber.join(dropping))
    })
  )
})

describe("among processes", () => {
  const takers = new URL("../fixtures/manager/taker.live.ts", import.meta.url)
  const hosted = ProcessLayer.make({ module: takers, services: [Taker] })
  const among = (name: string, test: Effect.Effect<unknown, unknown, Manager.Manager | Taker | Scope.Scope>) =>
    it.live(name, () =>
      Effect.scoped(test).pipe(
        Effect.provide(hosted),
        Effect.provide(Manager.serve({ layer })),
        Effect.provide(ProcessLayer.spawn)
      ))

  among(
    "test_fork, test_put, test_get: a process goes on where another has begun",
    Effect.gen(function*() {
      const taker = yield* Taker
      const jobs = yield* RemoteQueue.make(Schema.Int)
      yield* Effect.forEach(range(0, 10), jobs.put)
      yield* taker.put({ jobs, values: range(10, 20) })
      assert.deepStrictEqual(yield* Effect.forEach(range(0, 20), () => jobs.take), range(0, 20))
      assert.deepStrictEqual(yield* jobs.poll, Option.none())
      const full = yield* RemoteQueue.make(Schema.Int, { capacity: 2 })
      const putting = yield* Effect.forkChild(taker.put({ jobs: full, values: range(0, 5) }), {
        startImmediately: true
      })
      assert.deepStrictEqual(yield* Effect.forEach(range(0, 5), () => full.take), range(0, 5))
      yield* Fiber.join(putting)
      const getting = yield* Effect.forkChild(taker.all({ jobs }), { startImmediately: true })
      yield* Effect.forEach(range(0, 5), jobs.put)
      yield* jobs.shutdown()
      assert.deepStrictEqual(yield* Fiber.join(getting), range(0, 5))
    })
  )

  among(
    "test_task_done: what others do in their processes is waited for",
    Effect.gen(function*() {
      const taker = yield* Taker
      const jobs = yield* RemoteJoinableQueue.make(Schema.Int)
      const working = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 4 }, () => taker.work({ jobs })), { concurrency: "unbounded" })
      )
      yield* Effect.forEach(range(0, 10), jobs.put)
      yield* jobs.join
      assert.strictEqual(yield* jobs.size, 0)
      yield* jobs.shutdown()
      assert.strictEqual((yield* Fiber.join(working)).reduce((sum, count) => sum + count, 0), 10)
    })
  )

  among(
    "items arrive once each",
    Effect.gen(function*() {
      const taker = yield* Taker
      const jobs = yield* RemoteQueue.make(Schema.Int, { capacity: 10 })
      const taking = yield* Effect.forkChild(Effect.all([taker.all({ jobs }), taker.all({ jobs })], { concurrency: 2 }))
      const all = Array.from({ length: 500 }, (_, i) => i)
      yield* Effect.forEach(all, jobs.put)
      yield* jobs.shutdown()
      assert.deepStrictEqual((yield* Fiber.join(taking)).flat().toSorted((a, b) => a - b), all)
    })
  )

  among(
    "an item keeps its object, and a killed taker takes nothing",
    Effect.gen(function*() {
      const taker = yield* Taker
      const manager = yield* Manager.Manager
      const counters = yield* RemoteQueue.make(Counter.schema)
      const jobs = yield* RemoteQueue.make(Schema.Int)
      yield* Effect.scoped(Effect.flatMap(Counter.create({ initial: 1 }), counters.put))
      assert.strictEqual(yield* taker.count({ counters }), 2)
      yield* Effect.repeat(manager.numberOfObjects, { until: (n) => n === 2 })
      const lost = yield* Effect.forkChild(Effect.flip(taker.wait({ jobs })), { startImmediately: true })
      yield* Effect.repeat(manager.debugInfo, {
        until: (all) => all.some(({ summary }) => summary.endsWith("1 waiting"))
      })
      yield* Effect.flip(taker.die())
      yield* Fiber.join(lost)
      yield* Effect.repeat(manager.debugInfo, {
        until: (all) => all.every(({ summary }) => summary.endsWith("0 waiting"))
      })
      yield* jobs.put(1)
      assert.strictEqual(yield* jobs.take, 1)
    })
  )
})
