import { assert, describe, it } from "@effect/vitest"
import * as ChildExit from "../../src/process/internal/exit.ts"

const verdict = (facts: Partial<Parameters<typeof ChildExit.describe>[0]>) =>
  ChildExit.describe({
    name: "child",
    pid: 4711,
    code: null,
    signal: null,
    stderr: undefined,
    oomKills: { before: undefined, after: undefined },
    detail: undefined,
    ...facts
  }).outOfMemory

describe("whether memory ran out", () => {
  const told = (before: number, after: number) => ({ oomKills: { before, after } })

  it("SIGKILL: what the control group counts decides, and is unknown where it counts nothing", () => {
    assert.strictEqual(verdict({ signal: "SIGKILL", ...told(3, 4) }), "cgroup")
    assert.strictEqual(verdict({ signal: "SIGKILL", ...told(3, 3) }), "no")
    assert.strictEqual(verdict({ signal: "SIGKILL" }), "unknown")
  })

  it("SIGABRT: V8's last words decide, and are unknown where nobody listened", () => {
    const stderr = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
    assert.strictEqual(verdict({ signal: "SIGABRT", stderr }), "heap")
    assert.strictEqual(verdict({ signal: "SIGABRT", stderr: "Assertion failed" }), "no")
    assert.strictEqual(verdict({ signal: "SIGABRT" }), "unknown")
  })

  it("an exit, or our own signal, says that it did not", () => {
    assert.strictEqual(verdict({ code: 3, ...told(3, 4) }), "no")
    assert.strictEqual(verdict({ signal: "SIGKILL", detail: "it did not become ready" }), "no")
  })
})
