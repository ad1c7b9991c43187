/** Standard streams of children, prefixed by their names: what a program prints in all. */
import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import * as Chatty from "../fixtures/logs/chatty.ts"
import { run } from "../support/program.ts"
import { spawned } from "../support/spawned.ts"

const program = fileURLToPath(new URL("../fixtures/logs/prefixed.ts", import.meta.url))

/** What each has said, by its prefix. */
const byName = (text: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  assert.isTrue(text.endsWith("\n"))
  const said = new Map<string, Array<string>>()
  for (const line of text.slice(0, -1).split("\n")) {
    const name = /^\[(\w+)\] /.exec(line)?.[1] ?? ""
    said.set(name, [...said.get(name) ?? [], line])
  }
  return said
}

const lines = (name: string, stream: string): ReadonlyArray<string> =>
  Array.from({ length: 5000 }, (_, i) => `[${name}] ${name} ${stream} ${i}`)

describe(`stdio: "prefix"`, () => {
  it.live("writes whole lines, to the last one, before the child has ended", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(program)
      assert.strictEqual(code, 0, stderr)
      const out = byName(stdout)
      const err = byName(stderr)
      for (const name of ["a", "b"]) {
        assert.deepStrictEqual(out.get(name), lines(name, "out"))
        assert.deepStrictEqual(err.get(name), lines(name, "err"))
      }
      assert.deepStrictEqual(out.get("unended"), ["[unended] one", "[unended] ", "[unended] no end"])
      const long = err.get("unended")!
      // pieces may cut a character in two, but nothing is lost
      assert.isAbove(long.length, 1)
      assert.approximately(
        long.map((line) => line.slice("[unended] ".length)).join("").length,
        50_000,
        long.length * 2
      )
      assert.deepStrictEqual(out.get("chatter"), ["[chatter] from a service"])
      assert.deepStrictEqual(out.get(""), ["exit code 3, 4096 characters of its last words", "the end"])
      const all = stdout.split("\n")
      assert.isBelow(all.indexOf("[unended] no end"), all.findIndex((line) => line.startsWith("exit code 3")))
      assert.isBelow(all.indexOf("[chatter] from a service"), all.indexOf("the end"))
    }))

  spawned(
    "leaves nothing to read of the handle",
    Effect.gen(function*() {
      const child = yield* Process.start(Chatty.print, { stdout: "", stderr: "", code: 0 }, {
        stdio: { stdout: "prefix" }
      })
      yield* child.join
      const error = yield* Effect.flip(Stream.runDrain(child.stdout))
      assert.strictEqual(error.reason._tag, "InvalidOption")
    })
  )
})
