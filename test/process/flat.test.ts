/** What ends leaves nothing in memory, in the parent or in the child, however often. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { added, type Census } from "../fixtures/flat/census.ts"
import type { Report } from "../fixtures/flat/program.ts"
import * as Program from "../support/program.ts"
import { rounds } from "../support/spawned.ts"

const program = fileURLToPath(new URL("../fixtures/flat/program.ts", import.meta.url))

const KiB = 1 << 10

const run = (mode: "calls" | "children", many: number) =>
  Effect.gen(function*() {
    const options = ["--expose-gc", "--disable-warning=ExperimentalWarning", program, mode, String(many)]
    const { code, stderr, stdout } = yield* Program.runCommand(process.execPath, options, {
      env: { NODE_OPTIONS: "--disable-warning=ExperimentalWarning" }
    })
    assert.deepStrictEqual([code, stderr], [0, ""])
    return JSON.parse(stdout) as Report
  })

/** `heap`: what code that runs more often takes for itself. */
const flat = (who: string, before: Census, after: Census, heap: number) => {
  assert.deepStrictEqual(added(before, after), [], who)
  assert.isBelow(after.heap - before.heap, heap, `bytes of the heap of the ${who}`)
  assert.isBelow(after.external - before.external, 64 * KiB, `bytes outside of the heap of the ${who}`)
}

describe("memory is flat", () => {
  it.live("after calls and streams that end in every way", () =>
    Effect.gen(function*() {
      const { after, before } = yield* run("calls", rounds(5000, 50_000))
      flat("parent", before.parent, after.parent, 512 * KiB)
      flat("child", before.child!, after.child!, 512 * KiB)
    }), rounds(120_000, 300_000))

  it.live("after children that end in every way", () =>
    Effect.gen(function*() {
      const { after, before } = yield* run("children", rounds(8, 200))
      flat("parent", before.parent, after.parent, rounds(1024, 2048) * KiB)
    }), rounds(120_000, 300_000))
})
