import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Testing from "effect-multiprocessing/testing"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Chatty from "../fixtures/logs/chatty.ts"
import { heads, kept } from "../support/logged.ts"
import { rounds, spawned } from "../support/spawned.ts"
import { until } from "../support/until.ts"

const numbered = (many: number): ReadonlyArray<string> => Array.from({ length: many }, (_, i) => `line ${i}`)

const text = (stream: Stream.Stream<Uint8Array, unknown>) => Effect.orDie(Stream.mkString(Stream.decodeText(stream)))

const errors = { stdio: { stderr: "pipe" } } as const

describe("what a child logs", () => {
  spawned(
    "arrives with all that a line has",
    kept((lines) =>
      Effect.gen(function*() {
        const before = Date.now()
        const child = yield* Process.start(Chatty.rich, { name: "talker" }).pipe(
          Effect.annotateLogs({ started: "here", key: "overwritten" })
        )
        yield* child.join
        const after = Date.now()
        assert.strictEqual(lines.length, 1)
        const { annotations, date, level, message, reasons, spans } = lines[0]!
        assert.strictEqual(level, "Warn")
        assert.deepStrictEqual(message, ["rich", 7, { nested: [true, null, { deep: "yes" }] }])
        assert.deepStrictEqual(annotations, {
          started: "here",
          process: "talker",
          pid: child.pid,
          key: "value",
          list: [1, 2]
        })
        assert.deepStrictEqual(spans.map(([label]) => label), ["span"])
        assert.isTrue(date.getTime() >= before && date.getTime() <= after)
        assert.isTrue(spans[0]![1] >= before && spans[0]![1] <= date.getTime())
        assert.deepStrictEqual(reasons, [])
      })
    )
  )

  spawned(
    "arrives with its causes: what kind they are of, and the stack in the child",
    kept((lines) =>
      Effect.gen(function*() {
        const pretty = yield* (yield* Process.start(Chatty.causes)).join
        assert.deepStrictEqual(lines.map(({ cause }) => cause), pretty)
        assert.deepStrictEqual(lines.map(({ reasons }) => reasons), [["Fail"], ["Fail"], ["Die"], ["Interrupt"], [
          "Die"
        ]])
        assert.include(lines[4]!.cause, "chatty.live.ts")
        assert.include(lines[2]!.cause, "[cause]: Error: why")
      })
    )
  )

  spawned(
    "arrives also where its values are not like JSON",
    kept((lines) =>
      Effect.gen(function*() {
        yield* (yield* Process.start(Chatty.odd)).join
        assert.strictEqual(lines.length, 1)
        const values = [...lines[0]!.message]
        assert.include(values[9] as string, "Error: an error\n    at ")
        values[9] = "an error"
        assert.include(JSON.stringify(values.at(-3)), "[Getter]")
        values[12] = "a getter"
        assert.deepStrictEqual(values, [
          "undefined",
          "10n",
          "Symbol(s)",
          "NaN",
          { name: "cyclic", self: "[Circular]" },
          "<redacted>",
          { in: "<redacted>" },
          { _id: "Option", _tag: "Some", value: 1 },
          "1970-01-01T00:00:00.000Z",
          "an error",
          "Map(1) { 'a' => 1 }",
          "Uint8Array(3) [ 0, 0, 0 ]",
          "a getter",
          values[13],
          JSON.parse(`{ "__proto__": 1 }`)
        ])
        assert.notInclude(JSON.stringify(values), "secret")
      })
    )
  )

  spawned(
    "is cut where it is too long, and the next line is whole",
    kept((lines) =>
      Effect.gen(function*() {
        yield* (yield* Process.start(Chatty.huge, { characters: 10 << 20 })).join
        assert.deepStrictEqual(heads(lines).slice(1), ["the next line"])
        assert.strictEqual(lines[0]!.annotations.whole, "still")
        const [long, rest] = lines[0]!.message as [string, string]
        assert.match(long, /^x{65536}… \(cut from 10485760 characters\)$/)
        assert.strictEqual(rest, "… (cut from 2 elements)")
      })
    )
  )

  spawned(
    "is neither printed by the child, nor mixed up with what it prints",
    kept((lines) =>
      Effect.gen(function*() {
        const child = yield* Process.start(Chatty.prints, { stdio: { stdout: "pipe" } })
        const printed = yield* text(child.stdout)
        yield* child.join
        assert.deepStrictEqual(heads(lines), ["logged"])
        assert.match(printed, /^printed\n\[.*\] INFO \(#\d+\): by the default logger\n$/)
      })
    )
  )

  spawned(
    `stays in the child with logs: "console"`,
    kept((lines) =>
      Effect.gen(function*() {
        const child = yield* Process.start(Chatty.prints, { logs: "console", stdio: { stdout: "pipe" } })
        const printed = yield* text(child.stdout)
        yield* child.join
        assert.deepStrictEqual(lines, [])
        assert.include(printed, "INFO")
        assert.include(printed, "logged")
      })
    )
  )

  spawned(
    "arrives from fibers that the module runs on its own, from its Layer and from its finalizers",
    kept((lines) =>
      Effect.gen(function*() {
        yield* (yield* Process.start(Chatty.stray)).join
        yield* (yield* Process.start(Chatty.late)).join
        const failed = yield* Effect.exit(Process.start(Chatty.doomed))
        assert.isTrue(Exit.isFailure(failed))
        assert.deepStrictEqual(heads(lines), ["from nobody's fiber", "built", "called", "finalized", "failing"])
      })
    )
  )

  for (
    const [how, fn, forwarded] of [
      ["replaced", Chatty.replaced, []],
      ["merged", Chatty.merged, ["merged"]]
    ] as const
  ) {
    spawned(
      `goes to the loggers that the module provides: ${how}`,
      kept((lines) =>
        Effect.gen(function*() {
          const child = yield* Process.start(fn, { stdio: { stdout: "pipe" } })
          assert.strictEqual(yield* text(child.stdout), `own: ${how}\n`)
          yield* child.join
          assert.deepStrictEqual(heads(lines), forwarded)
        })
      )
    )
  }

  spawned(
    "comes from all generations, each with its own name and pid",
    kept((lines) =>
      Effect.gen(function*() {
        const child = yield* Process.start(Chatty.generations, { below: 2 }, { name: "above 2" })
        yield* child.join
        assert.deepStrictEqual(heads(lines), ["2 below", "1 below", "0 below"])
        assert.deepStrictEqual(lines.map(({ annotations }) => annotations.process), ["above 2", "above 1", "above 0"])
        const pids = lines.map(({ annotations }) => annotations.pid)
        assert.strictEqual(pids[0], child.pid)
        assert.strictEqual(new Set(pids).size, 3)
      })
    )
  )

  spawned(
    "knows the span of the child, which is of the caller's trace",
    kept((lines) =>
      Effect.gen(function*() {
        const caller = yield* Effect.flatMap(Process.start(Chatty.rich), ({ join }) =>
          Effect.andThen(join, Effect.currentSpan)).pipe(Effect.withSpan("caller"))
        assert.strictEqual(lines[0]!.span?.traceId, caller.traceId)
        yield* (yield* Process.start(Chatty.rich)).join
        assert.strictEqual(lines[1]!.span, undefined)
        // It is not the caller's own span that has the line as an event.
        assert.deepStrictEqual((caller as { readonly events?: unknown }).events ?? [], [])
      })
    )
  )

  spawned(
    "is written to the console of who started it",
    Effect.gen(function*() {
      const written: Array<ReadonlyArray<unknown>> = []
      const log = (...args: ReadonlyArray<unknown>) => void written.push(args)
      yield* Effect.flatMap(Process.start(Chatty.rich, { name: "talker" }), ({ join }) => join).pipe(
        Effect.provideService(Console.Console, { ...globalThis.console, log })
      )
      assert.strictEqual(written.length, 1)
      assert.match(String(written[0]![0]), /^\[.*\] WARN \(#\d+\) span=\d+ms:$/)
      assert.strictEqual(written[0]![1], "rich")
    })
  )

  for (const [level, expected] of [["Debug", ["rich"]], ["Warn", ["rich"]], ["Error", []], ["None", []]] as const) {
    spawned(
      `is at least of the level at which it was started: ${level}`,
      kept((lines) =>
        Effect.gen(function*() {
          yield* Effect.flatMap(Process.start(Chatty.rich), ({ join }) => join).pipe(
            Effect.provideService(References.MinimumLogLevel, level)
          )
          assert.deepStrictEqual(heads(lines), expected)
        })
      )
    )
  }
})

describe("no line is lost", () => {
  for (const spread of [false, true]) {
    spawned(
      `in a clean exit, of 10,000 ${spread ? "spread" : "in a tight loop"}`,
      kept((lines) =>
        Effect.gen(function*() {
          const child = yield* Process.start(Chatty.lines, { many: 10_000, spread, end: "return" })
          yield* child.join
          assert.deepStrictEqual(heads(lines), numbered(10_000))
        })
      ),
      60_000
    )
  }

  spawned(
    "at the end of the Scope",
    kept((lines) =>
      Effect.gen(function*() {
        yield* Effect.scoped(Process.start(Chatty.lines, { many: 5000, spread: false, end: "return" }))
        assert.deepStrictEqual(heads(lines), numbered(lines.length))
        yield* Effect.scoped(Process.start(Chatty.late))
        assert.strictEqual(heads(lines).at(-1), "finalized")
      })
    )
  )

  for (const end of ["throw", "exit", "SIGKILL", "heap"] as const) {
    for (let round = 0; round < rounds(1, 20); round++) {
      spawned(
        `before a crash: ${end}${round === 0 ? "" : `, again ${round}`}`,
        kept((lines) =>
          Effect.gen(function*() {
            const child = yield* Process.start(Chatty.lines, { many: 2345, spread: round % 2 === 1, end }, {
              ...errors,
              execArgv: end === "heap" ? ["--max-old-space-size=40"] : []
            })
            assert.isTrue(Exit.isFailure(yield* Effect.exit(child.join)))
            assert.deepStrictEqual(heads(lines), numbered(2345))
          })
        )
      )
    }
  }

  for (let round = 0; round < rounds(2, 50); round++) {
    spawned(
      `before a kill -9 in the middle of them (${round})`,
      kept((lines) =>
        Effect.gen(function*() {
          const child = yield* Process.start(Chatty.lines, { many: 1_000_000, spread: round % 2 === 1, end: "return" })
          yield* until(() => lines.length > 500 * round)
          yield* child.kill
          yield* Effect.exit(child.join)
          // Exactly the first n, in order.
          assert.deepStrictEqual(heads(lines), numbered(lines.length))
          assert.isBelow(lines.length, 1_000_000)
        })
      )
    )
  }

  spawned(
    "of several children at a time, of each in order",
    kept((lines) =>
      Effect.gen(function*() {
        const names = ["a", "b", "c"]
        const children = yield* Effect.forEach(
          names,
          (name) => Process.start(Chatty.lines, { many: 1000, spread: true, end: "return" }, { name }),
          { concurrency: "unbounded" }
        )
        yield* Effect.forEach(children, ({ join }) => join, { discard: true })
        for (const name of names) {
          assert.deepStrictEqual(heads(lines.filter(({ annotations }) => annotations.process === name)), numbered(1000))
        }
      })
    )
  )

  spawned(
    "when the descriptor is not in its blocking mode",
    kept((lines) =>
      Effect.gen(function*() {
        const child = yield* Process.start(Chatty.unblocked, { many: 10_000 })
        yield* child.join
        assert.deepStrictEqual(heads(lines), numbered(10_000))
      })
    )
  )

  spawned(
    "to a parent that is slow, and the child waits for it",
    Effect.gen(function*() {
      let given = 0
      const slow = Logger.make<unknown, void>(() => {
        given++
        const end = performance.now() + 0.2
        while (performance.now() < end);
      })
      const child = yield* Process.start(Chatty.lines, { many: 5000, spread: false, end: "return" }).pipe(
        Effect.provide(Logger.layer([slow]))
      )
      yield* child.join
      assert.strictEqual(given, 5000)
    })
  )
})

describe("a log channel", () => {
  for (
    const [what, bytes] of [
      ["too long a line", Buffer.from("garbage that is no frame")],
      ["a negative length", Buffer.from([255, 255, 255, 255])],
      ["no JSON", Buffer.from([0, 0, 0, 2, 123, 123])],
      ["no line", Buffer.from([0, 0, 0, 2, 123, 125])]
    ] as const
  ) {
    spawned(
      `that holds ${what} is closed, which is logged once, and the child lives`,
      kept((lines) =>
        Effect.gen(function*() {
          const child = yield* Process.start(Chatty.garbles, { bytes }, { name: "garbler" })
          yield* child.join
          assert.strictEqual(lines.length, 2)
          assert.strictEqual(lines[0]!.message[0], "before")
          assert.strictEqual(lines[1]!.level, "Error")
          assert.include(String(lines[1]!.message[0]), "log channel is broken")
          assert.deepStrictEqual(lines[1]!.annotations, { process: "garbler", pid: child.pid })
        })
      )
    )
  }

  spawned(
    "that a grandchild holds keeps nobody waiting",
    kept((lines) =>
      Effect.gen(function*() {
        const child = yield* Process.start(Chatty.holder)
        const pid = yield* child.join
        assert.deepStrictEqual(heads(lines), ["held"])
        // it is in the child's group
        yield* child.close
        yield* Testing.waitUntil(Effect.map(Testing.isAlive(pid), (alive) => !alive))
      })
    )
  )

  spawned(
    "is not inherited by what the child starts",
    kept(() =>
      Effect.gen(function*() {
        const descriptors = yield* (yield* Process.start(Chatty.inherited)).join
        assert.isAbove(descriptors.length, 3)
        assert.deepStrictEqual(descriptors.filter((line) => line.includes("socket:") && !/^[012] /.test(line)), [])
      })
    )
  )

  spawned(
    "stays open whatever a logger does: it is told once, the others get all lines",
    kept((lines) =>
      Effect.gen(function*() {
        const warnings: Array<string> = []
        const warn = (warning: Error) => void warnings.push(warning.message)
        process.on("warning", warn)
        yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", warn)))
        const broken = Logger.make<unknown, void>(() => {
          throw new Error("a broken logger")
        })
        const child = yield* Process.start(Chatty.lines, { many: 10, spread: false, end: "return" }).pipe(
          Effect.provide(Logger.layer([broken], { mergeWithExisting: true }))
        )
        yield* child.join
        assert.deepStrictEqual(heads(lines), numbered(10))
        yield* until(() => warnings.length > 0)
        assert.strictEqual(warnings.length, 1)
        assert.include(warnings[0]!, "a broken logger")
      })
    )
  )
})

describe("with the watchdog for a guard", () => {
  for (const logs of ["forward", "console"] as const) {
    it.live(`logs: "${logs}"`, () =>
      kept((lines) =>
        Effect.gen(function*() {
          const child = yield* Process.start(Chatty.prints, { logs, stdio: { stdout: "pipe" } })
          const printed = yield* text(child.stdout)
          yield* child.join
          assert.deepStrictEqual(heads(lines), logs === "forward" ? ["logged"] : [])
          assert.strictEqual(printed.includes("logged"), logs === "console")
        })
      ).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawnWith({ guard: "watchdog" }))))
  }
})

describe("the loggers", () => {
  it("of which the first is the one that a child replaces", () => {
    const defaults = Effect.runSync(Effect.service(Logger.CurrentLoggers))
    assert.deepStrictEqual([...defaults], [Logger.defaultLogger, Logger.tracerLogger])
  })
})
