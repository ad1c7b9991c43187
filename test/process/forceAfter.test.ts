/** A call that does not let go costs its child's life, and nobody else anything that was not declared. */
import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import { ProcessError } from "effect-multiprocessing/ProcessError"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import type { Spawner } from "effect-multiprocessing/Spawner"
import { freeze, isAliveUnsafe } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { spinLate, spinOnce, Stubborn } from "../fixtures/process/stubborn.ts"
import { folder, rounds, spawned } from "../support/spawned.ts"
import { until } from "../support/until.ts"

const module = new URL("../fixtures/process/stubborn.live.ts", import.meta.url)

const hosted = <A, E>(
  name: string,
  options: Partial<ProcessLayer.Options<readonly [typeof Stubborn]>>,
  test: (stubborn: Stubborn["Service"], dir: string) => Effect.Effect<A, E, Spawner | Scope.Scope>
) =>
  it.live(name, () =>
    Effect.gen(function*() {
      const dir = yield* folder
      yield* test(yield* Stubborn, dir)
    }).pipe(
      Effect.scoped,
      Effect.provide(ProcessLayer.make({ module, services: [Stubborn], forceAfter: "150 millis", ...options })),
      Effect.provide(ProcessLayer.spawn)
    ))

type Reason = RemoteError["reason"]

const reasonOf = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Reason, A> =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, RemoteError)
    return error.reason
  })

const assertForced = (reason: Reason | ProcessError["reason"], method: string) => {
  assert.strictEqual(reason._tag, "ProcessExited", reason.message)
  const { detail, exitCode } = reason as Extract<Reason, { readonly _tag: "ProcessExited" }>
  assert.strictEqual(exitCode, -9)
  assert.match(detail!, new RegExp(`^forceAfter: ${method} had not let go \\d+ ms after its interruption$`))
}

