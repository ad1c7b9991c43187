import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Remote from "../../src/remote/Remote.ts"

const module = new URL("./words.live.ts", import.meta.url)

const slow = Remote.fn("test/slow", { module, success: Schema.Int, timeout: "2 seconds" })

class Slow extends Remote.Service<Slow>()("test/Slow", {
  effect: { success: Schema.Int, timeout: "2 seconds" },
  stream: { success: Schema.Int, stream: true, timeout: "2 seconds" },
  patient: { success: Schema.Int, timeout: Infinity }
}) {}

describe("a timeout, in process", () => {
  it.effect("fails a function's call, and interrupts its handler", () =>
    Effect.gen(function*() {
      let interrupted = false
      const handler = Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          interrupted = true
        }))
      const call = yield* Effect.forkChild(
        Effect.flip(Effect.provide(slow.call(), slow.toLayer(() => handler))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const { reason } = yield* Fiber.join(call)
      assert.deepInclude(reason, { _tag: "CallTimeout", method: "test/slow", timeout: 2000 })
      assert.isTrue(interrupted)
    }))

  it.effect("fails a service's calls and streams, elements first", () =>
    Effect.gen(function*() {
      const service = yield* Slow
      const seen: Array<number> = []
      const calls = yield* Effect.forkChild(
        Effect.all([
          Effect.flip(service.effect()),
          Effect.flip(Stream.runForEach(service.stream(), (n) => Effect.sync(() => seen.push(n)))),
          service.patient()
        ], { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("3 seconds")
      const [effect, stream, patient] = yield* Fiber.join(calls)
      assert.deepInclude(effect.reason, { _tag: "CallTimeout", method: "test/Slow/effect", timeout: 2000 })
      assert.deepInclude(stream.reason, { _tag: "CallTimeout", method: "test/Slow/stream", timeout: 2000 })
      assert.deepStrictEqual(seen, [1, 2])
      assert.strictEqual(patient, 7)
    }).pipe(Effect.provide(Slow.toLayer({
      effect: () => Effect.never,
      stream: () => Stream.concat(Stream.make(1, 2), Stream.never),
      patient: () => Effect.delay(Effect.succeed(7), "3 seconds")
    }))))

  for (const timeout of ["soon", 0, -1, Number.NaN]) {
    it(`of ${timeout} is refused where it is declared`, () => {
      assert.throws(
        () => Remote.fn("test/wrong", { module, timeout: timeout as number }),
        TypeError,
        `test/wrong: its timeout is not a positive duration: ${timeout}`
      )
    })
  }
})
