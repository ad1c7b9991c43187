import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { RemoteError } from "../../src/wire/RemoteError.ts"
import { across } from "../support/carriers.ts"
import { Boom, connected, method, served } from "../support/sessions.ts"
import { until } from "../support/until.ts"

const ints = method("test/ints", { payload: Schema.Int, success: Schema.Int, error: Boom, stream: true })
const blobs = method("test/blobs", { payload: Schema.Int, success: Schema.Uint8Array, stream: true })
const echo = method("test/echo", { payload: Schema.Int, success: Schema.Int })

const echoed = served(echo, (n: number) => Effect.succeed(n))

const test = across

/** A stream of its own numbers that counts how far it was pulled, and whether its finalizers have run. */
const counted = () => {
  const state = { pulled: 0, finalized: 0 }
  const stream = Stream.fromEffectRepeat(Effect.sync(() => state.pulled++)).pipe(
    Stream.ensuring(Effect.delay(Effect.sync(() => void state.finalized++), 2))
  )
  return { state, stream }
}

describe("a stream", () => {
  test(
    "arrives whole and in order, whatever its arrays",
    Effect.gen(function*() {
      const shapes: ReadonlyArray<(n: number) => Stream.Stream<number>> = [
        (n) => Stream.range(0, n - 1),
        (n) => Stream.rechunk(Stream.range(0, n - 1), 1),
        (n) => Stream.rechunk(Stream.range(0, n - 1), 7),
        (n) =>
          Stream.mapEffect(
            Stream.range(0, n - 1),
            (i) => i % 100 === 0 ? Effect.as(Effect.yieldNow, i) : Effect.succeed(i)
          )
      ]
      for (const shape of shapes) {
        const { a } = yield* connected([served(ints, shape)])
        assert.deepStrictEqual(
          yield* Stream.runCollect(a.stream(ints, 3000)),
          Array.from({ length: 3000 }, (_, i) => i)
        )
        assert.deepStrictEqual(yield* Stream.runCollect(a.stream(ints, 1)), [0])
        assert.strictEqual(a.inFlight(), 0)
      }
    })
  )

  test(
    "may be empty",
    Effect.gen(function*() {
      const { a } = yield* connected([served(ints, () => Stream.empty)])
      assert.deepStrictEqual(yield* Stream.runCollect(a.stream(ints, 0)), [])
    })
  )

  test(
    "carries elements of every size in order",
    Effect.gen(function*() {
      const sizes = [1, 300_000, 2, 262_144, 20_000, 20_000, 20_000, 1 << 20, 3, 3 << 20, 5]
      const { a } = yield* connected([
        served(
          blobs,
          (first: number) => Stream.fromArray(sizes.slice(first).map((size, i) => new Uint8Array(size).fill(i + first)))
        )
      ])
      for (const first of [0, 4]) {
        const found = yield* Stream.runCollect(a.stream(blobs, first)) as Effect.Effect<Array<Uint8Array>>
        assert.deepStrictEqual(found.map((bytes) => bytes.length), sizes.slice(first))
        found.forEach((bytes, i) => assert.isTrue(bytes.every((byte) => byte === i + first)))
      }
    })
  )

  test(
    "is pulled no further than its consumer grants, in elements",
    Effect.gen(function*() {
      const { state, stream } = counted()
      const { a } = yield* connected([echoed, served(ints, () => stream)], { a: { window: { elements: 10 } } })
      const wait = yield* Deferred.make<void>()
      const fiber = yield* a.stream(ints, 0).pipe(
        Stream.rechunk(1),
        Stream.take(30),
        Stream.tap((n) => n === 20 ? Deferred.await(wait) : Effect.void),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* until(() => state.pulled > 20)
      for (let i = 0; i < 20; i++) yield* a.call(echo, i)
      // what was granted, one that waits for more, and one array more that the consumer has pulled
      assert.isAtMost(state.pulled, 42)
      yield* Deferred.succeed(wait, undefined)
      assert.strictEqual((yield* Fiber.join(fiber)).length, 30)
      assert.strictEqual(state.finalized, 1)
    })
  )

  test(
    "is pulled no further than its consumer grants, in bytes",
    Effect.gen(function*() {
      let pulled = 0
      const { a } = yield* connected([
        echoed,
        served(blobs, () => Stream.fromEffectRepeat(Effect.sync(() => new Uint8Array(10_000).fill(pulled++))))
      ], { a: { window: { bytes: 100_000 } } })
      const first = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const fiber = yield* a.stream(blobs, 0).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Effect.andThen(Deferred.succeed(first, undefined), Deferred.await(go))),
        Stream.take(50),
        Stream.runCount,
        Effect.forkChild
      )
      yield* Deferred.await(first)
      for (let i = 0; i < 20; i++) yield* a.call(echo, i)
      assert.isAtMost(pulled, 24)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), 50)
    })
  )

  test(
    "with a slow consumer delays nobody else",
    Effect.gen(function*() {
      const { a } = yield* connected([echoed, served(ints, () => Stream.range(0, 1_000_000))])
      const started = yield* Deferred.make<void>()
      yield* Effect.forkScoped(
        Stream.runForEach(a.stream(ints, 0), () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never))
      )
      yield* Deferred.await(started)
      // Were the consumer in the way, neither of these would ever end.
      for (let i = 0; i < 100; i++) assert.strictEqual(yield* a.call(echo, i), i)
      const other = Stream.take(a.stream(ints, 0), 5000)
      assert.strictEqual(yield* Stream.runCount(other), 5000)
    })
  )

  test(
    "fails with its declared error, after what came before",
    Effect.gen(function*() {
      const { a } = yield* connected([
        served(ints, () => Stream.concat(Stream.make(1, 2), Stream.fail(new Boom({ why: "midway" }))))
      ])
      const seen: Array<unknown> = []
      const error = yield* Effect.flip(Stream.runForEach(a.stream(ints, 0), (n) => Effect.sync(() => seen.push(n))))
      assert.instanceOf(error, Boom)
      assert.deepStrictEqual(seen, [1, 2])
    })
  )

  const reasonOf = (stream: Stream.Stream<unknown, unknown, any>) =>
    Effect.map(Effect.flip(Stream.runDrain(stream)), (error) => {
      assert.instanceOf(error, RemoteError)
      return error.reason
    }) as Effect.Effect<RemoteError["reason"]>

  test(
    "fails as a call does by what goes wrong in it",
    Effect.gen(function*() {
      const { a } = yield* connected([
        echoed,
        served(ints, (n: number) => {
          if (n === 0) throw new Error("at once")
          if (n === 1) return Stream.die(new Error("later"))
          if (n === 2) return Stream.concat(Stream.make(1), Stream.make("text" as never))
          if (n === 3) return Effect.succeed(1)
          return Stream.fromEffect(Effect.interrupt)
        })
      ])
      assert.include((yield* reasonOf(a.stream(ints, 0))).message, "at once")
      assert.include((yield* reasonOf(a.stream(ints, 1))).message, "later")
      assert.deepInclude(yield* reasonOf(a.stream(ints, 2)), { _tag: "EncodeFailed", part: "success" })
      assert.include((yield* reasonOf(a.stream(ints, 3))).message, "no Stream")
      assert.strictEqual((yield* reasonOf(a.stream(ints, 4)))._tag, "RemoteInterrupted")
      assert.deepInclude(yield* reasonOf(a.stream(ints, "x" as never)), { _tag: "EncodeFailed", part: "payload" })
      assert.deepInclude(yield* reasonOf(a.stream(method("nowhere", { stream: true }), undefined)), {
        _tag: "UnknownMethod"
      })
      assert.strictEqual(yield* a.call(echo, 1), 1)
      assert.strictEqual(a.inFlight(), 0)
    })
  )

  test(
    "fails by an element that is too large, or does not fit the consumer's Schema",
    Effect.gen(function*() {
      const { state, stream } = counted()
      const lie = { ...method("test/ints", { payload: Schema.Int, success: Schema.String, error: Boom, stream: true }) }
      const { a } = yield* connected([
        echoed,
        served(ints, () => stream),
        served(blobs, () => Stream.make(new Uint8Array(10), new Uint8Array(100_000)))
      ], { a: { maxRecord: 70_000 } })
      assert.deepInclude(yield* reasonOf(a.stream(blobs, 0)), { _tag: "TooLarge", part: "success", limit: 70_000 })
      const asked = { ...lie, fingerprint: ints.fingerprint }
      assert.deepInclude(yield* reasonOf(a.stream(asked, 0)), { _tag: "DecodeFailed", part: "success" })
      // the consumer's failure has ended the producer
      assert.strictEqual(state.finalized, 1)
      assert.strictEqual(yield* a.call(echo, 1), 1)
    })
  )
})

