import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessError from "effect-multiprocessing/ProcessError"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as RemoteError from "effect-multiprocessing/RemoteError"
import * as Testing from "effect-multiprocessing/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { createHash } from "node:crypto"
import { existsSync, realpathSync } from "node:fs"
import { tmpdir } from "node:os"
import { unsafeBytes } from "../../src/wire/internal/authKey.ts"
import * as Work from "../fixtures/process/work.ts"
import { folder, spawned } from "../support/spawned.ts"

const failure = <A, E>(effect: Effect.Effect<A, E, never>) => Effect.flip(effect)

const reasonOf = (error: unknown): { readonly _tag: string } & Record<string, any> => {
  assert.isTrue(error instanceof ProcessError.ProcessError || error instanceof RemoteError.RemoteError, String(error))
  return (error as ProcessError.ProcessError).reason as any
}

const exists = (path: string) => Testing.waitUntil(() => existsSync(path))

describe("Process.start", () => {
  spawned(
    "answers with what the function returns, and then the process ends with 0",
    Effect.gen(function*() {
      const process = yield* Process.start(Work.double, { n: 21 })
      assert.strictEqual(yield* process.join, 42)
      assert.strictEqual(yield* process.join, 42, "joining again is fine")
      assert.deepStrictEqual(yield* process.exitCode, Option.some(0))
      assert.isFalse(yield* process.isAlive)
      assert.isFalse(yield* Testing.isAlive(process.pid))
      const exited = yield* process.sentinel
      assert.strictEqual(exited.exitCode, 0)
      assert.strictEqual(exited.signal, undefined)
      assert.strictEqual(exited.outOfMemory, "no")
    })
  )

  spawned(
    "fails with the function's own error, and the process ends with 1",
    Effect.gen(function*() {
      const process = yield* Process.start(Work.double, { n: -1 })
      const error = yield* failure(process.join)
      assert.deepStrictEqual(error, new Work.Refused({ why: "negative" }))
      assert.deepStrictEqual(yield* process.exitCode, Option.some(1))
    })
  )

  spawned(
    "a function without payload takes none, with options or without",
    Effect.gen(function*() {
      yield* (yield* Process.start(Work.ping)).join
      const named = yield* Process.start(Work.ping, { name: "pinger" })
      assert.strictEqual(named.name, "pinger")
      yield* named.join
    })
  )

  spawned(
    "a payload that does not fit starts nothing",
    Effect.gen(function*() {
      const before = yield* Process.activeChildren
      const reason = reasonOf(yield* failure(Effect.scoped(Process.start(Work.double, { n: 1.5 })) as any))
      assert.strictEqual(reason._tag, "InvalidPayload")
      assert.strictEqual((yield* Process.activeChildren).length, before.length)
    })
  )

  spawned(
    "a defect is typed, with the child's stack",
    Effect.gen(function*() {
      const process = yield* Process.start(Work.defect, { message: "no such thing" })
      const reason = reasonOf(yield* failure(process.join))
      assert.strictEqual(reason._tag, "RemoteDefect")
      assert.strictEqual(reason.errorName, "TypeError")
      assert.strictEqual(reason.errorMessage, "no such thing")
      assert.include(reason.remoteStack, "work.live.ts")
      assert.deepStrictEqual(yield* process.exitCode, Option.some(1))
    })
  )

  spawned(
    "a result that does not fit its Schema is typed",
    Effect.gen(function*() {
      const process = yield* Process.start(Work.invalidResult)
      const reason = reasonOf(yield* failure(process.join))
      assert.strictEqual(reason._tag, "EncodeFailed")
      assert.strictEqual(reason.part, "success")
    })
  )

  for (const code of [0, 3, 255]) {
    spawned(
      `process.exit(${code}) in the middle is a typed end`,
      Effect.gen(function*() {
        const process = yield* Process.start(Work.exit, { code })
        const reason = reasonOf(yield* failure(process.join))
        assert.strictEqual(reason._tag, "ProcessExited")
        assert.strictEqual(reason.exitCode, code)
        assert.strictEqual(reason.pid, process.pid)
        assert.deepStrictEqual(yield* process.exitCode, Option.some(code))
      })
    )
  }

  for (const [signal, number] of [["SIGKILL", 9], ["SIGSEGV", 11], ["SIGTERM", 15], ["SIGABRT", 6]] as const) {
    spawned(
      `${signal} is exit code -${number}`,
      Effect.gen(function*() {
        const process = yield* Process.start(Work.signalSelf, { signal })
        const reason = reasonOf(yield* failure(process.join))
        assert.strictEqual(reason._tag, "ProcessExited")
        assert.strictEqual(reason.exitCode, -number)
        assert.strictEqual(reason.signal, signal)
      })
    )
  }

  spawned(
    "an error thrown in a timer ends the process, and its stderr says why",
    Effect.gen(function*() {
      const process = yield* Process.start(Work.throwLater, { stdio: { stderr: "pipe" } })
      const reason = reasonOf(yield* failure(process.join))
      assert.strictEqual(reason._tag, "ProcessExited")
      assert.strictEqual(reason.exitCode, 1)
      assert.include(reason.stderr, "thrown in a timer")
    })
  )

  spawned(
    "an exhausted heap is told from other ends",
    Effect.gen(function*() {
      const process = yield* Process.start(Work.exhaustHeap, {
        execArgv: ["--max-old-space-size=48"],
        stdio: { stderr: "pipe" }
      })
      const reason = reasonOf(yield* failure(process.join))
      assert.strictEqual(reason._tag, "ProcessExited")
      assert.strictEqual(reason.outOfMemory, "heap")
    })
  )

  spawned(
    "finalizers of the module that die are an exit code of 1, not a success",
    Effect.gen(function*() {
      const process = yield* Process.start(Work.finalizerFails, { stdio: { stderr: "pipe" } })
      const reason = reasonOf(yield* failure(process.join))
      assert.strictEqual(reason._tag, "ProcessExited")
      assert.strictEqual(reason.exitCode, 1)
      assert.include(reason.stderr, "a finalizer died")
    })
  )
})

