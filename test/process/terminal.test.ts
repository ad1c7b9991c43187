/** Programs in a real terminal: Ctrl-C, Ctrl-Z, jobs of a shell, children that read what is typed, and its end. */
import { assert, describe, it } from "@effect/vitest"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Kind, Plan } from "../fixtures/process/ending.ts"
import { pythons } from "../support/pythons.ts"
import { folder, leftBehind, rounds } from "../support/spawned.ts"
import * as Terminal from "../support/terminal.ts"

const program = fileURLToPath(new URL("../fixtures/process/ending.ts", import.meta.url))

const python = pythons("test/process/terminal.test.ts").at(-1)?.path

/** A program in a terminal, alone or as a job of a shell. */
const opened = Effect.fnUntraced(function*(plan: Omit<Plan, "folder">, shell?: (command: string) => string) {
  const dir = yield* folder
  const temporary = yield* folder
  const words = [process.execPath, program, JSON.stringify({ folder: dir, ...plan } satisfies Plan)]
  const terminal = yield* Terminal.open(
    python!,
    shell === undefined ? words : ["bash", "--norc", "--noprofile", "-i"],
    { TMPDIR: temporary, PS1: "$ ", HISTFILE: "" }
  )
  const before = yield* terminal.settings
  if (shell !== undefined) {
    yield* terminal.shows("$ ")
    yield* terminal.type(`${shell(words.map((word) => `'${word}'`).join(" "))}\r`)
  }
  yield* Testing.waitUntil(() => existsSync(`${dir}/up`), { what: terminal.screen() })
  return {
    ...terminal,
    before,
    dir,
    pid: Number(readFileSync(`${dir}/up`, "utf8")),
    log: () => readFileSync(`${dir}/log`, "utf8").trimEnd().split("\n"),
    exits: () => readFileSync(`${dir}/exits`, "utf8"),
    nothingIsLeft: Effect.suspend(() => {
      const pids = JSON.parse(readFileSync(`${dir}/pids`, "utf8")) as ReadonlyArray<number>
      return Testing.waitUntil(() => !pids.some(Testing.isAliveUnsafe) && leftBehind(temporary).length === 0)
    })
  }
})

const stateOf = (pid: number): string => /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))![1]!

const ended = (signal: string, ...more: ReadonlyArray<string>) => [
  "up",
  "program's Scope",
  "early",
  "late",
  `report: ${signal}`,
  ...more,
  "all Scopes"
]

describe.skipIf(python === undefined)("one Ctrl-C", () => {
  const cases: ReadonlyArray<readonly [name: string, children: ReadonlyArray<Kind>]> = [
    ["idle children", ["hold", "hold"]],
    ["busy children", ["spin", "spin"]],
    ["children that ignore SIGTERM, idle and busy", ["deaf", "busyDeaf"]]
  ]
  for (const [name, children] of cases) {
    it.live(`ends ${name}, and the program with 130`, () =>
      Effect.gen(function*() {
        for (let round = 0; round < rounds(3, 20); round++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const begun = performance.now()
            const { before, exitCode, log, nothingIsLeft, screen, settings, type } = yield* opened({
              children,
              ...(!children.includes("hold") && { options: { closeTimeout: "200 millis", killTimeout: "100 millis" } })
            })
            yield* type(Terminal.ctrlC)
            assert.strictEqual(yield* exitCode, 130, screen())
            const late = children.flatMap((kind, i) => kind === "hold" ? [] : [`${kind} ${i}`])
            assert.deepStrictEqual(log(), ended("SIGINT", ...(late.length === 0 ? [] : [`late: ${late.join(", ")}`])))
            assert.strictEqual(yield* settings, before)
            yield* nothingIsLeft
            assert.isBelow(performance.now() - begun, 30_000)
          }))
        }
      }), { timeout: 600_000 })
  }

  it.live("is for the program alone, also where children are in its group", () =>
    Effect.gen(function*() {
      const { dir, exitCode, exits, log, nothingIsLeft, type } = yield* opened({
        children: ["hold", "hold"],
        options: { group: false }
      })
      yield* type(Terminal.ctrlC)
      assert.strictEqual(yield* exitCode, 130)
      assert.deepStrictEqual(log(), ended("SIGINT"), exits())
      for (const i of [0, 1]) assert.isTrue(existsSync(`${dir}/released.${i}`), "its finalizers ran")
      yield* nothingIsLeft
    }).pipe(Effect.scoped))
})

