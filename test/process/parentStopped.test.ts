import { assert, describe, it } from "@effect/vitest"
import { freeze, isAliveUnsafe, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { existsSync, statSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Mode, Report } from "../fixtures/stopped/program.ts"
import * as Program from "../support/program.ts"
import { folder, rounds } from "../support/spawned.ts"

const program = fileURLToPath(new URL("../fixtures/stopped/program.ts", import.meta.url))

/** milliseconds that the parent stands still, and that its children have for everything */
const stop = rounds(3500, 5000)
const timeout = stop - 500

const modes: ReadonlyArray<Mode> = ["calls", "starting", "closing", "interrupting"]

/** Stops a program that has got where it should, for longer than any of its deadlines. */
const stopped = (mode: Mode, when: "while it is stopped" | "after that") =>
  Effect.gen(function*() {
    const dir = yield* folder
    const { end, pid } = yield* Program.start(process.execPath, [program, mode, dir, String(timeout)])
    const exists = (file: string) => waitUntil(() => existsSync(`${dir}/${file}`), { what: `${file} (${mode})` })
    const beats = () => statSync(`${dir}/beats`).size
    yield* exists("waits")
    yield* Effect.scoped(Effect.gen(function*() {
      yield* freeze(pid)
      if (when === "while it is stopped") {
        writeFileSync(`${dir}/go`, "")
        if (mode !== "calls") yield* exists("went")
      }
      yield* Effect.sleep(stop)
    }))
    if (when === "after that") {
      // What was due at once has happened.
      const before = beats()
      yield* waitUntil(() => beats() > before + 20 || !isAliveUnsafe(pid), { what: `the heart of ${mode}` })
      writeFileSync(`${dir}/go`, "")
    }
    const { code, stderr, stdout } = yield* end
    assert.strictEqual(stderr, "", mode)
    assert.strictEqual(code, 0, mode)
    if (mode !== "calls") assert.isTrue(existsSync(`${dir}/went`), `${mode}: the child was not killed`)
    const { after, before } = JSON.parse(stdout) as Report
    assert.deepStrictEqual(after, before, mode)
  }).pipe(Effect.scoped)

describe("a parent that is stopped for longer than its deadlines kills nobody", () => {
  for (const when of ["while it is stopped", "after that"] as const) {
    it.live(`when its children get done ${when}`, () =>
      Effect.forEach(modes, (mode) => stopped(mode, when), { concurrency: "unbounded", discard: true }))
  }
})
