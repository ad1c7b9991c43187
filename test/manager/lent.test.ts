/** Items that were handed out and not confirmed: what a client has between the answer and its word that it has it. */
import { assert, describe, it } from "@effect/vitest"
import { ContainerError } from "effect-multiprocessing/ContainerError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Iterator } from "../../src/manager/internal/iterator.ts"
import { JoinableQueue } from "../../src/manager/internal/queue.ts"
import { packing } from "../../src/manager/internal/stored.ts"
import { contracts } from "../../src/remote/internal/control.ts"
import { leaseOf } from "../../src/remote/internal/proxies.ts"
import { here, summary } from "../support/managed.ts"

const { pack, unpack } = packing("item", Schema.Int)

/** A queue with these items, asked as a client asks that has not yet said what becomes of its answers. */
const lending = Effect.fnUntraced(function*(...items: ReadonlyArray<number>) {
  const queue = yield* JoinableQueue.create({ capacity: Infinity })
  const { session } = leaseOf(queue)!.at
  const number = () => leaseOf(queue)!.at.number()
  const put = (item: number) => Effect.flatMap(pack(item), (value) => queue.put({ value }))
  yield* Effect.forEach(items, put)
  const take = (number: number, most = 1) =>
    Effect.flatMap(queue.take({ number, most }), (items) => Effect.forEach(items, unpack))
  const abandon = (number: number) => session.call(contracts.abandon.method, number)
  const release = (number: number) => Effect.sync(() => session.release(number))
  return { queue, number, put, take, abandon, release }
})

const isShutDown = (error: unknown) =>
  assert.strictEqual(error instanceof ContainerError && error.reason._tag, "QueueShutDown")

describe("items that were handed out and not confirmed", () => {
  it.live("go back to where they were, in whatever order they come back", () =>
    Effect.gen(function*() {
      for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]]) {
        const { abandon, number, take } = yield* lending(1, 2, 3, 4, 5)
        const numbers = [number(), number(), number()]
        assert.deepStrictEqual(yield* take(numbers[0]!), [1])
        assert.deepStrictEqual(yield* take(numbers[1]!, 2), [2, 3])
        assert.deepStrictEqual(yield* take(numbers[2]!), [4])
        for (const i of order) yield* abandon(numbers[i]!)
        assert.deepStrictEqual(yield* take(number(), 9), [1, 2, 3, 4, 5], order.join())
      }
    }).pipe(here))

  it.live("are waited for when a queue is shut down: they may come back", () =>
    Effect.gen(function*() {
      const { abandon, number, queue, release, take } = yield* lending(1)
      const first = number()
      const second = number()
      yield* take(first)
      yield* queue.shutdown({ immediate: false })
      const waiting = yield* Effect.forkChild(take(second), { startImmediately: true })
      yield* summary("0 items, 1 waiting")
      yield* abandon(first)
      assert.deepStrictEqual(yield* Fiber.join(waiting), [1])
      const late = yield* Effect.forkChild(Effect.flip(take(number())), { startImmediately: true })
      yield* summary("0 items, 1 waiting")
      yield* release(second)
      isShutDown(yield* Fiber.join(late))
    }).pipe(here))

  it.live("are dropped when they come back to a queue that was emptied", () =>
    Effect.gen(function*() {
      const { abandon, number, queue, take } = yield* lending(1, 2)
      const first = number()
      yield* take(first)
      const joining = yield* Effect.forkChild(queue.join(), { startImmediately: true })
      yield* queue.shutdown({ immediate: true })
      isShutDown(yield* Effect.flip(take(number())))
      assert.strictEqual(yield* queue.unfinished(), 1)
      yield* abandon(first)
      assert.strictEqual(yield* queue.size(), 0)
      isShutDown(yield* Effect.flip(take(number())))
      yield* Fiber.join(joining)
      assert.strictEqual(yield* queue.unfinished(), 0)
    }).pipe(here))

  it.live("go back to an iterator in order, and are dropped where it is closed", () =>
    Effect.gen(function*() {
      const iterator = yield* Iterator.create({ values: yield* Effect.forEach([1, 2, 3, 4], pack) })
      const { at } = leaseOf(iterator)!
      const next = (number: number, most = 1) =>
        Effect.flatMap(iterator.next({ number, most }), (items) => Effect.forEach(items, unpack))
      const abandon = (number: number) => at.session.call(contracts.abandon.method, number)
      const numbers = [at.number(), at.number()]
      yield* next(numbers[0]!)
      yield* next(numbers[1]!, 2)
      yield* abandon(numbers[0]!)
      yield* abandon(numbers[1]!)
      const all = at.number()
      assert.deepStrictEqual(yield* next(all, 9), [1, 2, 3, 4])
      yield* iterator.close()
      yield* abandon(all)
      assert.deepStrictEqual(yield* next(at.number(), 9), [])
    }).pipe(here))

  it.live("are waited for at the end of an iterator: they may come back", () =>
    Effect.gen(function*() {
      const iterator = yield* Iterator.create({ values: yield* Effect.forEach([1, 2], pack) })
      const { at } = leaseOf(iterator)!
      const next = (number: number, most = 1) =>
        Effect.flatMap(iterator.next({ number, most }), (items) => Effect.forEach(items, unpack))
      const now = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
      const numbers = [at.number(), at.number()]
      yield* next(numbers[0]!)
      yield* next(numbers[1]!)
      const again = at.number()
      const waiting = yield* now(next(again))
      yield* summary("0 left, 1 waiting")
      yield* at.session.call(contracts.abandon.method, numbers[0]!)
      assert.deepStrictEqual(yield* Fiber.join(waiting), [1])
      const late = yield* now(next(at.number()))
      yield* summary("0 left, 1 waiting")
      at.session.release(numbers[1]!)
      at.session.release(again)
      assert.deepStrictEqual(yield* Fiber.join(late), [])
      // and where it is closed, nothing comes back any more
      const closed = yield* Iterator.create({ values: yield* Effect.forEach([1], pack) })
      yield* closed.next({ number: at.number(), most: 1 })
      const asking = yield* now(closed.next({ number: at.number(), most: 1 }))
      yield* summary("0 left, 1 waiting")
      yield* closed.close()
      assert.deepStrictEqual(yield* Fiber.join(asking), [])
    }).pipe(here))

  it.live("are not more than were asked for, nor done more often than once", () =>
    Effect.gen(function*() {
      const { number, queue, take } = yield* lending(1)
      for (const most of [0, -1]) assert.strictEqual((yield* Effect.flip(take(number(), most)))._tag, "RemoteError")
      assert.strictEqual((yield* Effect.flip(queue.taskDone({ count: -1 })))._tag, "RemoteError")
      assert.strictEqual(yield* queue.unfinished(), 1)
      assert.strictEqual((yield* Effect.flip(JoinableQueue.create({ capacity: Number.NaN })))._tag, "RemoteError")
      assert.deepStrictEqual(yield* take(number()), [1])
    }).pipe(here))
})
