import { assert, describe, it } from "@effect/vitest"
import { freeze, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Mode } from "../fixtures/flood/program.ts"
import * as Program from "../support/program.ts"
import { folder, rounds } from "../support/spawned.ts"

const program = fileURLToPath(new URL("../fixtures/flood/program.ts", import.meta.url))

const mebibytes = rounds(128, 1024)

/** MiB */
const memoryOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) / 1024

/** Memory may grow for as long as anything happens: the most that there was, once nothing does any more. */
const settled = (pid: number) =>
  Effect.gen(function*() {
    let most = memoryOf(pid)
    let last = most
    let same = 0
    yield* waitUntil(() => {
      const now = memoryOf(pid)
      same = Math.abs(now - last) < 0.5 ? same + 1 : 0
      most = Math.max(most, now)
      last = now
      return same > 10
    }, { interval: 20, what: `memory of ${pid}` })
    return most
  })

/** Stops one of the two while the other sends: it holds no more for that, and all arrives in the end. */
const stopped = (mode: Mode, who: "child" | "parent") =>
  it.live(`${mode} for a stopped ${who}`, () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const parent = yield* Program.start(process.execPath, ["--expose-gc", program, mode, dir, String(mebibytes)])
      const exists = (file: string) => waitUntil(() => existsSync(`${dir}/${file}`), { what: file })
      yield* exists("warm")
      const child = Number(readFileSync(`${dir}/warm`, "latin1"))
      const [sleeper, sender] = who === "child" ? [child, parent.pid] : [parent.pid, child]
      const before = yield* settled(sender)
      const during = yield* Effect.scoped(Effect.gen(function*() {
        if (who === "child") yield* freeze(sleeper)
        writeFileSync(`${dir}/go`, "")
        if (who === "parent") {
          yield* exists("flows")
          yield* freeze(sleeper)
        }
        return yield* settled(sender)
      }))
      const { code, stderr, stdout } = yield* parent.end
      assert.deepStrictEqual({ code, stderr, stdout }, { code: 0, stderr: "", stdout: String(mebibytes << 20) })
      assert.isBelow(during - before, 32, "MiB")
    }).pipe(Effect.scoped), rounds(60_000, 300_000))

describe("a sender holds no more than its budget", () => {
  stopped("payloads", "child")
  stopped("results", "parent")
  stopped("elements", "parent")
})
