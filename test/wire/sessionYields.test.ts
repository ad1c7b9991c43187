/** A fiber may yield between any two steps, and anything may arrive meanwhile: nobody may miss what he waits for. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { connected, method, served } from "../support/sessions.ts"
import { rounds } from "../support/spawned.ts"

const KiB = 1 << 10

const count = method("test/count", { payload: Schema.Int, success: Schema.Int, stream: true })
const blobs = method("test/blobs", { payload: Schema.Int, success: Schema.Uint8Array, stream: true })
const hang = method("test/hang")

const serve = [
  served(count, (n: number) => Stream.rechunk(Stream.range(1, n), 1)),
  served(blobs, (n: number) => Stream.map(Stream.range(1, n), (i) => new Uint8Array(300 * KiB).fill(i))),
  served(hang, () => Effect.never)
]

const yielding = (name: string, run: Effect.Effect<void, unknown, Scope.Scope>) => {
  for (const steps of [3, 4, 5, 6, 7, 8]) {
    it.live(
      `${name}, yielding every ${steps} steps`,
      () => Effect.scoped(Effect.provideService(run, References.MaxOpsBeforeYield, steps)),
      rounds(10_000, 300_000)
    )
  }
}

describe("nobody misses", () => {
  yielding(
    "what a consumer grants, and the elements it sent",
    Effect.gen(function*() {
      for (const elements of [1, 2, 5]) {
        const { a } = yield* connected(serve, { a: { window: { elements } } })
        for (let round = 0; round < rounds(5, 100); round++) {
          assert.lengthOf(yield* Stream.runCollect(a.stream(count, 40)), 40)
        }
      }
    })
  )

  yielding(
    "that a long element has left",
    Effect.gen(function*() {
      const { a } = yield* connected(serve, { a: { window: { bytes: 600 * KiB } }, b: { budget: 64 * KiB } })
      const streams = Array.from({ length: 6 }, () => Stream.runCollect(a.stream(blobs, 4)))
      for (let round = 0; round < rounds(1, 10); round++) {
        for (const found of yield* Effect.all(streams, { concurrency: "unbounded" })) {
          assert.deepStrictEqual(found.map((bytes) => (bytes as Uint8Array)[300 * KiB - 1]), [1, 2, 3, 4])
        }
      }
    })
  )

  yielding(
    "the answer to an interruption",
    Effect.gen(function*() {
      const { a } = yield* connected(serve)
      for (let round = 0; round < rounds(30, 1000); round++) {
        const fiber = yield* Effect.forkChild(a.call(hang, undefined))
        while (a.inFlight() === 0) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(a.inFlight(), 0)
      }
    })
  )
})
