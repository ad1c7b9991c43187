import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Boom, connected, method, served } from "../support/sessions.ts"

const echo = method("test/echo", { payload: Schema.Struct({ n: Schema.Number }), success: Schema.Number })
const blob = method("test/blob", { payload: Schema.Uint8Array, success: Schema.Uint8Array })
const fails = method("test/fails", { error: Boom })
const range = method("test/range", { payload: Schema.Int, success: Schema.Int, stream: true })

const all = [
  served(echo, ({ n }) => Effect.succeed(n + 1)),
  served(blob, (bytes) => Effect.succeed(bytes)),
  served(fails, () => Effect.fail(new Boom({ why: "typed" }))),
  served(range, (n: number) => Stream.range(1, n))
]

describe("Session", () => {
  it.live("answers", () =>
    Effect.scoped(Effect.gen(function*() {
      const { a } = yield* connected(all)
      assert.strictEqual(yield* a.call(echo, { n: 41 }), 42)
      const error = yield* Effect.flip(a.call(fails, undefined))
      assert.instanceOf(error, Boom)
      const bytes = new Uint8Array(3 << 20).map((_, i) => i * 7)
      assert.deepStrictEqual(yield* a.call(blob, bytes), bytes)
      const numbers = yield* Stream.runCollect(a.stream(range, 5000))
      assert.strictEqual(numbers.length, 5000)
      assert.strictEqual(a.inFlight(), 0)
    })))
})
