/** The command, as a user runs it: piped, and in a terminal. */
import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { hold, nest } from "../fixtures/process/work.ts"
import * as Program from "../support/program.ts"
import { fixture, pythons, talk } from "../support/pythons.ts"
import { folder, spawned } from "../support/spawned.ts"

const bin = fileURLToPath(new URL("../../dist/top/main.js", import.meta.url))

const top = (...args: ReadonlyArray<string>) => Program.run(bin, ["top", ...args])

/** This process, in which one, in which one. */
const nested = Effect.gen(function*() {
  const dir = yield* folder
  const child = yield* Process.start(nest, { generations: 1, folder: dir, busy: false })
  yield* Testing.waitUntil(() => existsSync(`${dir}/leaf`))
  // What answers questions is loaded with the first one: from now on they answer at once.
  yield* Process.treeWith({ timeout: "20 seconds" })
  return child
})

/** Another program, that has a child which has a child. */
const program = Effect.gen(function*() {
  const dir = yield* folder
  const file = fileURLToPath(new URL("../fixtures/process/parent.ts", import.meta.url))
  const { pid } = yield* Program.start(process.execPath, [file, "nested", dir, "1", "reaper"])
  yield* Testing.waitUntil(() => existsSync(`${dir}/up`))
  return pid
})

const generations = (tree: Process.Tree): ReadonlyArray<Process.Tree> => [tree, ...tree.children.flatMap(generations)]

const look = (...args: ReadonlyArray<string>): Effect.Effect<Process.Tree> =>
  Effect.map(top("--json", ...args), ({ code, stderr, stdout }) => {
    assert.deepStrictEqual([code, stderr], [0, ""])
    return JSON.parse(stdout)[0]
  })

