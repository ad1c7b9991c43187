import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RunningTime from "../../../src/wire/internal/runningTime.ts"
import { connect } from "../../support/sockets.ts"

/** As a process that is stopped, and continued after a while: what arrives meanwhile waits to be read. */
const standStill = (millis: number) => {
  const end = performance.now() + millis
  while (performance.now() < end);
}

describe("a deadline by which a peer is judged", () => {
  it.live("comes after what arrived while this process stood still", () =>
    Effect.gen(function*() {
      const [ours, theirs] = yield* Effect.acquireRelease(
        Effect.promise(() => connect()),
        (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
      )
      const seen: Array<string> = []
      ours.on("data", () => setImmediate(() => setImmediate(() => seen.push("the answer"))))
      yield* Effect.callback<void>((resume) => {
        RunningTime.after(240, () => {
          seen.push("the deadline")
          resume(Effect.void)
        })
        // Within its last part, as near to the end as a timer can be.
        setTimeout(() => {
          theirs.write("x")
          standStill(500)
        }, 225)
      })
      assert.deepStrictEqual(seen, ["the answer", "the deadline"])
    }).pipe(Effect.scoped))

  it.live("comes although this process stands still again and again", () =>
    Effect.callback<void>((resume) => {
      const stumbling = setInterval(() => standStill(150), 1)
      RunningTime.after(100, () => {
        clearInterval(stumbling)
        resume(Effect.void)
      })
    }))

  it.live("does not come when it was taken back, or is infinitely far", () =>
    Effect.callback<void>((resume) => {
      const seen: Array<string> = []
      RunningTime.after(Infinity, () => seen.push("infinite"))
      const forget = RunningTime.after(20, () => seen.push("taken back"))
      setTimeout(forget, 10)
      RunningTime.after(60, () => {
        assert.deepStrictEqual(seen, [])
        resume(Effect.void)
      })
    }))
})