describe("the end of a consumer", () => {
  test(
    "that had enough waits for the producer's finalizers",
    Effect.gen(function*() {
      const { state, stream } = counted()
      const { a } = yield* connected([served(ints, () => stream)])
      for (let round = 1; round <= 20; round++) {
        assert.strictEqual(yield* Stream.runCount(Stream.take(a.stream(ints, 0), 3)), 3)
        assert.strictEqual(state.finalized, round)
        assert.strictEqual(a.inFlight(), 0)
      }
    })
  )

  test(
    "that waits for an element does so too",
    Effect.gen(function*() {
      let finalized = 0
      const started = yield* Deferred.make<void>()
      const { a } = yield* connected([
        served(ints, () =>
          Stream.concat(Stream.make(1), Stream.never).pipe(
            Stream.ensuring(Effect.delay(Effect.sync(() => void finalized++), 5))
          ))
      ])
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(a.stream(ints, 0), () => Deferred.succeed(started, undefined))
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(finalized, 1)
    })
  )

  test(
    "that is busy does so too",
    Effect.gen(function*() {
      const { state, stream } = counted()
      const started = yield* Deferred.make<void>()
      const { a } = yield* connected([served(ints, () => stream)])
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(a.stream(ints, 0), () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never))
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(state.finalized, 1)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )

  test(
    "reaches a producer that waits for credit, for room, or with a long element half sent",
    Effect.gen(function*() {
      for (const size of [10, 100_000, 20 << 20]) {
        let finalized = 0
        const { a, b, left } = yield* connected([
          echoed,
          served(blobs, () =>
            Stream.fromEffectRepeat(Effect.sync(() => new Uint8Array(size))).pipe(
              Stream.ensuring(Effect.sync(() => void finalized++))
            ))
        ])
        const started = yield* Deferred.make<void>()
        const fiber = yield* a.stream(blobs, 0).pipe(
          Stream.runForEach(() => Effect.andThen(Deferred.succeed(started, undefined), Effect.never)),
          Effect.forkChild
        )
        if (size < 1 << 20) yield* Deferred.await(started)
        else yield* until(() => left.arrived() > 1 << 20)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(finalized, 1)
        assert.strictEqual(yield* a.call(echo, 1), 1)
        yield* b.flush
        assert.isBelow(left.arrived(), 15 << 20)
      }
    })
  )
})
