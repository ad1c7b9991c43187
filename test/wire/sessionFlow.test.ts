import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { setImmediate } from "node:timers/promises"
import { across, inMemory } from "../support/carriers.ts"
import * as Messages from "../support/messages.ts"
import { connected, method, served } from "../support/sessions.ts"
import { until } from "../support/until.ts"

const KiB = 1 << 10
const MiB = 1 << 20

const echo = method("test/echo", { payload: Schema.Int, success: Schema.Int })
const blob = method("test/blob", { payload: Schema.Uint8Array, success: Schema.Uint8Array })
const size = method("test/size", { payload: Schema.Uint8Array, success: Schema.Int })
const make = method("test/make", { payload: Schema.Int, success: Schema.Uint8Array })
const blobs = method("test/blobs", { payload: Schema.Int, success: Schema.Uint8Array, stream: true })
const hang = method("test/hang", { payload: Schema.Uint8Array })

const echoed = served(echo, (n: number) => Effect.succeed(n))
const sized = served(size, (bytes: Uint8Array) => Effect.succeed(bytes.length))

const test = across

const times = (n: number): Array<number> => Array.from({ length: n }, (_, i) => i)

describe("a sender whose peer does not read", () => {
  test(
    "holds no more than its budget of calls, also of one tick",
    Effect.gen(function*() {
      const { a, left, right } = yield* connected([sized])
      yield* a.ready
      right.pause()
      const fiber = yield* Effect.forkChild(
        Effect.forEach(times(1000), () => a.call(size, new Uint8Array(64 * KiB)), { concurrency: "unbounded" })
      )
      yield* Effect.yieldNow
      assert.isAbove(left.unsent(), 512 * KiB)
      assert.isBelow(left.unsent(), 1 * MiB + 200 * KiB)
      assert.strictEqual(a.inFlight(), 1000)
      right.resume()
      assert.deepStrictEqual(yield* Fiber.join(fiber), times(1000).map(() => 64 * KiB))
    })
  )

  inMemory(
    "holds no more than its budget of small calls",
    Effect.gen(function*() {
      const { a, left, right } = yield* connected([echoed], { a: { budget: 10_000 }, pair: { capacity: 1000 } })
      yield* a.ready
      right.pause()
      const fiber = yield* Effect.forkChild(
        Effect.forEach(times(5000), (n) => a.call(echo, n), { concurrency: "unbounded" })
      )
      yield* Effect.yieldNow
      yield* until(() => left.unsent() > 9000)
      assert.isBelow(left.unsent(), 70_000)
      right.resume()
      assert.deepStrictEqual(yield* Fiber.join(fiber), times(5000))
    })
  )

  test(
    "holds no more than its budget of long calls",
    Effect.gen(function*() {
      const { a, left, right } = yield* connected([sized])
      yield* a.ready
      right.pause()
      const fiber = yield* Effect.forkChild(
        Effect.forEach(times(100), () => a.call(size, new Uint8Array(MiB)), { concurrency: "unbounded" })
      )
      yield* Effect.yieldNow
      yield* until(() => left.unsent() > 200 * KiB)
      assert.isBelow(left.unsent(), 1 * MiB + 300 * KiB)
      right.resume()
      assert.deepStrictEqual(yield* Fiber.join(fiber), times(100).map(() => MiB))
    })
  )

  test(
    "holds no more than its budget of a stream",
    Effect.gen(function*() {
      let made = 0
      const { a, left, right } = yield* connected([
        served(
          blobs,
          (n: number) => Stream.take(Stream.fromEffectRepeat(Effect.sync(() => (made++, new Uint8Array(64 * KiB)))), n)
        )
      ], { a: { window: { elements: 10_000, bytes: 1 << 30 } } })
      yield* a.ready
      const fiber = yield* Effect.forkChild(Stream.runCount(a.stream(blobs, 500)))
      yield* until(() => made > 0)
      left.pause()
      yield* until(() => right.unsent() > 900 * KiB || made === 500)
      assert.isBelow(right.unsent(), 1 * MiB + 200 * KiB)
      left.resume()
      assert.strictEqual(yield* Fiber.join(fiber), 500)
    })
  )

  inMemory(
    "starts no handlers whose results it could not send",
    Effect.gen(function*() {
      let made = 0
      const { a, left, right } = yield* connected([
        served(make, (n: number) => {
          made++
          return n % 2 === 0
            ? Effect.succeed(new Uint8Array(64 * KiB))
            : Effect.delay(Effect.succeed(new Uint8Array(64 * KiB)), 1)
        })
      ])
      yield* a.ready
      left.pause()
      const fiber = yield* Effect.forkChild(
        Effect.forEach(times(1000), (n) => a.call(make, n * 2), { concurrency: "unbounded" })
      )
      yield* until(() => right.unsent() > 900 * KiB)
      assert.isBelow(right.unsent(), 1 * MiB + 200 * KiB)
      assert.isBelow(made, 40)
      left.resume()
      assert.strictEqual((yield* Fiber.join(fiber)).length, 1000)
      assert.strictEqual(made, 1000)
    })
  )

  test(
    "keeps results of fibers waiting, and sends them later",
    Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      let running = 0
      const { a, left, right } = yield* connected([
        served(make, () => {
          running++
          return Effect.as(Deferred.await(go), new Uint8Array(64 * KiB))
        })
      ])
      const fiber = yield* Effect.forkChild(
        Effect.forEach(times(300), (n) => a.call(make, n), { concurrency: "unbounded" })
      )
      yield* until(() => running === 300)
      left.pause()
      yield* Deferred.succeed(go, undefined)
      yield* until(() => right.unsent() > 900 * KiB)
      assert.isBelow(right.unsent(), 1 * MiB + 200 * KiB)
      left.resume()
      assert.strictEqual((yield* Fiber.join(fiber)).length, 300)
    })
  )

  inMemory(
    "can interrupt what waits, and what waits can time out",
    Effect.gen(function*() {
      const { a, right } = yield* connected([sized])
      yield* a.ready
      right.pause()
      const fibers = yield* Effect.forEach(times(100), () => Effect.forkChild(a.call(size, new Uint8Array(64 * KiB))))
      const late = yield* Effect.forkChild(Effect.flip(a.call(size, new Uint8Array(64 * KiB), { timeout: 5 })))
      assert.include(String(yield* Fiber.join(late)), "5 ms")
      // Those that were never sent need no answer of the peer.
      const waiting = a.inFlight()
      yield* Effect.forEach(fibers.slice(50), Fiber.interrupt)
      assert.strictEqual(a.inFlight(), waiting - 50)
      right.resume()
      yield* Effect.forEach(fibers.slice(0, 50), Fiber.join)
      assert.strictEqual(a.inFlight(), 0)
    })
  )

  test(
    "answers a flood of pings with no more than its budget",
    Effect.gen(function*() {
      const { a, left, right } = yield* connected([echoed], { b: { budget: 20_000 }, pair: { capacity: 1000 } })
      yield* a.call(echo, 1)
      left.pause()
      // each in a tick of its own: those of one tick have one answer
      for (const id of times(5000)) {
        right.inject(Messages.write({ _tag: "Ping", id }))
        yield* Effect.promise(() => setImmediate())
      }
      assert.isBelow(right.unsent(), 25_000)
      left.resume()
      assert.strictEqual(yield* a.call(echo, 1), 1)
    })
  )

  test(
    "answers a flood of calls that nobody serves with no more than its budget",
    Effect.gen(function*() {
      const { a, left, right } = yield* connected([echoed], { b: { budget: 20_000 } })
      yield* a.call(echo, 1)
      left.pause()
      const calls = times(8000).map((id) =>
        Messages.write({
          _tag: "Call",
          id: id + 1,
          method: id % 2 === 0 ? 999 : 0,
          timeout: undefined,
          context: undefined,
          payload: new Uint8Array(1)
        })
      )
      const before = right.arrived()
      const flood = Buffer.concat(calls)
      right.inject(flood)
      yield* until(() => right.arrived() - before >= flood.length)
      assert.isBelow(right.unsent(), 100_000)
    })
  )
})

