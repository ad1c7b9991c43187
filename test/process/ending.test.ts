/** Programs that end, in every way that they are asked to. */
import { assert, describe, it } from "@effect/vitest"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Plan } from "../fixtures/process/ending.ts"
import * as Program from "../support/program.ts"
import { folder, leftBehind } from "../support/spawned.ts"

const file = fileURLToPath(new URL("../fixtures/process/ending.ts", import.meta.url))

const isUp = (dir: string) => Testing.waitUntil(() => existsSync(`${dir}/up`))

const send = (pid: number, signal: NodeJS.Signals) => Effect.sync(() => process.kill(pid, signal))

/** Less than that apart, two signals count as one. */
const otherPress = Effect.sleep("400 millis")

/** Runs a program, does something to it when it is up, and sees that nothing is left. */
const ended = Effect.fnUntraced(function*(
  plan: Omit<Plan, "folder">,
  act: (pid: number, dir: string) => Effect.Effect<unknown, unknown> = () => Effect.void
) {
  const dir = yield* folder
  const temporary = yield* folder
  const { end, pid } = yield* Program.start(
    process.execPath,
    [file, JSON.stringify({ folder: dir, ...plan } satisfies Plan)],
    { env: { TMPDIR: temporary } }
  )
  yield* Effect.raceFirst(isUp(dir), end)
  yield* act(pid, dir)
  const result = yield* end
  const pids = existsSync(`${dir}/pids`) ? JSON.parse(readFileSync(`${dir}/pids`, "utf8")) as ReadonlyArray<number> : []
  yield* Testing.waitUntil(() => !pids.some(Testing.isAliveUnsafe))
  yield* Testing.waitUntil(() => leftBehind(temporary).length === 0)
  const log = readFileSync(`${dir}/log`, "utf8").trimEnd().split("\n")
  const released = (plan.children ?? []).map((_, i) => existsSync(`${dir}/released.${i}`))
  return { ...result, log, released }
}, Effect.scoped)

const inOrder = ["up", "program's Scope", "early", "late"]

describe("the exit sequence runs, with the right exit code,", () => {
  for (
    const [then, code] of [["succeed", 0], ["fail", 1], ["die", 1]] as const
  ) {
    it.live(`when the program ${then === "succeed" ? "succeeds" : `${then}s`}`, () =>
      Effect.gen(function*() {
        const { log, released, stderr, ...result } = yield* ended({ then, children: ["hold"] })
        assert.strictEqual(result.code, code, stderr)
        assert.deepStrictEqual(log, [...inOrder, "report: no signal", "all Scopes"])
        assert.deepStrictEqual(released, [true])
      }))
  }

  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    for (const owner of ["exit", "program"] as const) {
      it.live(`at ${signal}, with children of ${owner === "exit" ? "nobody else" : "the program's Scope"}`, () =>
        Effect.gen(function*() {
          const { code: actual, log, released, stderr, stdout } = yield* ended(
            { children: ["hold", "hold"], owner },
            (pid) => send(pid, signal)
          )
          assert.strictEqual(actual, code, stderr)
          assert.strictEqual(stderr + stdout, "")
          assert.deepStrictEqual(log, [...inOrder, `report: ${signal}`, "all Scopes"])
          assert.deepStrictEqual(released, [true, true])
        }))
    }

    it.live(`at ${signal}, where nothing runs the program that would end it`, () =>
      Effect.gen(function*() {
        const { code: actual, log, released } = yield* ended(
          { children: ["hold"], runner: "runPromise" },
          (pid) => send(pid, signal)
        )
        assert.strictEqual(actual, code)
        assert.deepStrictEqual(log, ["up", "early", "late", `report: ${signal}`])
        assert.deepStrictEqual(released, [true])
      }))
  }

  it.live("at a signal that comes while children are waited for", () =>
    Effect.gen(function*() {
      const { code, log, released } = yield* ended(
        { then: "succeed", children: ["hold"], options: { daemon: false } },
        (pid, dir) =>
          Effect.andThen(
            Testing.waitUntil(() => readFileSync(`${dir}/log`, "utf8").includes("early")),
            send(pid, "SIGTERM")
          )
      )
      assert.strictEqual(code, 143)
      assert.deepStrictEqual(log, [...inOrder, "report: SIGTERM", "all Scopes"])
      assert.deepStrictEqual(released, [true])
    }))
})