describe("the handle", () => {
  spawned(
    "joinWithin gives none while the process runs, and leaves it alone",
    Effect.gen(function*() {
      const dir = yield* folder
      const process = yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` })
      assert.deepStrictEqual(yield* process.joinWithin(0), Option.none())
      yield* exists(`${dir}/ready`)
      assert.deepStrictEqual(yield* process.joinWithin("1 millis"), Option.none())
      assert.isTrue(yield* process.isAlive)
      assert.deepStrictEqual(yield* process.exitCode, Option.none())
    })
  )

  spawned(
    "interrupt runs the function's finalizers",
    Effect.gen(function*() {
      const dir = yield* folder
      const process = yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` })
      yield* exists(`${dir}/ready`)
      yield* process.interrupt
      assert.isTrue(existsSync(`${dir}/released`), "the finalizer ran before interrupt returned")
      assert.strictEqual(reasonOf(yield* failure(process.join))._tag, "RemoteInterrupted")
      assert.deepStrictEqual(yield* process.exitCode, Option.some(1))
    })
  )

  spawned(
    "terminate and kill run none, and are nothing once it has ended",
    Effect.gen(function*() {
      const dir = yield* folder
      for (const [end, exitCode] of [["terminate", -15], ["kill", -9]] as const) {
        const process = yield* Process.start(Work.hold, { ready: `${dir}/${end}`, released: `${dir}/released` })
        yield* exists(`${dir}/${end}`)
        yield* process[end]
        const reason = reasonOf(yield* failure(process.join))
        assert.strictEqual(reason._tag, "ProcessExited")
        assert.strictEqual(reason.exitCode, exitCode)
        assert.isFalse(existsSync(`${dir}/released`))
        yield* process[end]
      }
    })
  )

  spawned(
    "close refuses while it runs, and closes the handle afterwards",
    Effect.gen(function*() {
      const dir = yield* folder
      const process = yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` })
      assert.strictEqual(reasonOf(yield* failure(process.close))._tag, "StillRunning")
      yield* process.kill
      yield* process.sentinel
      yield* process.close
      yield* process.close
      for (const use of [process.join, process.isAlive, process.exitCode, process.sentinel, process.kill]) {
        assert.strictEqual(reasonOf(yield* failure(use as Effect.Effect<unknown, unknown>))._tag, "HandleClosed")
      }
      assert.include(process.name, "test/hold")
    })
  )

  spawned(
    "the sentinel can be raced",
    Effect.gen(function*() {
      const dir = yield* folder
      const slow = yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` })
      const fast = yield* Process.start(Work.double, { n: 1 })
      const first = yield* Effect.raceFirst(slow.sentinel, fast.sentinel)
      assert.strictEqual(first.pid, fast.pid)
    })
  )

  spawned(
    "stdout and stderr are Streams, stdin is a Sink",
    Effect.gen(function*() {
      const printer = yield* Process.start(
        Work.print,
        { stdout: "out ".repeat(50_000), stderr: "err", code: 0 },
        { stdio: { stdout: "pipe", stderr: "pipe" } }
      )
      const [out, err] = yield* Effect.all([
        Stream.mkString(Stream.decodeText(printer.stdout)),
        Stream.mkString(Stream.decodeText(printer.stderr))
      ], { concurrency: 2 })
      assert.strictEqual(out.length, 200_000)
      assert.strictEqual(err, "err")
      yield* printer.join

      const echo = yield* Process.start(Work.echoStdin, { stdio: { stdin: "pipe" } })
      yield* Stream.run(Stream.make("to be ", new TextEncoder().encode("or not")), echo.stdin)
      assert.strictEqual(yield* echo.join, "to be or not")

      const plain = yield* Process.start(Work.ping)
      assert.strictEqual(reasonOf(yield* failure(Stream.runDrain(plain.stdout)))._tag, "InvalidOption")
      yield* plain.join
    })
  )

  spawned(
    "what it printed last is not lost on a slow reader",
    Effect.gen(function*() {
      const printer = yield* Process.start(
        Work.print,
        { stdout: "x".repeat(2 << 20), stderr: "", code: 0 },
        { stdio: { stdout: "pipe" } }
      )
      // Longer than a child may take that has nothing left to say.
      assert.deepStrictEqual(yield* printer.joinWithin("1500 millis"), Option.none())
      const length = yield* Stream.runFold(printer.stdout, () => 0, (total, chunk) => total + chunk.length)
      assert.strictEqual(length, 2 << 20)
      yield* printer.join
    })
  )

  spawned(
    "an exit quotes the last 8 KiB of a piped stderr",
    Effect.gen(function*() {
      const process = yield* Process.start(
        Work.print,
        { stdout: "", stderr: `begin${"x".repeat(20_000)}end`, code: 7 },
        { stdio: { stderr: "pipe" } }
      )
      const reason = reasonOf(yield* failure(process.join))
      assert.strictEqual(reason.exitCode, 7)
      assert.strictEqual(reason.stderr.length, 8 * 1024)
      assert.isTrue(reason.stderr.endsWith("end"))
    })
  )
})

