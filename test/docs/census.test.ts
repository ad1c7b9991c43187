/** The demo: equal results whatever happens to it, a clear message for every misuse, and nothing left behind. */
import { assert, describe, it } from "@effect/vitest"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { execFileSync } from "node:child_process"
import { accessSync, chmodSync, constants, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Census, NotText, Unreadable } from "../../docs/examples/census/contract.ts"
import CensusLive from "../../docs/examples/census/live.ts"
import * as Report from "../../docs/examples/census/report.ts"
import { run, start } from "../support/program.ts"
import { folder, leftBehind } from "../support/spawned.ts"

const demo = fileURLToPath(new URL("../../docs/examples/census.ts", import.meta.url))
const sources = fileURLToPath(new URL("../../src", import.meta.url))

const census = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const temporary = yield* folder
    const ended = yield* run(demo, args, { env: { TMPDIR: temporary } })
    assert.deepStrictEqual(leftBehind(temporary), [])
    return ended
  }).pipe(Effect.scoped)

const censusAsJson = (...args: ReadonlyArray<string>) =>
  Effect.map(census("--json", ...args), ({ code, stderr, stdout }) => {
    assert.strictEqual(stderr, "")
    assert.strictEqual(code, 0)
    return JSON.parse(stdout)
  })

/** What depends on the files alone. */
const counted = (report: Record<string, unknown>) =>
  Object.fromEntries(
    ["files", "skipped", "lines", "words", "identifiers", "distinct", "mostFrequent", "sha256"].map((key) => [
      key,
      report[key]
    ])
  )

