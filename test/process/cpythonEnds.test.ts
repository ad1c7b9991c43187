/** CPython's own tests of finalizers, exit codes and standard streams, by their names, against real processes. */
import { assert, describe, it } from "@effect/vitest"
import * as Finalizer from "effect-multiprocessing/Finalizer"
import * as Process from "effect-multiprocessing/Process"
import type * as ProcessError from "effect-multiprocessing/ProcessError"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type * as RemoteError from "effect-multiprocessing/RemoteError"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { existsSync, readFileSync } from "node:fs"
import { constants } from "node:os"
import { fileURLToPath } from "node:url"
import type { Plan } from "../fixtures/process/ending.ts"
import * as Ends from "../fixtures/process/ends.ts"
import * as Work from "../fixtures/process/work.ts"
import * as Program from "../support/program.ts"
import { folder, spawned } from "../support/spawned.ts"

const lines = (file: string): ReadonlyArray<string> => readFileSync(file, "utf8").trimEnd().split("\n")

const codeOf = (process: Process.Process<unknown, unknown>) => Effect.map(process.exitCode, Option.getOrThrow)

describe("_TestFinalize", () => {
  spawned(
    "test_finalize",
    Effect.gen(function*() {
      const dir = yield* folder
      const process = yield* Process.start(Ends.finalize, { log: `${dir}/log` })
      yield* process.join
      assert.deepStrictEqual(lines(`${dir}/log`), ["a", "b", "d10", "d03", "d02", "d01", "e", "STOP"])
      assert.strictEqual(yield* codeOf(process), 0)
    })
  )

  spawned(
    "a child has none of its parent's",
    Effect.gen(function*() {
      const dir = yield* folder
      const ran: Array<string> = []
      yield* Effect.gen(function*() {
        yield* Finalizer.register(Effect.sync(() => ran.push("parent's")), { exitPriority: 0 })
        const process = yield* Process.start(Ends.inherits, { log: `${dir}/log` })
        yield* process.join
        assert.deepStrictEqual(ran, [])
        assert.deepStrictEqual(lines(`${dir}/log`), ["child's"])
      }).pipe(Effect.provide(Finalizer.layer()))
      assert.deepStrictEqual(ran, ["parent's"])
    })
  )

  it.live("those of a child run within what its parent gives it", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const scope = yield* Scope.make()
      const steps = { ready: `${dir}/ready`, log: `${dir}/log` }
      const child = yield* Process.start(Ends.hanging, steps, {
        env: { REPORT: `${dir}/report` },
        closeTimeout: "4 seconds"
      }).pipe(Scope.provide(scope))
      yield* Testing.waitUntil(() => existsSync(`${dir}/ready`))
      yield* Scope.close(scope, Exit.void)
      const exited = yield* child.sentinel
      assert.strictEqual(exited.detail, undefined, "it ended by itself")
      assert.deepStrictEqual(lines(`${dir}/report`), ["hangs Late", "runs Done"])
      assert.deepStrictEqual(lines(`${dir}/log`), ["ran"])
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))
})