describe("two ends that flood each other", () => {
  test(
    "do not stop",
    Effect.gen(function*() {
      const serve = [served(blob, (bytes) => Effect.succeed(bytes))]
      const { a, b } = yield* connected(serve, {
        a: { serve, budget: 200 * KiB },
        b: { budget: 200 * KiB },
        pair: { capacity: 50 * KiB }
      })
      const flood = (end: typeof a) =>
        Effect.forEach(times(400), (n) => {
          const bytes = new Uint8Array([1, 40 * KiB, 300 * KiB][n % 3]!).fill(n)
          return Effect.map(
            end.call(blob, bytes),
            (answer) => assert.isTrue(Buffer.from(answer as Uint8Array).equals(bytes))
          )
        }, { concurrency: "unbounded", discard: true })
      yield* Effect.all([flood(a), flood(b)], { concurrency: "unbounded" })
    })
  )
})

describe("a record of many megabytes", () => {
  inMemory(
    "lets others pass",
    Effect.gen(function*() {
      const { a, right } = yield* connected([echoed, sized])
      yield* a.ready
      const long = yield* Effect.forkChild(a.call(size, new Uint8Array(64 * MiB)))
      yield* until(() => right.arrived() > MiB)
      for (let i = 0; i < 10; i++) {
        const before = right.arrived()
        assert.strictEqual(yield* a.call(echo, i), i)
        assert.isBelow(right.arrived() - before, 4 * MiB)
      }
      assert.isBelow(right.arrived(), 64 * MiB)
      assert.strictEqual(yield* Fiber.join(long), 64 * MiB)
    })
  )

  test(
    "is cut off when its call is interrupted, and was never run",
    Effect.gen(function*() {
      let ran = 0
      const { a, right } = yield* connected([echoed, served(size, () => Effect.sync(() => ++ran))])
      yield* a.ready
      for (let round = 0; round < 3; round++) {
        const start = right.arrived()
        const long = yield* Effect.forkChild(a.call(size, new Uint8Array(64 * MiB)))
        yield* until(() => right.arrived() - start > MiB)
        yield* Fiber.interrupt(long)
        assert.strictEqual(a.inFlight(), 0)
        assert.strictEqual(yield* a.call(echo, round), round)
        assert.isBelow(right.arrived() - start, 32 * MiB)
      }
      assert.strictEqual(ran, 0)
      assert.strictEqual(yield* a.call(size, new Uint8Array(MiB)), 1)
    })
  )

  test(
    "is cut off when it is a result that nobody wants any more",
    Effect.gen(function*() {
      const { a, b, left } = yield* connected([echoed, served(make, (n: number) => Effect.succeed(new Uint8Array(n)))])
      yield* a.ready
      for (let round = 0; round < 3; round++) {
        const start = left.arrived()
        const long = yield* Effect.forkChild(a.call(make, 64 * MiB))
        yield* until(() => left.arrived() - start > MiB)
        yield* Fiber.interrupt(long)
        assert.strictEqual(a.inFlight(), 0)
        yield* b.flush
        assert.isBelow(left.arrived() - start, 32 * MiB)
        assert.strictEqual(yield* a.call(echo, round), round)
      }
    })
  )

  test(
    "that waits for room is never taken for another call",
    Effect.gen(function*() {
      const { a } = yield* connected([served(blob, (bytes) => Effect.succeed(bytes))])
      const sizes = times(3000).map((i) => i % 100 === 0 ? MiB : i % 7 === 0 ? 20 * KiB : 100)
      yield* Effect.forEach(sizes, (size, i) => {
        const bytes = Buffer.alloc(size)
        bytes.writeUInt32LE(i)
        return Effect.map(a.call(blob, bytes), (answer) => {
          const found = Buffer.from(answer as Uint8Array)
          assert.strictEqual(found.length, size)
          assert.strictEqual(found.readUInt32LE(), i)
        })
      }, { concurrency: "unbounded", discard: true })
    })
  )

  test(
    "waits for others where both are more than the peer may hold",
    Effect.gen(function*() {
      const { a } = yield* connected([sized], { b: { maxRecord: MiB } })
      const sizes = times(40).map((i) => [700, 300, 1000, 500][i % 4]! * KiB)
      const found = yield* Effect.forEach(sizes, (n) => a.call(size, new Uint8Array(n)), { concurrency: "unbounded" })
      assert.deepStrictEqual(found, sizes)
    })
  )
})