describe("what a child knows", () => {
  spawned(
    "its name, identity, parent, argv, cwd and environment; never the key in the open",
    Effect.gen(function*() {
      const self = yield* Process.currentProcess
      assert.strictEqual(self.name, "MainProcess")
      assert.deepStrictEqual(self.identity, [])
      assert.deepStrictEqual(yield* Process.parentProcess, Option.none())
      const process = yield* Process.start(Work.facts, {
        argv: ["--flag", "value"],
        cwd: tmpdir(),
        env: { EMP_TEST: "yes", HOME: undefined },
        execArgv: ["--no-warnings"]
      })
      const facts = yield* process.join
      assert.strictEqual(facts.pid, process.pid)
      assert.deepStrictEqual(facts.identity, process.identity)
      assert.strictEqual(facts.name, `test/facts-${process.identity.join(":")}`)
      assert.deepStrictEqual(facts.parent, { name: "MainProcess", pid: globalThis.process.pid, alive: true })
      assert.deepStrictEqual(facts.argv.slice(2), ["--flag", "value"])
      assert.include(facts.argv[1]!, "work.live")
      assert.deepStrictEqual(facts.execArgv, ["--no-warnings"])
      assert.strictEqual(facts.cwd, realpathSync(tmpdir()))
      assert.strictEqual(facts.env.EMP_TEST, "yes")
      assert.notProperty(facts.env, "HOME")
      assert.isTrue(facts.daemon)
      assert.strictEqual(facts.keyDigest, createHash("sha256").update(unsafeBytes(self.authKey)).digest("hex"))
      assert.isFalse(facts.keyIsVisible)
    })
  )

  spawned(
    "the log level and the trace it was started in",
    Effect.gen(function*() {
      const span = Tracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true })
      const process = yield* Process.start(Work.facts).pipe(
        Effect.provideService(References.MinimumLogLevel, "Warn"),
        Effect.withParentSpan(span)
      )
      const facts = yield* process.join
      assert.strictEqual(facts.logLevel, "Warn")
      assert.strictEqual(facts.traceId, "a".repeat(32))
    })
  )

  spawned(
    "the other children are listed while they live",
    Effect.gen(function*() {
      const dir = yield* folder
      const process = yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` })
      assert.deepStrictEqual((yield* Process.activeChildren).map(({ pid }) => pid), [process.pid])
      yield* process.kill
      yield* process.sentinel
      assert.deepStrictEqual(yield* Process.activeChildren, [])
    })
  )
})

describe("Process.stream", () => {
  spawned(
    "gives all elements, and ends its process",
    Effect.gen(function*() {
      const sum = yield* Process.stream(Work.count, { to: 10_000 }).pipe(
        Stream.runFold(() => 0, (total, n) => total + n)
      )
      assert.strictEqual(sum, 50_005_000)
      assert.deepStrictEqual(yield* Process.activeChildren, [])
    })
  )

  spawned(
    "stops the producer when the consumer has enough",
    Effect.gen(function*() {
      const first = yield* Process.stream(Work.count, { to: 1_000_000_000 }).pipe(Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual(first, [1, 2, 3])
      assert.deepStrictEqual(yield* Process.activeChildren, [])
    })
  )
})

describe("the end of the Scope", () => {
  it.live("runs the child's finalizers", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const pid = yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` })
        yield* exists(`${dir}/ready`)
        return process.pid
      }))
      assert.isTrue(existsSync(`${dir}/released`))
      assert.isFalse(yield* Testing.isAlive(pid))
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))

  it.live("kills a child that does not let go, and says so", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const scope = yield* Scope.make()
      const process = yield* Process.start(Work.spin, { ready: `${dir}/ready` }, {
        closeTimeout: "20 millis",
        killTimeout: "20 millis"
      }).pipe(Scope.provide(scope))
      yield* exists(`${dir}/ready`)
      yield* Scope.close(scope, Exit.void)
      const exited = yield* process.sentinel
      assert.isBelow(exited.exitCode, 0)
      assert.include(exited.detail ?? "", "after it was asked to")
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))

  it.live("ends what the child left in its group", () =>
    Effect.gen(function*() {
      const pids = yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* Process.start(Work.sleepers)
        const sleepers = yield* process.join
        for (const pid of sleepers) assert.isTrue(yield* Testing.isAlive(pid))
        return sleepers
      }))
      for (const pid of pids) assert.isFalse(yield* Testing.isAlive(pid))
    }).pipe(Effect.provide(ProcessLayer.spawn)))

  it.live("waits for a child that is no daemon, when it closes with success", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const scope = yield* Scope.make()
      const process = yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` }, {
        daemon: false
      }).pipe(Scope.provide(scope))
      yield* exists(`${dir}/ready`)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      assert.deepStrictEqual(yield* process.joinWithin("50 millis"), Option.none())
      assert.isTrue(yield* process.isAlive)
      yield* process.interrupt
      yield* Fiber.join(closing)
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))

  it.live("does not wait for it when it closes with a failure", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const exit = yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
        yield* Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` }, { daemon: false })
        yield* exists(`${dir}/ready`)
        return yield* Effect.fail("enough")
      })))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "enough")
      assert.isTrue(existsSync(`${dir}/released`))
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))
})