describe("a signal", () => {
  it.live("that means something else to the program leaves it alone", () =>
    Effect.gen(function*() {
      const { code, log, signal } = yield* ended({ signals: ["SIGTERM"] }, (pid) => send(pid, "SIGHUP"))
      assert.deepStrictEqual([code, signal], [null, "SIGHUP"])
      assert.deepStrictEqual(log, ["up"])
    }))

  it.live("that comes twice at once is one", () =>
    Effect.gen(function*() {
      const { code, log, released } = yield* ended({ children: ["hold"] }, (pid) =>
        Effect.sync(() => {
          process.kill(pid, "SIGINT")
          process.kill(pid, "SIGTERM")
          process.kill(pid, "SIGHUP")
        }))
      assert.oneOf(code, [129, 130, 143])
      assert.deepStrictEqual(log.slice(0, 4), inOrder)
      assert.deepStrictEqual(released, [true])
    }))

  it.live("ends also what hangs, which is late, and the rest has run", () =>
    Effect.gen(function*() {
      const { code, log, stdout } = yield* ended(
        {
          children: ["deaf", "busyDeaf"],
          stuck: true,
          deadline: 8_000,
          options: { closeTimeout: "200 millis", killTimeout: "100 millis" }
        },
        (pid) => send(pid, "SIGTERM")
      )
      assert.strictEqual(code, 143)
      assert.deepStrictEqual(log, [
        "up",
        "program's Scope",
        "early",
        "late",
        "report: SIGTERM",
        "late: stuck Late, deaf 0, busyDeaf 1",
        "all Scopes"
      ])
      assert.match(
        stdout,
        /WARN.*At the exit, not in time: stuck; deaf 0 \(pid \d+\) was killed by SIGKILL \(it had not/
      )
    }))

  it.live("ends a program that hangs by force", () =>
    Effect.gen(function*() {
      const { code, log, stdout } = yield* ended(
        { then: "hang", children: ["hold"], owner: "program", deadline: 500 },
        (pid) => send(pid, "SIGTERM")
      )
      assert.strictEqual(code, 143)
      assert.deepStrictEqual(log, ["up", "report: SIGTERM, forced", "late: early NotBegun, late NotBegun, hold 0"])
      assert.include(stdout, "not in time: the program, which is ended by force after SIGTERM; early, not begun; late")
    }))

  it.live("that comes again takes the time away", () =>
    Effect.gen(function*() {
      const begun = performance.now()
      const { code, log, stdout } = yield* ended(
        {
          children: ["deaf", "busyDeaf"],
          owner: "program",
          stuck: true,
          deadline: 3_600_000,
          options: { closeTimeout: "1 hour" }
        },
        (pid) =>
          Effect.gen(function*() {
            yield* send(pid, "SIGINT")
            yield* otherPress
            yield* send(pid, "SIGINT")
          })
      )
      assert.strictEqual(code, 130, stdout)
      assert.deepStrictEqual(log, [
        "up",
        "program's Scope",
        "early",
        "late",
        "report: SIGINT",
        "late: stuck Late",
        "all Scopes"
      ])
      assert.isBelow(performance.now() - begun, 30_000)
    }))

  it.live("that comes again does so in a program that hangs, too", () =>
    Effect.gen(function*() {
      const { code, log } = yield* ended(
        { then: "hang", children: ["hold"], deadline: 3_600_000 },
        (pid) =>
          Effect.gen(function*() {
            yield* send(pid, "SIGTERM")
            yield* otherPress
            yield* send(pid, "SIGINT")
          })
      )
      assert.strictEqual(code, 143)
      assert.deepStrictEqual(log, ["up", "report: SIGTERM, forced", "late: early NotBegun, late NotBegun, hold 0"])
    }))
})