describe("what a peer grants", () => {
  test(
    "bounds the calls that run there",
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const slow = served(echo, (n: number) =>
        Effect.gen(function*() {
          most = Math.max(most, ++running)
          yield* Effect.sleep(1)
          running--
          return n
        }))
      const { a } = yield* connected([slow], { b: { window: { calls: 3 } } })
      const found = yield* Effect.forEach(times(60), (n) => a.call(echo, n), { concurrency: "unbounded" })
      assert.deepStrictEqual(found, times(60))
      assert.strictEqual(most, 3)
    })
  )

  const heavy = {
    "payloads": (call: (bytes: Uint8Array) => Effect.Effect<unknown, unknown, any>) => call(new Uint8Array(30 * KiB)),
    "contexts": (call: (bytes: Uint8Array) => Effect.Effect<unknown, unknown, any>) =>
      Effect.annotateLogs(call(new Uint8Array(1)), { long: "x".repeat(30 * KiB) })
  }
  for (const [what, send] of Object.entries(heavy)) {
    test(
      `bounds the bytes of their ${what}, without holding up small ones`,
      Effect.gen(function*() {
        let running = 0
        const go = yield* Deferred.make<void>()
        const { a } = yield* connected([
          echoed,
          served(hang, () => {
            running++
            return Deferred.await(go)
          })
        ], { b: { window: { callBytes: 100 * KiB } } })
        const fiber = yield* Effect.forkChild(
          Effect.forEach(times(20), () => send((bytes) => a.call(hang, bytes)), { concurrency: "unbounded" })
        )
        yield* until(() => running === 4)
        assert.strictEqual(yield* a.call(echo, 1), 1)
        assert.strictEqual(running, 4)
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(fiber)
        assert.strictEqual(running, 20)
      })
    )
  }

  test(
    "allows one call of more bytes than are granted",
    Effect.gen(function*() {
      const { a } = yield* connected([sized], { b: { window: { callBytes: 10_000 } } })
      const found = yield* Effect.forEach(times(5), () => a.call(size, new Uint8Array(500_000)), { concurrency: 5 })
      assert.deepStrictEqual(found, times(5).map(() => 500_000))
    })
  )

  test(
    "is waited for no longer than the caller wants",
    Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      const { a } = yield* connected([served(echo, () => Effect.as(Deferred.await(go), 1))], {
        b: { window: { calls: 1 } }
      })
      const first = yield* Effect.forkChild(a.call(echo, 1))
      const second = yield* Effect.forkChild(a.call(echo, 1))
      const third = yield* Effect.forkChild(Effect.flip(a.call(echo, 1, { timeout: 5 })))
      assert.include(String(yield* Fiber.join(third)), "5 ms")
      yield* Fiber.interrupt(second)
      assert.strictEqual(a.inFlight(), 1)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* Fiber.join(first), 1)
    })
  )
})
