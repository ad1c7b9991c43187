/** Each program in docs/examples runs as its reader would run it, and prints what it promises. */
import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { inflateSync } from "node:zlib"
import { natively } from "../support/natively.ts"
import { run, start } from "../support/program.ts"
import { pythons } from "../support/pythons.ts"
import { folder, leftBehind } from "../support/spawned.ts"

const examples = fileURLToPath(new URL("../../docs/examples", import.meta.url))

const found = pythons("docs/examples/python.ts")
const canShare = await natively("docs/examples/picture.ts and docs/examples/waves.ts")
const canPass = await natively("docs/examples/upgrade.ts", "descriptors")
const noKoffi = ["the package koffi is not installed: npm install koffi"]

const lineOf = (file: string, text: string): number =>
  readFileSync(join(examples, file), "utf8").split("\n").findIndex((line) => line.includes(text)) + 1

const endsInOrder = (signal: string): ReadonlyArray<string> => [
  "early: by hand",
  "up",
  "the program's own Scope",
  "first: no more work is taken",
  "last: the lock file is removed",
  `${signal}: thinker ended in order`
]

/** Those that write to a folder, their argument. */
const takesFolder = new Set(["picture", "visits"])

/**
 * What is printed, and what is in the folder afterwards; a program's children print in their own
 * time, so that those lines have no place among the others.
 */
