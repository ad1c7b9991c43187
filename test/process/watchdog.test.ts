import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { fileURLToPath } from "node:url"
import { allDead, start } from "../support/owned.ts"
import { folder } from "../support/spawned.ts"

describe("the watchdog", () => {
  it.live("ends a busy child, and its group, with its parent", () =>
    Effect.gen(function*() {
      const parent = yield* start("watchdogParent", "busy")
      const { pids } = JSON.parse(yield* parent.line)
      assert.strictEqual(pids.length, 2)
      parent.kill()
      yield* allDead(pids)
    }))

  for (const [how, code] of [["exit", 3], ["return", 0]] as const) {
    it.live(`keeps no child from ending by itself (${how})`, () =>
      Effect.gen(function*() {
        const parent = yield* start("watchdogParent", how)
        yield* parent.line
        assert.deepStrictEqual(JSON.parse(yield* parent.line), { code, signal: null })
        assert.strictEqual(yield* parent.end, 0)
      }))
  }
})

/** A pid namespace of its own that sees the `/proc` of another; only root can have one. */
const unshare = ["unshare", "--pid", "--fork"] as const
const mayUnshare = ChildProcess.spawnSync(unshare[0], [...unshare.slice(1), "true"]).status === 0

describe("which guard", () => {
  it.live(`without a process table of our own it is the watchdog (${mayUnshare ? "tried" : "needs root"})`, () =>
    Effect.gen(function*() {
      const program = `
        import * as ProcessTable from "${
        fileURLToPath(new URL("../../src/process/internal/processTable.ts", import.meta.url))
      }"
        import * as Reaper from "${fileURLToPath(new URL("../../src/process/internal/reaper.ts", import.meta.url))}"
        console.log(JSON.stringify([Reaper.guard(), ProcessTable.isVisible, ProcessTable.isAlive(process.pid)]))`
      const command = mayUnshare ? unshare : []
      const [first, ...args] = [...command, process.execPath, "--input-type=module", "-e", program]
      const env = { ...process.env, TMPDIR: yield* folder }
      const output = ChildProcess.execFileSync(first!, args, { encoding: "utf8", env })
      assert.deepStrictEqual(JSON.parse(output), mayUnshare ? ["watchdog", false, true] : ["reaper", true, true])
    }))
})
