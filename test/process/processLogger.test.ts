/** CPython's tests of logging (`_TestLogging`), and its output. */
import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLogger from "effect-multiprocessing/ProcessLogger"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import { fileURLToPath } from "node:url"
import { saying } from "../fixtures/logs/pythonic.live.ts"
import { say } from "../fixtures/logs/pythonic.ts"
import { heads, kept } from "../support/logged.ts"
import { run, runCommand } from "../support/program.ts"
import { fixture, pythons } from "../support/pythons.ts"
import { spawned } from "../support/spawned.ts"

const program = fileURLToPath(new URL("../fixtures/logs/log.ts", import.meta.url))

/** What is formatted, line by line. */
const formatted = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.map(ProcessLogger.format, (line) => void lines.push(line))
    return Effect.as(Effect.provide(effect, Logger.layer([logger])), lines)
  })

describe("CPython's tests", () => {
  it.effect("test_enable_logging", () =>
    kept((lines) =>
      Effect.gen(function*() {
        const logger = yield* ProcessLogger.getLogger
        yield* Effect.andThen(logger.debug("this will not be printed"), logger.info("nor will this")).pipe(
          Effect.provideService(References.MinimumLogLevel, "Warn")
        )
        assert.deepStrictEqual(lines, [])
        yield* logger.info("but this")
        assert.deepStrictEqual(heads(lines), ["but this"])
      })
    ))

  const level = Effect.flatMap(Process.start(say), ({ join }) => Effect.map(join, ([level]) => level))

  spawned(
    "test_level: the logger's own",
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.provide(level, ProcessLogger.logToStderr({ level: "Fatal" })), 50)
    })
  )

  spawned(
    "test_level: that of the root",
    kept(() =>
      Effect.gen(function*() {
        const root = Layer.succeed(References.MinimumLogLevel, "Error")
        assert.strictEqual(yield* Effect.provide(level, root), 40)
        assert.strictEqual(yield* level, 20)
      })
    )
  )

  spawned(
    "TestLoggingProcessName",
    Effect.gen(function*() {
      const lines = yield* formatted(Effect.gen(function*() {
        const child = yield* Process.start(say, { name: "a name" })
        assert.deepStrictEqual(yield* child.join, [20, "a name"])
        const [, name] = yield* saying
        assert.strictEqual(name, "MainProcess")
      }))
      const names = lines.map((line) => /\/(.*?)\]/.exec(line)![1])
      assert.deepStrictEqual([...new Set(names)], ["a name", "MainProcess"])
      assert.strictEqual(names.length, 10)
    })
  )
})

describe("the format", () => {
  it.effect("has all parts of a message, data as JSON, and the cause below", () =>
    Effect.gen(function*() {
      const lines = yield* formatted(
        Effect.logError("several", 7, { parts: ["of", "it"] }, Cause.fail(new TypeError("why")))
      )
      assert.match(
        lines[0]!,
        /^\[ERROR\/MainProcess\] several 7 \{"parts":\["of","it"\]\}\nTypeError: why\n {4}at /
      )
    }))

  it("knows CPython's numbers, in their order", () => {
    const ascending = LogLevel.values.toSorted((a, b) => LogLevel.Order(a, b))
    assert.deepStrictEqual(ascending.map(ProcessLogger.toNumber), [0, 5, 10, 20, 30, 40, 50, Infinity])
  })
})

describe("log_to_stderr", () => {
  for (const { path, version } of pythons("test/process/processLogger.test.ts")) {
    it.live(`writes what CPython ${version} writes`, () =>
      Effect.gen(function*() {
        const theirs = yield* runCommand(path, [fixture("log.py")])
        const ours = yield* run(program)
        assert.strictEqual(theirs.code, 0, theirs.stderr)
        assert.strictEqual(ours.code, 0, ours.stderr)
        const lines = theirs.stderr.trim().split("\n")
          .map((line) => line.replace("Level 5/", "SUBDEBUG/").replace("Level 25/", "SUBWARNING/"))
        const said = lines.filter((line) => /\] (sub )?(debug|info|warning|error|critical)$/.test(line))
        // Effect has no level between Info and Warn.
        const expected = said.filter((line) => line !== "[SUBWARNING/worker] sub warning")
        assert.strictEqual(expected.length, 10)
        assert.strictEqual(said.length, 11)
        assert.deepStrictEqual(ours.stderr.trim().split("\n"), expected)
      }))
  }
})
