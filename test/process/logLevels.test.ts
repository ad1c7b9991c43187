/** Levels that are changed while children run. */
import { assert, describe } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Chatty from "../fixtures/logs/chatty.ts"
import { heads, kept, type Logged } from "../support/logged.ts"
import { spawned } from "../support/spawned.ts"
import { until } from "../support/until.ts"

const chatters = (size: number) =>
  Layer.build(ProcessLayer.make({
    module: new URL("../fixtures/logs/chatty.live.ts", import.meta.url),
    services: [Chatty.Chatter],
    size
  }))

/** What a call of `levels` logs. */
const said = Effect.fnUntraced(function*(lines: Array<Logged>) {
  const before = lines.length
  const chatter = yield* Chatty.Chatter
  const pid = yield* chatter.levels()
  // The channel keeps the order, and nothing is louder; an answer may come before it.
  yield* until(() => lines.at(-1)?.message[0] === "fatal" && lines.length > before)
  return { pid, said: heads(lines.slice(before)) }
})

const all = ["trace", "debug", "info", "warn", "error", "fatal"]

describe("setMinimumLogLevel", () => {
  spawned(
    "acts on the calls that begin afterwards, lower and higher",
    kept((lines) =>
      Effect.gen(function*() {
        const context = yield* chatters(1)
        yield* Effect.gen(function*() {
          const { minimum } = yield* Chatty.Chatter
          assert.deepStrictEqual((yield* said(lines)).said, all.slice(2))
          for (const [level, from] of [["Debug", 1], ["All", 0], ["Error", 4], ["Info", 2]] as const) {
            yield* Process.setMinimumLogLevel(level)
            assert.deepStrictEqual((yield* said(lines)).said, all.slice(from))
            assert.strictEqual(yield* minimum(), level)
          }
        }).pipe(Effect.provideContext(context))
      })
    )
  )

  spawned(
    "comes before the level of the caller",
    kept((lines) =>
      Effect.gen(function*() {
        const context = yield* chatters(1)
        yield* Process.setMinimumLogLevel("Error")
        const { said: heard } = yield* said(lines).pipe(
          Effect.provideContext(context),
          Effect.provideService(References.MinimumLogLevel, "Debug")
        )
        assert.deepStrictEqual(heard, ["error", "fatal"])
      })
    )
  )

  spawned(
    "acts at once on what calls that run already would say",
    kept((lines) =>
      Effect.gen(function*() {
        const context = yield* chatters(1)
        yield* Effect.gen(function*() {
          const { ticked, ticks } = yield* Chatty.Chatter
          const running = yield* Effect.forkChild(ticks())
          yield* until(() => lines.length > 3)
          yield* Process.setMinimumLogLevel("Warn")
          const { said: heard } = yield* said(lines)
          const before = yield* ticked()
          yield* Testing.waitUntil(Effect.orDie(Effect.map(ticked(), (n) => n > before + 5)))
          yield* Fiber.interrupt(running)
          assert.deepStrictEqual(heard.filter((head) => head !== "tick"), ["warn", "error", "fatal"])
          assert.strictEqual(heads(lines).at(-1), "fatal", "no tick since")
          assert.isAbove(before, heads(lines).filter((head) => head === "tick").length - 1)
        }).pipe(Effect.provideContext(context))
      })
    )
  )

  spawned(
    "acts on children that are started later, and on those that take another's place",
    kept((lines) =>
      Effect.gen(function*() {
        yield* Process.setMinimumLogLevel("Error")
        const context = yield* chatters(1)
        yield* Effect.gen(function*() {
          const { exit } = yield* Chatty.Chatter
          const first = yield* said(lines)
          assert.deepStrictEqual(first.said, ["error", "fatal"])
          yield* Effect.flip(exit())
          const second = yield* said(lines)
          assert.notStrictEqual(second.pid, first.pid)
          assert.deepStrictEqual(second.said, ["error", "fatal"])
        }).pipe(Effect.provideContext(context))
      })
    )
  )

  spawned(
    "of one child leaves the others alone",
    kept((lines) =>
      Effect.gen(function*() {
        const context = yield* chatters(2)
        const [loud, quiet] = yield* Process.activeChildren
        yield* loud!.setMinimumLogLevel("Trace")
        yield* quiet!.setMinimumLogLevel("Fatal")
        const heard = new Map<number, ReadonlyArray<unknown>>()
        while (heard.size < 2) {
          const { pid, said: levels } = yield* Effect.provideContext(said(lines), context)
          heard.set(pid, levels)
        }
        assert.deepStrictEqual(heard.get(loud!.pid), all)
        assert.deepStrictEqual(heard.get(quiet!.pid), ["fatal"])
      })
    )
  )

  spawned(
    "of a handle is heard while the function runs, and fails when the process is gone",
    kept((lines) =>
      Effect.gen(function*() {
        const child = yield* Process.start(Chatty.lines, { many: 1_000_000, spread: true, end: "return" })
        yield* until(() => lines.length > 10)
        yield* child.setMinimumLogLevel("Warn")
        yield* child.kill
        yield* child.sentinel
        assert.deepStrictEqual(heads(lines), Array.from(lines, (_, i) => `line ${i}`))
        const gone = yield* Effect.flip(child.setMinimumLogLevel("Info"))
        assert.strictEqual(gone.reason._tag, "ProcessExited")
        yield* child.close
        const closed = yield* Effect.flip(child.setMinimumLogLevel("Info"))
        assert.strictEqual(closed.reason._tag, "HandleClosed")
      })
    )
  )
})
