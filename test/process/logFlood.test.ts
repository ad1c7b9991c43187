/** A child that logs without end, and a parent that does not keep up with it. */
import { assert, describe, it } from "@effect/vitest"
import { freeze, isAliveUnsafe, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { talk } from "../support/pythons.ts"

const program = fileURLToPath(new URL("../fixtures/logs/flooded.ts", import.meta.url))

const memoryOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) / 1024

/** ticks of the processor that it has used */
const workOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ")
  return Number(fields[11]) + Number(fields[12])
}

/** It neither works nor grows. */
const standsStill = (pid: number) =>
  Effect.suspend(() => {
    let last = -1
    let same = 0
    return waitUntil(() => {
      const now = workOf(pid)
      same = now === last ? same + 1 : 0
      last = now
      return same > 10
    }, { interval: 20, what: `${pid} to stand still` })
  })

describe("a child that logs without end", () => {
  it.live("waits for a parent that is stopped, goes on with it, and ends with it", () =>
    Effect.gen(function*() {
      const parent = yield* talk(process.execPath, [program])
      const child = Number(yield* parent.line)
      const told = Effect.suspend(() => {
        parent.tell("tell")
        return Effect.map(parent.line, (line) => line.split(" ").map(Number) as [number, number])
      })
      const [, memory] = yield* told
      yield* Effect.scoped(Effect.gen(function*() {
        yield* freeze(parent.pid)
        yield* standsStill(child)
        assert.isBelow(memoryOf(child), 256)
      }))
      const before = (yield* told)[0]
      yield* waitUntil(Effect.map(told, ([lines]) => lines > before + 50_000), { what: "50,000 lines more" })
      assert.isBelow((yield* told)[1] - memory, 128, "MiB that the parent has taken for them")
      yield* Effect.scoped(Effect.gen(function*() {
        yield* freeze(parent.pid)
        yield* standsStill(child)
        parent.kill()
        yield* waitUntil(() => !isAliveUnsafe(child), { what: "the end of a child that was logging" })
      }))
      yield* parent.end
    }).pipe(Effect.scoped), 60_000)
})
