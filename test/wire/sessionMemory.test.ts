import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Inlet from "../../src/wire/internal/inlet.ts"
import { giveBack } from "../../src/wire/internal/memory.ts"
import * as Session from "../../src/wire/Session.ts"
import * as Transport from "../../src/wire/Transport.ts"
import { method, served } from "../support/sessions.ts"
import { connect } from "../support/sockets.ts"
import { rounds } from "../support/spawned.ts"
import { until } from "../support/until.ts"

const KiB = 1 << 10

const echo = method("test/echo", { payload: Schema.Uint8Array, success: Schema.Uint8Array })
const twice = method("test/twice", { payload: Schema.Uint8Array, success: Schema.Array(Schema.Uint8Array) })
const pieces = method("test/pieces", { payload: Schema.Uint8Array, success: Schema.Uint8Array, stream: true })
const hang = method("test/hang", { payload: Schema.Uint8Array })

/** Two sessions over real sockets, of which both send by reference what they are given. */
const connected = Effect.fnUntraced(function*(serve: ReadonlyArray<Session.Served>) {
  const inlet = Inlet.make()
  const [left, right] = yield* Effect.promise(() => connect(inlet))
  yield* Session.make({ transport: Transport.fromSocket(right, { peer: "a" }), serve })
  const a = yield* Session.make({ transport: Transport.fromSocket(left, { peer: "b", inlet }) })
  yield* a.ready
  return { a }
})

const test = (name: string, run: Effect.Effect<void, unknown, Scope.Scope>, timeout?: number) =>
  it.live(name, () => Effect.scoped(run), timeout)

const filled = (byte: number, length = 600 * KiB) => new Uint8Array(length).fill(byte)

const isFilled = (bytes: Uint8Array, byte: number, length = 600 * KiB): boolean =>
  bytes.length === length && Buffer.compare(bytes, filled(byte, length)) === 0

describe("bytes that are given back", () => {
  test(
    "are read into again, and nobody who kept a view sees it",
    Effect.gen(function*() {
      const payloads: Array<Uint8Array> = []
      const { a } = yield* connected([served(echo, (bytes: Uint8Array) => {
        payloads.push(bytes)
        giveBack(bytes)
        return Effect.succeed(bytes)
      })])
      const results: Array<Uint8Array> = []
      for (let i = 1; i <= 20; i++) {
        const result = (yield* a.call(echo, filled(i))) as Uint8Array
        assert.isTrue(isFilled(result, i))
        results.push(result)
        giveBack(result)
        for (const bytes of results) assert.strictEqual(bytes.length, 0)
        for (const bytes of payloads.slice(0, -1)) assert.strictEqual(bytes.length, 0)
      }
    })
  )

  test(
    "stay until the answer that is made of them has left, however slowly",
    Effect.gen(function*() {
      const payloads: Array<Uint8Array> = []
      const { a } = yield* connected([served(echo, (bytes: Uint8Array) => {
        payloads.push(bytes)
        giveBack(bytes)
        return Effect.as(Effect.yieldNow, bytes.subarray(1))
      })])
      const calls = Array.from({ length: 40 }, (_, i) => i + 1)
      const right = yield* Effect.forEach(
        calls,
        (i) => Effect.map(a.call(echo, filled(i)), (bytes) => isFilled(bytes as Uint8Array, i, 600 * KiB - 1)),
        {
          concurrency: 8
        }
      )
      assert.deepStrictEqual(right, calls.map(() => true))
      yield* until(() => payloads.every((bytes) => bytes.length === 0))
    })
  )

  test(
    "stay while a stream is made of them",
    Effect.gen(function*() {
      let payload: Uint8Array = filled(0)
      const { a } = yield* connected([served(pieces, (bytes: Uint8Array) => {
        payload = bytes
        giveBack(bytes)
        return Stream.map(Stream.range(0, 5), (i) => bytes.subarray(i * 100 * KiB, (i + 1) * 100 * KiB))
      })])
      for (let i = 1; i < 5; i++) {
        const found = yield* Stream.runCollect(a.stream(pieces, filled(i)))
        assert.strictEqual(found.length, 6)
        for (const piece of found) assert.isTrue(isFilled(piece as Uint8Array, i, 100 * KiB))
        yield* until(() => payload.length === 0)
      }
    })
  )

  test(
    "are gone when the call was interrupted, and not before its finalizers have run",
    Effect.gen(function*() {
      const started = yield* Deferred.make<Uint8Array>()
      let seen = 0
      const { a } = yield* connected([served(hang, (bytes: Uint8Array) => {
        giveBack(bytes)
        return Deferred.succeed(started, bytes).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              seen = bytes.length
            })
          )
        )
      })])
      const fiber = yield* Effect.forkChild(a.call(hang, filled(1)))
      const payload = yield* Deferred.await(started)
      assert.strictEqual(payload.length, 600 * KiB)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(seen, 600 * KiB)
      yield* until(() => payload.length === 0)
    })
  )

  test(
    "stay when they arrived with others in one value",
    Effect.gen(function*() {
      const { a } = yield* connected([
        served(twice, (bytes: Uint8Array) => Effect.succeed([bytes, bytes.subarray(10)]))
      ])
      const [first, second] = (yield* a.call(twice, filled(3))) as [Uint8Array, Uint8Array]
      giveBack(first)
      yield* a.call(twice, filled(4))
      assert.isTrue(isFilled(first, 3))
      assert.isTrue(isFilled(second, 3, 600 * KiB - 10))
    })
  )

  test(
    "are empty also when their session has ended",
    Effect.gen(function*() {
      const bytes = yield* Effect.scoped(Effect.gen(function*() {
        const { a } = yield* connected([served(echo, (bytes: Uint8Array) => Effect.succeed(bytes))])
        return (yield* a.call(echo, filled(5))) as Uint8Array
      }))
      giveBack(bytes)
      assert.strictEqual(bytes.length, 0)
    })
  )
})

const random = (seed: number) => (limit: number): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0
  return (seed >>> 8) % limit
}

describe("bytes that are kept", () => {
  test(
    "never change, whatever others give back",
    Effect.gen(function*() {
      const kept: Array<{ readonly bytes: Uint8Array; readonly byte: number; readonly length: number }> = []
      const next = random(20_261_125)
      const keepOrGiveBack = (bytes: Uint8Array, byte: number) => {
        if (next(3) === 0) giveBack(bytes)
        else if (kept.length < 200) kept.push({ bytes, byte, length: bytes.length })
      }
      const { a } = yield* connected([
        served(echo, (bytes: Uint8Array) => {
          keepOrGiveBack(bytes, bytes[0]!)
          return next(2) === 0 ? Effect.succeed(bytes) : Effect.as(Effect.yieldNow, bytes)
        })
      ])
      yield* Effect.forEach(Array.from({ length: rounds(300, 10_000) }, (_, i) => i % 251), (byte) => {
        const length = 250 * KiB + next(400 * KiB)
        return Effect.map(a.call(echo, filled(byte, length)), (result) => {
          const bytes = result as Uint8Array
          assert.isTrue(isFilled(bytes, byte, length))
          keepOrGiveBack(bytes, byte)
        })
      }, { concurrency: 6, discard: true })
      assert.isAbove(kept.length, 100)
      for (const { byte, bytes, length } of kept) assert.isTrue(isFilled(bytes, byte, length))
    }),
    rounds(30_000, 600_000)
  )
})
