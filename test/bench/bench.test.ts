/** The benchmarks run, and print rows that a program can read. What they measure is nobody's promise here. */
import { assert, describe, it } from "@effect/vitest"
import { descendants, descendantsUnsafe, isAliveUnsafe, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import { run, start } from "../support/program.ts"

const bench = fileURLToPath(new URL("../../bench/index.ts", import.meta.url))

const Positive = Schema.Finite.check(Schema.isGreaterThan(0))

const Row = Schema.Struct({
  case: Schema.String,
  name: Schema.NonEmptyString,
  unit: Schema.NonEmptyString,
  better: Schema.Literals(["lower", "higher"]),
  ours: Positive,
  peers: Schema.Record(Schema.String, Positive),
  floors: Schema.Record(Schema.String, Positive),
  ratio: Positive
})

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Row), { onExcessProperty: "error" })

/** What a Node.js loads first that is to find no koffi. */
const withoutKoffi = `
  import { registerHooks } from "node:module"
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier !== "koffi") return next(specifier, context)
      throw Object.assign(new Error("Cannot find package 'koffi'"), { code: "ERR_MODULE_NOT_FOUND" })
    }
  })`

/** Above 1 we are ahead of every peer. */
const ratioOf = ({ better, ours, peers }: typeof Row.Type): number =>
  Math.min(...Object.values(peers).map((peer) => better === "lower" ? peer / ours : ours / peer))

describe("bench", () => {
  it.live("prints one JSON object a row", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(bench, ["--quick", "--json"])
      assert.strictEqual(code, 0, stderr)
      const rows = stdout.trimEnd().split("\n").map((line) => decode(line))
      assert.deepStrictEqual([...new Set(rows.map((row) => row.case))], [
        "start",
        "calls",
        "streams",
        "bytes",
        "memory",
        "connection",
        "manager",
        "resources",
        "telemetry"
      ])
      assert.strictEqual(new Set(rows.map((row) => `${row.case}: ${row.name}`)).size, rows.length)
      for (const row of rows) {
        assert.isAbove(Object.keys(row.peers).length, 0, row.name)
        assert.approximately(row.ratio, ratioOf(row), row.ratio / 1000, row.name)
      }
      // CPython is there or not; all else is, with `npm ci`
      assert.notMatch(stderr, /^(?!CPython[, ]).+/m)
    }), 180_000)

  it.live("does without who is not installed, and says so", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(bench, ["start", "--quick", "--json"], { env: { PATH: "" } })
      assert.strictEqual(code, 0, stderr)
      assert.match(stderr, /^CPython, spawn is left out: .*ENOENT\n$/)
      assert.deepStrictEqual(stdout.match(/CPython/g), null)
    }))

  it.live("measures what can be done without koffi, and says what cannot", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(bench, ["resources", "--quick", "--json"], {
        env: { PATH: "", NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(withoutKoffi)}` }
      })
      assert.strictEqual(code, 0, stderr)
      assert.deepStrictEqual(stderr.split("\n").toSorted(), [
        "",
        "CPython is left out: Error: spawn python3 ENOENT",
        "CPython, send_handle is left out: Error: spawn python3 ENOENT",
        "Passing sockets is left out: the package koffi is not installed: npm install koffi",
        "Shared memory is left out: the package koffi is not installed: npm install koffi"
      ])
      const rows = stdout.trimEnd().split("\n").map((line) => decode(line))
      assert.deepStrictEqual(rows.map(({ name, peers }) => [name, Object.keys(peers)]), [
        ["1 MiB by wire", ["child_process"]]
      ])
    }))

  for (const args of [["calls"], ["resources", "--quick"]]) {
    it.live(`leaves nothing behind when it is interrupted: ${args.join(" ")}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { end, pid } = yield* start(process.execPath, [bench, ...args])
        yield* waitUntil(() => descendantsUnsafe(pid).length > 6)
        const family = yield* descendants(pid)
        process.kill(pid, "SIGINT")
        assert.strictEqual((yield* end).code, 130)
        yield* waitUntil(() => !family.some(isAliveUnsafe))
      })))
  }

  it.live("knows its cases", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(bench, ["nope"])
      assert.match(stderr, /^There is no case nope\n\nUsage: /)
      assert.strictEqual(stdout, "")
      assert.strictEqual(code, 2)
    }))
})