describe("top, piped", () => {
  spawned(
    "prints one snapshot as JSON: the program's own",
    Effect.gen(function*() {
      yield* nested
      const facts = (tree: Process.Tree) =>
        generations(tree).map((
          { callsInFlight, name, pid, state, stopped }
        ) => [pid, name, state, stopped, callsInFlight])
      assert.deepStrictEqual(facts(yield* look(String(process.pid))), facts(yield* Process.tree))
      const all: ReadonlyArray<Process.Tree> = JSON.parse((yield* top("--json")).stdout)
      assert.strictEqual(all.filter(({ pid }) => pid === process.pid).length, 1)
    })
  )

  spawned(
    "prints one snapshot as a table, of what is below a process",
    Effect.gen(function*() {
      const { pid } = yield* nested
      for (const args of [["--once"], []]) {
        const { code, stderr, stdout } = yield* top(String(pid), ...args)
        assert.deepStrictEqual([code, stderr], [0, ""])
        const [header, child, leaf, ...rest] = stdout.split("\n")
        assert.match(header!, /^ +PID STATE +CALLS +CPU% +TIME +RSS +PRIVATE +AGE +NAME$/)
        assert.match(
          child!,
          new RegExp(`^ *${pid} ready +1 +[\\d.]+ +0:\\d\\d +[\\d.]+ +[\\d.]+ +[\\d:]+ +test/nest-\\d+$`)
        )
        assert.match(leaf!, /ready +1 .* {2}`- test\/nest-\d+:1$/)
        assert.deepStrictEqual(rest, [""])
        assert.notInclude(stdout, "\u001b")
      }
    })
  )

  spawned(
    "lets no name speak to the terminal",
    Effect.gen(function*() {
      const dir = yield* folder
      const name = "red\u001b[31m\u202e\u2028\nline"
      const child = yield* Process.start(hold, { ready: `${dir}/ready`, released: `${dir}/released` }, { name })
      const { stdout } = yield* top(String(child.pid), "--once")
      assert.match(stdout.split("\n")[1]!, / {2}red\?\[31m\?\?\?line$/)
      assert.strictEqual((yield* look(String(child.pid))).name, name)
    })
  )

  spawned(
    "knows of a program that is stopped what the system knows",
    Effect.gen(function*() {
      const pid = yield* program
      yield* Testing.freeze(pid)
      const tree = yield* look(String(pid))
      assert.deepStrictEqual(
        generations(tree).map(({ state, stopped }) => [state, stopped]),
        [["unresponsive", true], ["unknown", false], ["unknown", false], ["unknown", false]]
      )
      assert.match(tree.children[0]!.name, /^test\/nest/)
    })
  )

  spawned(
    "many can look at once",
    Effect.gen(function*() {
      yield* nested
      const trees = yield* Effect.all(Array.from({ length: 5 }, () => look(String(process.pid))), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(trees.map((tree) => generations(tree).length), [3, 3, 3, 3, 3])
    })
  )

  it.live("says what is wrong, and fails", () =>
    Effect.gen(function*() {
      const stranger = yield* top("1")
      assert.strictEqual(stranger.code, 1)
      assert.match(stranger.stderr, /1 is no process of a program of yours/)
      for (const args of [["--interval", "0"], ["--interval", "x"], ["nobody"], ["--wrong"]]) {
        const { code, stderr } = yield* top(...args)
        assert.deepStrictEqual([code, stderr.includes("ERROR")], [1, true], args.join(" "))
      }
    }))

  it.live("says what to install where the platform is missing", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      mkdirSync(`${dir}/top`)
      writeFileSync(`${dir}/package.json`, `{ "type": "module" }`)
      cpSync(bin, `${dir}/top/main.js`)
      const { code, stderr, stdout } = yield* Program.run(`${dir}/top/main.js`, ["top"])
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.strictEqual(
        stderr,
        "effect-multiprocessing needs @effect/platform-node for its command: npm install @effect/platform-node\n"
      )
    }).pipe(Effect.scoped))
})

const [python] = pythons("top in a terminal")

interface Shown {
  readonly shown: string
  readonly raw: boolean
}

interface Ended extends Shown {
  readonly status: number
  readonly restored: boolean
}

/** `top` in a terminal of 24 lines of 100 characters. */
const inTerminal = (...args: ReadonlyArray<string>) =>
  Effect.map(talk(python!.path, [fixture("terminal.py"), process.execPath, bin, "top", ...args]), ({ line, tell }) => {
    const ask = <A>(question: unknown): Effect.Effect<A> =>
      Effect.andThen(
        Effect.sync(() => tell(JSON.stringify(question))),
        Effect.map(line, (answer) => JSON.parse(answer))
      )
    return {
      until: (shown: (text: string) => boolean) =>
        Testing.waitUntil(Effect.map(ask<Shown>({}), (now) => now.raw && shown(now.shown)), { what: "the screen" }),
      send: (what: { readonly keys: string } | { readonly signal: number }) => ask<Shown>(what),
      end: ask<Ended>({ end: true })
    }
  })

const enter = "\u001b[?1049h\u001b[?25l"
const leave = "\u001b[?25h\u001b[?1049l"

/** What is on the screen last. */
const lastScreen = (shown: string): string => shown.slice(shown.lastIndexOf("\u001b[H"))

describe.skipIf(python === undefined)("top, in a terminal", () => {
  const leaving = {
    "q": [{ keys: "q" }, 0],
    "Ctrl-C": [{ keys: "\u0003" }, 0],
    "SIGTERM": [{ signal: 15 }, 130],
    "SIGINT": [{ signal: 2 }, 130]
  } as const
  for (const [name, [how, status]] of Object.entries(leaving)) {
    spawned(
      `shows what is there until ${name}, and leaves the terminal as it was`,
      Effect.gen(function*() {
        yield* nested
        const terminal = yield* inTerminal(String(process.pid), "--interval", "0.1")
        yield* terminal.until((shown) => shown.split("\u001b[H").length > 4)
        yield* terminal.send({ keys: "x" })
        yield* terminal.send(how)
        const ended = yield* terminal.end
        assert.deepStrictEqual([ended.status, ended.restored], [status, true])
        assert.isTrue(ended.shown.startsWith(enter))
        assert.include(ended.shown, leave)
        assert.notInclude(ended.shown.slice(ended.shown.lastIndexOf(leave) + leave.length), "\u001b[")
        const screen = lastScreen(ended.shown)
        assert.include(screen, "1 program, 3 processes")
        assert.match(screen, /`- test\/nest-\d+:1/)
      })
    )
  }

  spawned(
    "ends with the program that it watches, and shows what comes and goes meanwhile",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pid = yield* Scope.provide(program, scope)
      const terminal = yield* inTerminal(String(pid), "-d", "0.1")
      yield* terminal.until((shown) => lastScreen(shown).includes("4 processes"))
      const leaf = generations(yield* look(String(pid)))[3]!
      yield* Testing.kill(leaf.pid)
      yield* terminal.until((shown) => lastScreen(shown).includes("3 processes"))
      yield* Scope.close(scope, Exit.void)
      const ended = yield* terminal.end
      assert.deepStrictEqual([ended.status, ended.restored], [0, true])
      assert.isTrue(ended.shown.endsWith(`${leave}${pid} has ended\r\n`), JSON.stringify(ended.shown.slice(-80)))
    }) satisfies Effect.Effect<void, unknown, Spawner | Scope.Scope>
  )

  spawned(
    "fits into its window",
    Effect.gen(function*() {
      yield* Effect.forEach(Array.from({ length: 6 }), () => nested, { concurrency: 2 })
      const other = yield* Effect.forEach(Array.from({ length: 5 }), () => nested, { concurrency: 2 })
      assert.lengthOf(other, 5)
      const terminal = yield* inTerminal(String(process.pid), "--interval", "0.1")
      yield* terminal.until((shown) => lastScreen(shown).includes("23 processes"))
      yield* terminal.send({ keys: "q" })
      const lines = lastScreen((yield* terminal.end).shown).split(leave)[0]!.split("\r\n")
      assert.lengthOf(lines, 24)
      assert.match(lines.at(-1)!, /^\.\.\. and 3 more/)
      for (const line of lines) assert.isAtMost(line.replaceAll(/\p{Cc}\[\w/gu, "").length, 100)
    })
  )
})