const printed: Record<string, (lines: ReadonlyArray<string>, folder: string) => void> = {
  accounts: (lines) =>
    assert.deepStrictEqual(lines, [
      "ann has 30 too little",
      "ann: 70",
      "ann: -50",
      "ledgers: 1",
      "ledgers: 0"
    ]),
  connections: (lines) =>
    assert.deepStrictEqual(lines, [
      "question 1 has 5 words",
      "another key: AuthenticationFailed",
      "0 connections have something to read",
      "1 connection has something to read"
    ]),
  deadlines: (lines) =>
    assert.deepStrictEqual(lines.toSorted(), [
      "child: thorough was interrupted",
      "counted 8 letters",
      "no answer within 200 ms",
      "the evil pattern: None"
    ]),
  errors: (lines) =>
    assert.deepStrictEqual(lines, [
      "declared: 1 divided by zero",
      `a bug: SyntaxError, at divider/live.ts:${lineOf("divider/live.ts", "buggy:")}`,
      "misfit success: Expected an integer",
      "misfit payload: Expected an integer",
      `  at ["dividend"]`,
      "the process died: SIGKILL, exit code -9",
      "and still, 1 / 2 = 0.5",
      "no process: there is no life.ts"
    ]),
  factors: (lines) =>
    assert.deepStrictEqual(lines, [
      "600851475143 = 71 * 839 * 1471 * 6857",
      "112272535095293 = 112272535095293",
      "1099726899285419 = 3306091 * 332636609",
      "100000980001501 = 10000019 * 10000079"
    ]),
  keys: (lines) =>
    assert.deepStrictEqual(lines, [
      "100 apples",
      "100 pears",
      "100 plums",
      "100 cherries",
      "100 quinces",
      "100 medlars",
      "kept by 2 processes"
    ]),
  logs: (lines) => {
    const printed = (line: string) => line.startsWith("[")
    assert.deepStrictEqual(lines.filter(printed), [
      "[first] reading good.csv",
      "[second] reading good.csv",
      "[third] reading broken.csv"
    ])
    assert.deepStrictEqual(lines.filter((line) => !printed(line)), [
      `first, Info: ["imported",{"rows":3}], of good.csv`,
      `second, Debug: ["opened"], of good.csv`,
      `second, Info: ["imported",{"rows":3}], of good.csv`,
      `third, Debug: ["opened"], of broken.csv`,
      `third, Warn: ["a row without an end"], of broken.csv`,
      "and then: ProcessExited"
    ])
  },
  metrics: (lines) =>
    assert.deepStrictEqual(lines, [
      "3 calls of 2 processes",
      "10 words, counted by the children",
      "MainProcess: ready",
      "  app/Words-1: ready",
      "  app/Words-2: ready"
    ]),
  pages: (lines) =>
    assert.deepStrictEqual(lines, [
      "40 answers, 5 pages read",
      "told that the lock was abandoned: 1",
      "locked: false"
    ]),
  passwords: (lines) => {
    const ticks = lines.map((line) => Number(/ticked (\d+) times/.exec(line)?.[1]))
    assert.strictEqual(ticks.length, 2)
    assert.isAbove(ticks[1]!, ticks[0]!)
  },
  picture: (lines, folder) => {
    assert.deepStrictEqual(
      lines,
      canShare ? ["before.png: 19161 specks", "filtered by 4 processes", "after.png: 0 specks"] : noKoffi
    )
    if (!canShare) return
    for (const name of ["before.png", "after.png"]) {
      const png = readFileSync(join(folder, name))
      assert.strictEqual(png.subarray(0, 16).toString("latin1"), "\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
      const data = png.subarray(png.indexOf("IDAT") + 4, png.indexOf("IEND") - 8)
      assert.strictEqual(inflateSync(data).length, (1 + 480 * 3) * 320)
    }
  },
  pipes: (lines) =>
    assert.deepStrictEqual(lines, ["1 of 3", "2 of 3", "3 of 3", "3 words", "the end that went: ConnectionMoved"]),
  process: (lines) => {
    const fromChild = (line: string) => line.startsWith("child:")
    assert.deepStrictEqual(lines.filter(fromChild), ["child: pondering", "child: cleaning up"])
    const [, found, ...others] = lines.filter((line) => !fromChild(line))
    assert.match(found!, /^counter found \d+ words, exit code 0$/)
    assert.deepStrictEqual(others, [
      "/no/such/file cannot be read: ENOENT",
      "words/count-2: exit code 1",
      "after a while: still running",
      "killed: exit code -9, signal SIGKILL"
    ])
  },
  python: (lines) =>
    assert.deepStrictEqual(
      lines,
      found.length === 0 ? ["there is no python3 on this machine: nothing was asked"] : [
        "of 1, 2, 3, 4: mean 2.5, median 2.5",
        "of 1, 2, 3, 4, 10: mean 4, median 3",
        `of nothing: ${lines[2]!.slice("of nothing: ".length)}`,
        "Python has ended, too"
      ]
    ),
  served: (lines) =>
    assert.deepStrictEqual(lines, [
      "600851475143 = 71 * 839 * 1471 * 6857",
      "600851475143 = 71 * 839 * 1471 * 6857",
      "another server: true"
    ]),
  services: (lines) =>
    assert.deepStrictEqual(lines, [
      "in this process: the right password is true, a wrong one false",
      "in a child: the right password is true, a wrong one false",
      "  a child was ended by SIGKILL: again",
      "behind a decorator: the right password is true, a wrong one false"
    ]),
  streams: (lines) => {
    const [recited, took, missing] = lines
    const words = Number(/^child: recited (\d+) words, then had to stop$/.exec(recited!)?.[1])
    assert.isAbove(words, 11)
    assert.isBelow(words, 5000, "the child does not run ahead")
    assert.strictEqual(took, "took: A stream from another which makes no more than is node import")
    assert.strictEqual(missing, "/no/such/file cannot be read: ENOENT")
  },
  traces: (lines) =>
    assert.deepStrictEqual(lines, [
      "to pay: 50",
      "web   spawn orders/Shop",
      "shop    spawn orders/Stock",
      "web   visit",
      "web     orders/Shop/order · client",
      "shop      orders/Shop/order · server",
      "shop        orders/Stock/reserve · client",
      "stock         orders/Stock/reserve · server",
      "stock           SELECT items",
      "shop        orders/Stock/prices · client",
      "stock         orders/Stock/prices · server",
      "shop        add up",
      "web     orders/Shop/order · client · SoldOut",
      "shop      orders/Shop/order · server · SoldOut",
      "shop        orders/Stock/reserve · client · SoldOut",
      "stock         orders/Stock/reserve · server · SoldOut",
      "stock           SELECT items"
    ]),
  termination: (lines) =>
    assert.deepStrictEqual(lines.filter((line) => !line.startsWith("child:")), endsInOrder("no signal")),
  tree: (lines) =>
    assert.deepStrictEqual(lines, [
      "process 1",
      "  process 1.1",
      "    process 1.1.1",
      "    process 1.1.2",
      "  process 1.2"
    ]),
  upgrade: (lines) =>
    assert.deepStrictEqual(
      lines,
      !canPass ? noKoffi : [
        "a long conversation, from version 1",
        "and still from version 1",
        "a new one, from version 2",
        "300 of 300 were answered meanwhile",
        "302 were accepted, by both: true"
      ]
    ),
  visits: (lines) =>
    assert.deepStrictEqual(lines, [
      "read by 4 processes",
      "/ was seen 38462 times",
      "/cats was seen 30770 times",
      "/dogs was seen 15384 times",
      "/cats/tom was seen 15384 times"
    ]),
  waves: (lines) =>
    assert.deepStrictEqual(
      lines,
      !canShare
        ? noKoffi
        : found.length === 0
        ? ["there is no python3 on this machine"]
        : ["100000 numbers of Python's, from -1 to 1", "Python sees the first number: 42.0"]
    )
}

/** tested in census.test.ts */
const demo = "census"

describe("docs/examples", () => {
  it("has no program that is not run", () => {
    const programs = readdirSync(examples).filter((name) => name.endsWith(".ts")).map((name) => basename(name, ".ts"))
    assert.deepStrictEqual(programs.toSorted(), [...Object.keys(printed), demo].toSorted())
  })

  for (const [name, check] of Object.entries(printed)) {
    it.live(`${name}.ts`, () =>
      Effect.gen(function*() {
        const temporary = yield* folder
        const own = yield* folder
        const { code, stderr, stdout } = yield* run(join(examples, `${name}.ts`), takesFolder.has(name) ? [own] : [], {
          env: { TMPDIR: temporary }
        })
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0, stdout)
        check(stdout.trimEnd().split("\n"), own)
        assert.deepStrictEqual(leftBehind(temporary), [])
      }))
  }

  it.live("termination.ts, and SIGTERM", () =>
    Effect.gen(function*() {
      const { end, pid, stdout } = yield* start(process.execPath, [join(examples, "termination.ts"), "wait"])
      yield* waitUntil(() => stdout().includes("up\n"))
      process.kill(pid, "SIGTERM")
      const ended = yield* end
      assert.strictEqual(ended.code, 143, ended.stderr)
      const lines = ended.stdout.trimEnd().split("\n")
      assert.deepStrictEqual(lines.filter((line) => !line.startsWith("child:")), endsInOrder("SIGTERM"))
      assert.include(lines, "child: cleaning up")
    }).pipe(Effect.scoped))
})