/** Whoever has signed the file; a file is there for an instant before what is written to it. */
const pidsIn = (file: string): Array<number> =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter((line) => line !== "").map(Number) : []
const there = (file: string) => until(() => pidsIn(file).length > 0)

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("a busy call that is interrupted", () => {
  hosted(
    `ends its child, whose other calls fail or move as declared`,
    { size: 2 },
    (stubborn, dir) =>
      Effect.gen(function*() {
        for (let round = 0; round < rounds(5, 50); round++) {
          const file = (name: string) => `${dir}/${name}.${round}`
          // Two of each on each child, whichever comes first.
          const call = (method: "once" | "again", i: number) =>
            fork(Effect.result(stubborn[method]({ ready: file(`${method}${i}`), go: file("go") })))
          const once = yield* Effect.forEach([0, 1, 2, 3], (i) => call("once", i))
          const again = yield* Effect.forEach([0, 1, 2, 3], (i) => call("again", i))
          for (const i of [0, 1, 2, 3]) {
            yield* there(file(`once${i}`))
            yield* there(file(`again${i}`))
          }
          const busy = yield* fork(stubborn.spin({ ready: file("busy") }))
          yield* there(file("busy"))
          const [victim] = pidsIn(file("busy"))
          const of = (name: string) => [0, 1, 2, 3].map((i) => pidsIn(file(`${name}${i}`))[0]!)
          const onceAt = of("once")
          const againAt = of("again")
          assert.include(onceAt, victim)
          assert.include(againAt, victim)

          yield* Fiber.interrupt(busy)
          yield* until(() => !isAliveUnsafe(victim!))
          // Those that moved have begun again elsewhere; only then may anybody answer.
          yield* until(() => againAt.every((pid, i) => pid !== victim || pidsIn(file(`again${i}`)).length === 2))
          writeFileSync(file("go"), "")
          for (const [i, fiber] of once.entries()) {
            const result = yield* Fiber.join(fiber)
            if (onceAt[i] === victim) {
              assert.strictEqual(result._tag, "Failure")
              if (result._tag === "Failure") assertForced(result.failure.reason, "test/Stubborn/spin")
            } else assert.deepInclude(result, { _tag: "Success", success: onceAt[i]! })
            assert.strictEqual(pidsIn(file(`once${i}`)).length, 1)
          }
          for (const [i, fiber] of again.entries()) {
            const result = yield* Fiber.join(fiber)
            if (againAt[i] !== victim) assert.deepInclude(result, { _tag: "Success", success: againAt[i]! })
            else assert.strictEqual(result._tag, "Success")
          }
          // Both places are filled again before the next round begins.
          yield* Effect.repeat(Process.activeChildren, { until: (children) => children.length === 2 })
          yield* Effect.forEach([0, 1, 2, 3], () => stubborn.pid(), { concurrency: "unbounded" })
        }
      })
  )

  hosted("one child after another, and none of them is given up", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      for (let i = 0; i < 3; i++) {
        const busy = yield* fork(stubborn.spin({ ready: `${dir}/busy${i}` }))
        yield* there(`${dir}/busy${i}`)
        yield* Fiber.interrupt(busy)
      }
      assert.isTrue(isAliveUnsafe(yield* stubborn.pid()))
    }))

  hosted("ends a child whose finalizers do not let go", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      const pid = yield* stubborn.pid()
      const held = yield* fork(stubborn.holdOn({ ready: `${dir}/ready`, go: `${dir}/go` }))
      yield* there(`${dir}/ready`)
      const other = yield* fork(reasonOf(stubborn.once({ ready: `${dir}/other`, go: `${dir}/go` })))
      yield* there(`${dir}/other`)
      yield* Fiber.interrupt(held)
      assertForced(yield* Fiber.join(other), "test/Stubborn/holdOn")
      assert.notStrictEqual(yield* stubborn.pid(), pid)
    }))

  hosted(
    "a child that lets go in time is not harmed",
    { forceAfter: "1 minute" },
    (stubborn, dir) =>
      Effect.gen(function*() {
        const pid = yield* stubborn.pid()
        const held = yield* fork(stubborn.holdOn({ ready: `${dir}/ready`, go: `${dir}/go` }))
        yield* there(`${dir}/ready`)
        const ending = yield* fork(Fiber.interrupt(held))
        assert.isUndefined(ending.pollUnsafe())
        writeFileSync(`${dir}/go`, "")
        yield* Fiber.join(ending)
        assert.strictEqual(yield* stubborn.pid(), pid)
      })
  )

  hosted("a child that is stopped is ended, too", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      const pid = yield* stubborn.pid()
      const call = yield* fork(stubborn.once({ ready: `${dir}/ready`, go: `${dir}/go` }))
      yield* there(`${dir}/ready`)
      yield* freeze(pid)
      yield* Fiber.interrupt(call)
      assert.notStrictEqual(yield* stubborn.pid(), pid)
    }))

  hosted("the consumer of a stream that leaves it is not held up", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      const pid = yield* stubborn.pid()
      const first = yield* Stream.runHead(
        Stream.mapEffect(
          stubborn.begun({ ready: `${dir}/ready`, go: `${dir}/go` }),
          (n) => Effect.as(freeze(n), n)
        )
      )
      assert.deepInclude(first, { _tag: "Some", value: pid })
      assert.notStrictEqual(yield* stubborn.pid(), pid)
    }))

  spawned(
    "of a function of its own ends with its process, whose join says why",
    Effect.gen(function*() {
      const dir = yield* folder
      const busy = yield* Process.start(spinOnce, { ready: `${dir}/ready` }, { forceAfter: "150 millis" })
      yield* there(`${dir}/ready`)
      yield* busy.interrupt
      const error = yield* Effect.flip(busy.join)
      assert.instanceOf(error, ProcessError)
      assertForced(error.reason, "test/spinOnce")
    })
  )

  spawned(
    "is left alone as long as it likes if forceAfter says so; the end of the Scope has its own deadlines",
    Effect.gen(function*() {
      const dir = yield* folder
      const options = { forceAfter: Infinity, closeTimeout: "100 millis", killTimeout: "100 millis" } as const
      const busy = yield* Effect.scoped(Effect.gen(function*() {
        const busy = yield* Process.start(spinOnce, { ready: `${dir}/ready` }, options)
        yield* there(`${dir}/ready`)
        const interrupted = yield* fork(busy.interrupt)
        yield* Effect.yieldNow
        assert.isUndefined(interrupted.pollUnsafe())
        assert.isTrue(isAliveUnsafe(busy.pid))
        return busy
      }))
      const error = yield* Effect.flip(busy.join)
      assert.include(error.message, "after it was asked to")
    })
  )

  for (const forceAfter of ["soon", -1, Number.NaN] as const) {
    spawned(
      `a forceAfter of ${forceAfter} is refused`,
      Effect.gen(function*() {
        const options = { forceAfter: forceAfter as number }
        const error = yield* Effect.flip(Process.start(spinOnce, { ready: "/nowhere" }, options))
        assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "forceAfter" })
      })
    )
  }
})

