import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { RemoteError, RemoteErrorReason } from "../../src/wire/RemoteError.ts"
import * as Methods from "../fixtures/wire/sessionMethods.ts"
import * as Child from "../support/sessionChild.ts"
import { rounds } from "../support/spawned.ts"
import { until } from "../support/until.ts"

const KiB = 1 << 10
const MiB = 1 << 20

const test = (name: string, run: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(run), rounds(60_000, 900_000))

const reasonOf = (call: Effect.Effect<unknown, unknown, any>): Effect.Effect<RemoteErrorReason> =>
  Effect.map(Effect.flip(call), (error) => (error as RemoteError).reason) as Effect.Effect<RemoteErrorReason>

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

describe("over a socket to a child", () => {
  for (const how of ["inherited", "uds", "tcp"] as const) {
    test(
      `(${how}) bytes of every size come back as they were`,
      Effect.gen(function*() {
        const { session } = yield* Child.start(how)
        assert.deepStrictEqual(yield* session.call(Methods.echo, { n: 1 }), { n: 1 })
        const sizes = [1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1, MiB, 16 * MiB, rounds(32, 255) * MiB]
        for (const size of sizes) {
          const bytes = new Uint8Array(size).map((_, i) => (i * 31 + (i >> 8)) & 255)
          const answer = yield* session.call(Methods.blob, bytes) as Effect.Effect<Uint8Array>
          assert.strictEqual(hashOf(answer), hashOf(bytes))
        }
        const numbers = Stream.runFold(
          session.stream(Methods.range, 20_000) as Stream.Stream<number>,
          () => 0,
          (a, b) => a + b
        )
        assert.strictEqual(yield* numbers, 200_010_000)
      })
    )
  }

  test(
    "500 interrupted calls have 500 finalizers behind them",
    Effect.gen(function*() {
      const { session } = yield* Child.start()
      const fibers = yield* Effect.forEach(
        Array.from({ length: 500 }),
        () => Effect.forkChild(session.call(Methods.hang, undefined))
      )
      const counts = session.call(Methods.hung, undefined)
      while (((yield* counts) as { running: number }).running < 500) yield* Effect.yieldNow
      yield* Fiber.interruptAll(fibers)
      assert.deepStrictEqual(yield* counts, { running: 500, finalized: 500 })
    })
  )

  test(
    "a request to close ends it in order",
    Effect.gen(function*() {
      const { exited, session } = yield* Child.start()
      const call = yield* Effect.forkChild(reasonOf(session.call(Methods.hang, undefined)))
      yield* session.call(Methods.echo, { n: 1 })
      yield* session.requestClose(5000)
      assert.strictEqual((yield* Fiber.join(call))._tag, "RemoteInterrupted")
      assert.deepInclude(yield* exited, { exitCode: 0 })
      assert.deepInclude(yield* reasonOf(session.call(Methods.echo, { n: 1 })), { _tag: "ProcessExited", exitCode: 0 })
    })
  )

  test(
    "its exit in the middle of a call is that call's failure",
    Effect.gen(function*() {
      const { session } = yield* Child.start()
      assert.deepInclude(yield* reasonOf(session.call(Methods.exit, 3)), { _tag: "ProcessExited", exitCode: 3 })
    })
  )
})

describe("SIGKILL of the child", () => {
  test(
    "fails everything under way with how it ended, and everything later",
    Effect.gen(function*() {
      for (let round = 0; round < rounds(5, 200); round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { process: child, session } = yield* Child.start(round % 2 === 0 ? "inherited" : "uds")
          const slow = yield* Deferred.make<void>()
          const calls = yield* Effect.forkChild(
            Effect.all([
              reasonOf(session.call(Methods.hang, undefined)),
              reasonOf(Effect.forever(session.call(Methods.echo, { n: 1 }))),
              reasonOf(Effect.forever(session.call(Methods.blob, new Uint8Array(8 * MiB)))),
              reasonOf(Stream.runDrain(session.stream(Methods.range, 1e9))),
              reasonOf(Stream.runForEach(
                session.stream(Methods.pieces, 1e9),
                () => Effect.andThen(Deferred.succeed(slow, undefined), Effect.sleep(5))
              ))
            ], { concurrency: "unbounded" })
          )
          yield* Deferred.await(slow)
          child.kill("SIGKILL")
          const killed = { _tag: "ProcessExited", pid: child.pid!, signal: "SIGKILL" } as const
          for (const reason of yield* Fiber.join(calls)) assert.deepInclude(reason as object, killed)
          assert.deepInclude(yield* reasonOf(session.call(Methods.echo, { n: 1 })), { signal: "SIGKILL" })
          assert.strictEqual(session.inFlight(), 0)
        }))
      }
    })
  )

  test(
    "in the middle of a large record ends what waits for it",
    Effect.gen(function*() {
      for (let round = 0; round < rounds(3, 30); round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { process: child, session, socket } = yield* Child.start()
          yield* session.ready
          const before = socket.bytesWritten
          const call = yield* Effect.forkChild(reasonOf(session.call(Methods.blob, new Uint8Array(128 * MiB))))
          yield* until(() => socket.bytesWritten - before > (4 + round) * MiB)
          child.kill("SIGKILL")
          assert.deepInclude(yield* Fiber.join(call), { _tag: "ProcessExited", signal: "SIGKILL" })
        }))
      }
    })
  )

  test(
    "ends interruptions that wait for it",
    Effect.gen(function*() {
      const { process: child, session } = yield* Child.start()
      const call = yield* Effect.forkChild(session.call(Methods.hang, undefined))
      yield* session.call(Methods.echo, { n: 1 })
      child.kill("SIGSTOP")
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(call))
      yield* Effect.yieldNow
      child.kill("SIGKILL")
      yield* Fiber.join(interrupting)
    })
  )
})

describe("a child that is stopped", () => {
  test(
    "is silent, which pings find out",
    Effect.gen(function*() {
      const { process: child, session } = yield* Child.start("uds", { pingInterval: 50, disconnected: undefined })
      yield* session.call(Methods.echo, { n: 1 })
      child.kill("SIGSTOP")
      assert.deepInclude(yield* reasonOf(session.call(Methods.echo, { n: 1 })), {
        _tag: "Disconnected",
        detail: "silent for 100 ms"
      })
    })
  )

  test(
    "makes nobody hold what it does not read, and gets all of it later",
    Effect.gen(function*() {
      const report = yield* Child.offering(rounds(128, 1024))
      assert.isBelow(report.streamGrowth, 32, "MiB for a stream")
      assert.isBelow(report.callsGrowth, 32, "MiB for calls")
      assert.strictEqual(report.streamed, report.offered)
      assert.strictEqual(report.called, report.offered)
    })
  )
})