describe.skipIf(python === undefined)("a terminal", () => {
  for (const group of [true, false]) {
    it.live(`is read by a child that inherits it (group: ${group})`, () =>
      Effect.gen(function*() {
        const { before, dir, exitCode, log, nothingIsLeft, settings, type } = yield* opened({
          children: ["ask"],
          then: "succeed",
          options: { daemon: false, group, stdio: { stdin: "inherit" } }
        })
        assert.isTrue(existsSync(`${dir}/ready.0`))
        yield* type("an answer\r")
        assert.strictEqual(yield* exitCode, 0)
        assert.deepStrictEqual(log(), ended("no signal"))
        assert.strictEqual(yield* settings, before)
        yield* nothingIsLeft
      }).pipe(Effect.scoped))

    for (const kind of ["raw", "rawDeaf"] as const) {
      it.live(`that was made raw is restored when the program ends (group: ${group}, ${kind})`, () =>
        Effect.gen(function*() {
          const { before, exitCode, nothingIsLeft, pid, settings } = yield* opened({
            children: [kind],
            options: { group, stdio: { stdin: "inherit" }, closeTimeout: "100 millis", killTimeout: "100 millis" }
          })
          assert.notStrictEqual(yield* settings, before)
          process.kill(pid, "SIGTERM")
          assert.strictEqual(yield* exitCode, 143)
          assert.strictEqual(yield* settings, before)
          yield* nothingIsLeft
        }).pipe(Effect.scoped))
    }

    it.live(`that was made raw is restored when only the child is killed (group: ${group})`, () =>
      Effect.gen(function*() {
        const { before, dir, exitCode, nothingIsLeft, settings, type } = yield* opened({
          children: ["raw"],
          options: { group, stdio: { stdin: "inherit" } }
        })
        const [child] = JSON.parse(readFileSync(`${dir}/pids`, "utf8")) as ReadonlyArray<number>
        assert.notStrictEqual(yield* settings, before)
        process.kill(child!, "SIGKILL")
        yield* Testing.waitUntil(Effect.map(settings, (now) => now === before))
        yield* type(Terminal.ctrlC)
        assert.strictEqual(yield* exitCode, 130)
        yield* nothingIsLeft
      }).pipe(Effect.scoped))
  }

  for (const group of [true, false]) {
    it.live(`that is closed ends a program that prints there in order, and its children (group: ${group})`, () =>
      Effect.gen(function*() {
        const { dir, exitCode, hangUp, log, nothingIsLeft } = yield* opened({
          children: ["hold", "chatter"],
          options: { group },
          prints: true
        })
        yield* hangUp
        assert.strictEqual(yield* exitCode, 129)
        assert.deepStrictEqual(log(), ended("SIGHUP"))
        for (const i of [0, 1]) assert.isTrue(existsSync(`${dir}/released.${i}`), readFileSync(`${dir}/exits`, "utf8"))
        yield* nothingIsLeft
      }).pipe(Effect.scoped))
  }
})

describe.skipIf(python === undefined || process.platform !== "linux")("a job of a shell", () => {
  const finished = (terminal: Terminal.Terminal) =>
    Effect.gen(function*() {
      yield* terminal.type("echo code=$?.\r")
      yield* terminal.shows(/code=\d+\./)
      yield* terminal.type("exit\r")
      yield* terminal.exitCode
      return Number(/code=(\d+)\./.exec(terminal.screen())![1])
    })

  it.live("in the background is fetched, and ended by Ctrl-C", () =>
    Effect.gen(function*() {
      const terminal = yield* opened({ children: ["hold"] }, (command) => `${command} &`)
      yield* terminal.type("fg\r")
      yield* Testing.waitUntil(() => isInForeground(terminal.pid))
      yield* terminal.type(Terminal.ctrlC)
      yield* terminal.nothingIsLeft
      assert.strictEqual(yield* finished(terminal), 130)
      assert.deepStrictEqual(terminal.log(), ended("SIGINT"))
    }).pipe(Effect.scoped))

  it.live("is stopped by Ctrl-Z, goes on in the background, and is ended by Ctrl-C when it is fetched", () =>
    Effect.gen(function*() {
      const terminal = yield* opened({ children: ["hold", "hold"] }, (command) => command)
      yield* terminal.type(Terminal.ctrlZ)
      yield* Testing.waitUntil(() => stateOf(terminal.pid) === "T")
      yield* terminal.shows("Stopped")
      yield* terminal.type("bg\r")
      yield* Testing.waitUntil(() => stateOf(terminal.pid) !== "T")
      yield* terminal.type("fg\r")
      yield* Testing.waitUntil(() => isInForeground(terminal.pid))
      yield* terminal.type(Terminal.ctrlC)
      yield* terminal.nothingIsLeft
      assert.strictEqual(yield* finished(terminal), 130)
      assert.deepStrictEqual(terminal.log(), ended("SIGINT"))
    }).pipe(Effect.scoped))

  it.live("in the background ends in order when the terminal is closed", () =>
    Effect.gen(function*() {
      const terminal = yield* opened({ children: ["hold"] }, (command) => `${command} &`)
      yield* terminal.hangUp
      yield* Testing.waitUntil(() => !Testing.isAliveUnsafe(terminal.pid))
      yield* terminal.nothingIsLeft
      assert.deepStrictEqual(terminal.log(), ended("SIGHUP"))
      assert.isTrue(existsSync(`${terminal.dir}/released.0`))
    }).pipe(Effect.scoped))

  it.live("whose child is killed in the background leaves the terminal alone", () =>
    Effect.gen(function*() {
      const terminal = yield* opened(
        { children: ["hold"], options: { stdio: { stdin: "inherit" } } },
        (command) => `${command} &`
      )
      const [child] = JSON.parse(readFileSync(`${terminal.dir}/pids`, "utf8")) as ReadonlyArray<number>
      process.kill(child!, "SIGKILL")
      yield* Testing.waitUntil(() => !existsSync(`/proc/${child}`))
      // Had it touched the terminal, the system would have stopped it, and it would not hear this.
      process.kill(terminal.pid, "SIGTERM")
      yield* terminal.type("wait %1; echo code=$?.\r")
      yield* terminal.shows("code=143.")
      yield* terminal.nothingIsLeft
      yield* terminal.type("exit\r")
      yield* terminal.exitCode
    }).pipe(Effect.scoped))

  const isInForeground = (pid: number): boolean => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ")
    return fields[2] === fields[5]
  }
})