describe("a method's timeout", () => {
  hosted("fails the call and interrupts its handler", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      const pid = yield* stubborn.pid()
      const reason = yield* reasonOf(stubborn.never({ ready: `${dir}/ready`, released: `${dir}/released` }))
      assert.deepInclude(reason, { _tag: "CallTimeout", method: "test/Stubborn/never", timeout: 100 })
      yield* there(`${dir}/released`)
      assert.strictEqual(yield* stubborn.pid(), pid)
    }))

  hosted("does not wait for a busy child, which is ended at forceAfter", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      const pid = yield* stubborn.pid()
      const other = yield* fork(reasonOf(stubborn.once({ ready: `${dir}/other`, go: `${dir}/go` })))
      yield* there(`${dir}/other`)
      const reason = yield* reasonOf(stubborn.spinLate({ ready: `${dir}/ready` }))
      assert.deepInclude(reason, { _tag: "CallTimeout", method: "test/Stubborn/spinLate", timeout: 100 })
      assertForced(yield* Fiber.join(other), "test/Stubborn/spinLate")
      assert.notStrictEqual(yield* stubborn.pid(), pid)
    }))

  hosted(
    "holds while a replacement is awaited, and on all children together",
    {},
    (stubborn, dir) =>
      Effect.gen(function*() {
        const pid = yield* stubborn.pid()
        const call = yield* fork(reasonOf(stubborn.briefly({ ready: `${dir}/ready`, go: `${dir}/go` })))
        yield* there(`${dir}/ready`)
        process.kill(pid, "SIGKILL")
        const reason = yield* Fiber.join(call)
        assert.deepInclude(reason, { _tag: "CallTimeout", method: "test/Stubborn/briefly", timeout: 300 })
        assert.notStrictEqual(yield* stubborn.pid(), pid)
      })
  )

  hosted(
    "is for the whole of a stream, whose elements arrive before it",
    {},
    (stubborn, dir) =>
      Effect.gen(function*() {
        writeFileSync(`${dir}/go.1`, "")
        writeFileSync(`${dir}/go.2`, "")
        const elements: Array<number> = []
        const trickle = stubborn.trickle({ ready: "", go: `${dir}/go` })
        const reason = yield* reasonOf(Stream.runForEach(trickle, (n) => Effect.sync(() => elements.push(n))))
        assert.deepInclude(reason, { _tag: "CallTimeout", method: "test/Stubborn/trickle", timeout: 100 })
        assert.deepStrictEqual(elements, [1, 2])
      })
  )

  hosted("that does not pass changes nothing", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      writeFileSync(`${dir}/go`, "")
      const pid = yield* stubborn.pid()
      assert.strictEqual(yield* stubborn.patient({ ready: `${dir}/ready`, go: `${dir}/go` }), pid)
    }))

  spawned(
    "is what the join of a process fails with, although it had to be killed",
    Effect.gen(function*() {
      const dir = yield* folder
      const options = { forceAfter: "100 millis" } as const
      const busy = yield* Process.start(spinLate, { ready: `${dir}/ready` }, options)
      const reason = yield* reasonOf(busy.join)
      assert.deepInclude(reason, { _tag: "CallTimeout", method: "test/spinLate", timeout: 100 })
      assert.strictEqual((yield* busy.sentinel).exitCode, -9)
    })
  )
})