const canRead = (path: string): boolean => {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

describe("census", () => {
  it.live("counts the same with a process killed half-way", () =>
    Effect.gen(function*() {
      const calm = yield* censusAsJson(sources)
      assert.isTrue(calm.equal)
      assert.isFalse(calm.chaos)
      assert.strictEqual(calm.retries, 0)
      assert.isAbove(calm.files, 20)
      assert.isAbove(calm.seconds, 0)
      assert.isAbove(calm.speedup, 0)
      const wild = yield* censusAsJson(sources, "--chaos")
      assert.isTrue(wild.equal)
      assert.isTrue(wild.chaos)
      assert.deepStrictEqual(counted(wild), counted(calm))
    }))

  it.live("counts the sources of effect when nothing else is asked for, in plain lines", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* census()
      assert.strictEqual(stderr, "", "no progress bar where there is no terminal")
      assert.strictEqual(code, 0)
      assert.match(stdout, /^A census of \d+ files\n\nin this process +[\d.]+ s, [\d.]+ s of it work\nin \d+ process/)
      assert.match(
        stdout,
        /effect\/src\n[\d,]+ files\n[\d,]+ lines, [\d,]+ words\n[\d,]+ identifiers, .*: Effect [\d,]+, /
      )
      assert.match(stdout, /\nBoth counts are equal\.\n$/)
    }))

  it.live("counts files right, and copes with those that are no text, cannot be read or are no files", () =>
    Effect.gen(function*() {
      const directory = yield* folder
      const write = (name: string, content: string | Uint8Array) => writeFileSync(join(directory, name), content)
      write("empty.ts", "")
      write("one.ts", `// not_counted\nconst one = one + "not_counted" // a comment`)
      write("names.ts", "constructor __proto__ $dollar größe constructor 3px `not_counted`\n")
      write("binary", new Uint8Array([1, 0, 2]))
      write("invalid.txt", new Uint8Array([0xff, 0xfe, 0x61]))
      write("secret.ts", "")
      chmodSync(join(directory, "secret.ts"), 0)
      mkdirSync(join(directory, "below", "further"), { recursive: true })
      write("below/further/more.ts", "more\n")
      symlinkSync("..", join(directory, "below", "loop"))
      symlinkSync("itself", join(directory, "itself"))
      symlinkSync("nowhere", join(directory, "dangling"))
      symlinkSync("one.ts", join(directory, "link.ts"))
      execFileSync("mkfifo", [join(directory, "fifo")])

      const report = yield* censusAsJson(directory)
      assert.isTrue(report.equal)
      const readsSecrets = canRead(join(directory, "secret.ts"))
      assert.strictEqual(report.files, readsSecrets ? 6 : 5)
      assert.strictEqual(report.skipped, readsSecrets ? 1 : 2)
      assert.strictEqual(report.lines, 5)
      assert.deepStrictEqual(report.mostFrequent, [
        ["constructor", 2],
        ["one", 2],
        ["$dollar", 1],
        ["__proto__", 1],
        ["a", 1],
        ["größe", 1],
        ["more", 1]
      ])
      assert.strictEqual(report.identifiers, 9)
    }))

  it.live("a file that cannot be surveyed is a typed answer, here and in a child", () =>
    Effect.gen(function*() {
      const directory = yield* folder
      writeFileSync(join(directory, "binary"), new Uint8Array(9))
      const program = Effect.gen(function*() {
        const { survey } = yield* Census
        const binary = yield* Effect.flip(survey({ path: join(directory, "binary") }))
        const missing = yield* Effect.flip(survey({ path: join(directory, "missing") }))
        return { binary, missing }
      })
      const InAChild = ProcessLayer.make({
        module: new URL("../../docs/examples/census/live.ts", import.meta.url),
        services: [Census]
      }).pipe(Layer.provide(ProcessLayer.spawn))
      const here = yield* Effect.provide(program, CensusLive)
      assert.deepStrictEqual(here.binary, new NotText({ path: join(directory, "binary") }))
      assert.instanceOf(here.missing, Unreadable)
      assert.deepStrictEqual(yield* Effect.provide(program, InAChild), here)
    }))

  const misuses = [
    { args: ["/no/such/directory"], message: /^\/no\/such\/directory does not exist\n$/ },
    { args: [demo], message: /census\.ts is not a directory\n$/ },
    { args: ["--frobnicate"], message: /^Unknown option '--frobnicate'[^]*\nUsage: / },
    { args: ["a", "b"], message: /^One directory is enough\n\nUsage: / }
  ]
  for (const { args, message } of misuses) {
    it.live(`refuses ${args.join(" ").replace(demo, "a file")} with one message and exit code 2`, () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* census(...args)
        assert.match(stderr, message)
        assert.strictEqual(stdout, "")
        assert.strictEqual(code, 2)
      }))
  }

  it.live("refuses a directory without files", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* census(yield* folder)
      assert.match(stderr, /^There are no files in /)
      assert.strictEqual(code, 2)
    }))

  it.live("explains itself", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* census("--help")
      assert.match(stdout, /^Usage: npm run demo/)
      assert.strictEqual(code, 0)
    }))

  it.live("Ctrl-C while the processes work leaves nothing", () =>
    Effect.gen(function*() {
      const temporary = yield* folder
      const program = yield* start(process.execPath, [demo], { env: { TMPDIR: temporary } })
      const started = yield* Testing.waitUntil(() => Testing.descendantsUnsafe(program.pid).length >= 2, {
        what: "children of the demo"
      }).pipe(Effect.map(() => Testing.descendantsUnsafe(program.pid)))
      yield* Testing.kill(program.pid, "SIGINT")
      const { code } = yield* program.end
      assert.strictEqual(code, 130)
      yield* Testing.waitUntil(() => !started.some(Testing.isAliveUnsafe), { what: "the children's end" })
      assert.deepStrictEqual(leftBehind(temporary), [])
    }))

  it.live("draws a progress bar on a terminal, and takes it away", () =>
    Effect.gen(function*() {
      const { isTTY, write } = process.stderr
      let drawn = ""
      process.stderr.isTTY = true
      process.stderr.write = (text: string | Uint8Array) => {
        drawn += String(text)
        return true
      }
      try {
        const progress = Report.progress("counting", 80)
        for (const done of [1, 2, 40, 80]) yield* progress(done)
      } finally {
        process.stderr.isTTY = isTTY
        process.stderr.write = write
      }
      const frames = drawn.split("\r").slice(1)
      assert.strictEqual(frames.length, 4)
      assert.include(frames[2]!, `${"█".repeat(20)}${"░".repeat(20)} 40/80`)
      assert.strictEqual(frames[3], "\x1b[K")
    }))
})