describe("_TestProcess", () => {
  for (const [name, signal] of [["test_terminate", "SIGTERM"], ["test_kill", "SIGKILL"]] as const) {
    spawned(
      name,
      Effect.gen(function*() {
        const dir = yield* folder
        const process = yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` })
        assert.isTrue(yield* process.isAlive)
        assert.include((yield* Process.activeChildren).map(({ pid }) => pid), process.pid)
        assert.deepStrictEqual(yield* process.exitCode, Option.none())
        assert.deepStrictEqual(yield* process.joinWithin(0), Option.none())
        yield* signal === "SIGTERM" ? process.terminate : process.kill
        yield* Effect.exit(process.join)
        assert.isFalse(yield* process.isAlive)
        assert.notInclude((yield* Process.activeChildren).map(({ pid }) => pid), process.pid)
        yield* Effect.exit(process.join)
        assert.strictEqual(yield* codeOf(process), -constants.signals[signal])
        assert.isFalse(existsSync(`${dir}/released`))
      })
    )
  }

  for (const redirection of [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "> /dev/full"]) {
    it.live(`test_error_on_stdio_flush_1: ${redirection}`, () =>
      Effect.gen(function*() {
        const dir = yield* folder
        const plan: Plan = { folder: dir, children: ["hold"], then: "succeed" }
        const file = fileURLToPath(new URL("../fixtures/process/ending.ts", import.meta.url))
        const { code } = yield* Program.runCommand("sh", [
          "-c",
          `exec "$@" ${redirection}`,
          "sh",
          process.execPath,
          file,
          JSON.stringify(plan)
        ])
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(lines(`${dir}/log`).at(-1), "all Scopes")
        assert.isTrue(existsSync(`${dir}/released.0`))
      }).pipe(Effect.scoped))
  }

  for (const stream of ["stdout", "stderr"] as const) {
    for (const how of ["close", "destroy", "remove"] as const) {
      spawned(
        `test_error_on_stdio_flush_2: ${how} ${stream}`,
        Effect.gen(function*() {
          const process = yield* Process.start(Ends.breakStream, { stream, how })
          yield* process.join
          assert.strictEqual(yield* codeOf(process), 0)
        })
      )
    }
  }
})

describe("_TestSubclassingProcess", () => {
  for (const [end, code, bytes] of [["return", 0, 300_000], ["die", 1, 300_000], ["exit", 5, 1000]] as const) {
    spawned(
      `test_stderr_flush: ${end}`,
      Effect.gen(function*() {
        const process = yield* Process.start(Ends.printAndEnd, { bytes, end }, {
          stdio: { stdout: "pipe", stderr: "pipe" }
        })
        const read = (stream: Stream.Stream<Uint8Array, ProcessError.ProcessError>) =>
          Stream.runFold(stream, () => "", (text, chunk) => text + Buffer.from(chunk).toString("latin1"))
        const stdout = yield* Effect.forkChild(read(process.stdout))
        const joined: Result.Result<void, ProcessError.ProcessError | RemoteError.RemoteError> = yield* Effect.result(
          process.join
        )
        assert.strictEqual(yield* codeOf(process), code)
        const printed = yield* Fiber.join(stdout)
        assert.strictEqual(printed.length, bytes + 1)
        assert.strictEqual(printed.at(-1), "!")
        // Of stderr the last is kept, whoever reads it late.
        const complained = yield* read(process.stderr)
        assert.match(complained, /^e+!$/)
        if (end === "die") {
          assert(Result.isFailure(joined) && joined.failure.reason._tag === "RemoteDefect")
          assert.include(joined.failure.reason.remoteStack, "ends.live.")
        }
      })
    )
  }

  for (const [code, expected] of [[0, 0], [1, 1], [8, 8], [256 + 8, 8]] as const) {
    spawned(
      `test_sys_exit: ${code}`,
      Effect.gen(function*() {
        const process = yield* Process.start(Work.exit, { code })
        yield* Effect.exit(process.join)
        assert.strictEqual(yield* codeOf(process), expected)
      })
    )
  }
})

spawned(
  "_TestAtExit: test_atexit",
  Effect.gen(function*() {
    const dir = yield* folder
    const process = yield* Process.start(Ends.atExit, { file: `${dir}/output` })
    yield* process.join
    assert.strictEqual(readFileSync(`${dir}/output`, "utf8"), "exit 0")
  })
)

spawned(
  "TestStdinBadfiledescriptor: test_queue_in_process, test_pool_in_process",
  Effect.gen(function*() {
    const process = yield* Process.start(Ends.readsNothing, { generations: 2 }, { daemon: false })
    assert.deepStrictEqual(yield* process.join, ["", "", ""])
  })
)