describe("an idempotent call", () => {
  hosted("moves when its child dies", { size: 2 }, (stubborn, dir) =>
    Effect.gen(function*() {
      const call = yield* fork(stubborn.again({ ready: `${dir}/ready`, go: `${dir}/go` }))
      yield* there(`${dir}/ready`)
      const [first] = pidsIn(`${dir}/ready`)
      process.kill(first!, "SIGKILL")
      yield* until(() => pidsIn(`${dir}/ready`).length === 2)
      writeFileSync(`${dir}/go`, "")
      assert.notStrictEqual(yield* Fiber.join(call), first)
    }))

  hosted("waits for the replacement of an only child", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      const call = yield* fork(stubborn.again({ ready: `${dir}/ready`, go: `${dir}/go` }))
      yield* there(`${dir}/ready`)
      process.kill(pidsIn(`${dir}/ready`)[0]!, "SIGKILL")
      writeFileSync(`${dir}/go`, "")
      assert.strictEqual(yield* Fiber.join(call), pidsIn(`${dir}/ready`)[1])
    }))

  hosted("does not kill more than three", { size: 4 }, (stubborn, dir) =>
    Effect.gen(function*() {
      const reason = yield* reasonOf(stubborn.poison({ died: `${dir}/died` }))
      assert.deepInclude(reason, { _tag: "ProcessExited", exitCode: -9, detail: undefined })
      assert.strictEqual(new Set(pidsIn(`${dir}/died`)).size, 3)
      yield* stubborn.pid()
    }))

  hosted("a stream moves before its first element", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      const stream = stubborn.stream({ ready: `${dir}/ready`, go: `${dir}/go` })
      const collected = yield* fork(Stream.runCollect(stream))
      yield* there(`${dir}/ready`)
      process.kill(pidsIn(`${dir}/ready`)[0]!, "SIGKILL")
      yield* until(() => pidsIn(`${dir}/ready`).length === 2)
      writeFileSync(`${dir}/go`, "")
      assert.deepStrictEqual(yield* Fiber.join(collected), [pidsIn(`${dir}/ready`)[1]!, 1, 2])
    }))

  hosted("and not after it", {}, (stubborn, dir) =>
    Effect.gen(function*() {
      const stream = stubborn.begun({ ready: `${dir}/ready`, go: `${dir}/go` })
      const reason = yield* reasonOf(
        Stream.runForEach(stream, (pid) => Effect.sync(() => process.kill(pid, "SIGKILL")))
      )
      assert.deepInclude(reason, { _tag: "ProcessExited", exitCode: -9 })
      assert.isAtMost(pidsIn(`${dir}/ready`).length, 1)
    }))

  hosted(
    `${rounds(300, 10_000)} of them, under ${rounds(20, 1000)} kills, give as many answers`,
    { size: 4, key: ({ method }) => method === "pid" ? "here" : undefined },
    (stubborn, dir) =>
      Effect.gen(function*() {
        writeFileSync(`${dir}/go`, "")
        let answered = 0
        const jobs = yield* fork(Effect.forEach(
          Array.from({ length: rounds(300, 10_000) }, (_, i) => i),
          (i) =>
            Effect.retry(stubborn.again({ ready: `${dir}/job${i % 64}`, go: `${dir}/go` }), {
              // What was moved twice and met a kill each time, and a place that only ever met kills.
              while: ({ reason }) => reason._tag === "ProcessExited"
            }).pipe(Effect.tap(() => Effect.sync(() => answered++))),
          { concurrency: 32 }
        ))
        let killed = 0
        for (; killed < rounds(20, 1000) && jobs.pollUnsafe() === undefined; killed++) {
          const before = answered
          const children = yield* Process.activeChildren
          if (children.length > 0) process.kill(children[killed % children.length]!.pid, "SIGKILL")
          // As many answers as there are calls at a time: a replacement that has answered nothing would be the last one.
          yield* until(() => answered >= before + 32 || jobs.pollUnsafe() !== undefined)
        }
        assert.strictEqual((yield* Fiber.join(jobs)).length, rounds(300, 10_000))
      })
  )
})
