import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { fileURLToPath } from "node:url"
import { allDead, start } from "../support/owned.ts"

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

const source = (name: string) => fileURLToPath(new URL(`../../src/guard/internal/${name}.ts`, import.meta.url))

const program = `
  import * as ProcessTable from "${source("processTable")}"
  import * as Reaper from "${source("reaper")}"
  console.log(JSON.stringify([Reaper.guard(), ProcessTable.isVisible, ProcessTable.isAlive(process.pid)]))`

const node = [process.execPath, "--input-type=module", "-e", program]

/** What a process that was started like this says. */
const told = ([command, ...args]: ReadonlyArray<string>) =>
  JSON.parse(ChildProcess.execFileSync(command!, args, { encoding: "utf8" }))

/** Only root can have namespaces of its own. */
const mayUnshare = ChildProcess.spawnSync("unshare", ["--pid", "--mount", "--fork", "true"]).status === 0

describe("which guard", () => {
  it("with a shell and a process table, the Reaper", () => {
    assert.deepStrictEqual(told(node), ["reaper", true, true])
  })

  if (mayUnshare) {
    it("with the process table of another pid namespace, the watchdog", () => {
      assert.deepStrictEqual(told(["unshare", "--pid", "--fork", ...node]), ["watchdog", false, true])
    })

    it("without a shell, the watchdog", () => {
      const hide = "mount --bind /dev/null $(readlink -f /bin/sh) && exec \"$@\""
      assert.deepStrictEqual(told(["unshare", "--mount", "bash", "-c", hide, "bash", ...node]), [
        "watchdog",
        true,
        true
      ])
    })
  }
})
