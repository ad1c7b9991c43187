/** The benchmarks run, and print rows that a program can read. What they measure is nobody's promise here. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { run } from "../support/program.ts"

const bench = fileURLToPath(new URL("../../bench/index.ts", import.meta.url))

describe("bench", () => {
  it.live("prints one JSON object a row", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(bench, ["start", "calls", "--quick", "--json"])
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
      const rows = stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(rows.map((row) => row.case), ["start", "start", "calls", "calls"])
      for (const row of rows) {
        assert.deepStrictEqual(Object.keys(row), ["case", "name", "unit", "better", "ours", "peers", "floors", "ratio"])
        assert.include(["lower", "higher"], row.better)
        for (const measured of [row.ours, row.ratio, ...Object.values(row.peers), ...Object.values(row.floors)]) {
          assert.isAbove(measured as number, 0)
        }
        assert.isAbove(Object.keys(row.peers).length, 0)
        assert.isAbove(Object.keys(row.floors).length, 0)
      }
    }))

  it.live("knows its cases", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(bench, ["nope"])
      assert.match(stderr, /^There is no case nope\n\nUsage: /)
      assert.strictEqual(stdout, "")
      assert.strictEqual(code, 2)
    }))
})
