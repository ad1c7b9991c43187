import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Runs the leaky tests as a project of their own. */
const run = (env: Record<string, string>) =>
  Effect.callback<{ readonly code: number | null; readonly output: string }>((resume) => {
    const args = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/fixtures/leaky/vitest.config.ts"]
    const child = ChildProcess.spawn(process.execPath, [...args, "--reporter=verbose"], {
      cwd: root,
      env: { PATH: process.env.PATH, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    child.stdout.on("data", (text) => (output += text))
    child.stderr.on("data", (text) => (output += text))
    child.once("close", (code) => resume(Effect.succeed({ code, output })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("the set-up of all tests", () => {
  it.live("passes what leaves nothing behind", () =>
    Effect.gen(function*() {
      const { code, output } = yield* run({})
      assert.strictEqual(code, 0, output)
      assert.include(output, "2 passed")
    }))

  it.live("fails a test that leaves something behind, and that test only", () =>
    Effect.gen(function*() {
      const { code, output } = yield* run({ LEAK_TEST: "1", LEAK_TIMEOUT: "500" })
      assert.strictEqual(code, 1)
      assert.match(output, /1 failed \| 1 passed/)
      assert.include(output, "handle: Timeout")
    }))

  it.live("fails a file that leaves something behind", () =>
    Effect.gen(function*() {
      const { code, output } = yield* run({ LEAK_FILE: "1", LEAK_TIMEOUT: "500" })
      assert.strictEqual(code, 1)
      assert.include(output, "handle: Timeout")
    }))
})
