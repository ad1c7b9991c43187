import { assert, describe, it } from "@effect/vitest"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { folder, rounds } from "../support/spawned.ts"

const program = fileURLToPath(new URL("../fixtures/process/parent.ts", import.meta.url))

/** A program of its own, which a test kills. */
const parent = (
  mode: "idle" | "busy" | "starting" | "nested",
  dir: string,
  count: number,
  guard: "reaper" | "watchdog" = "reaper"
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [program, mode, dir, String(count), guard], {
        stdio: ["ignore", "ignore", "inherit"]
      })
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
      return { pid: child.pid!, gone, kill: () => child.kill("SIGKILL") }
    }),
    ({ gone, kill }) => Effect.andThen(Effect.sync(kill), Effect.promise(() => gone))
  )

const noneLeft = (pids: ReadonlyArray<number>) => Testing.waitUntil(() => !pids.some(Testing.isAliveUnsafe))

describe("when the parent is killed, no child is left", () => {
  for (const [mode, bound] of [["idle", 250], ["busy", 500]] as const) {
    it.live(`8 ${mode} children`, () =>
      Effect.gen(function*() {
        const took: Array<number> = []
        for (let round = 0; round < rounds(2, 20); round++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const dir = yield* folder
            const { gone, kill } = yield* parent(mode, dir, 8)
            yield* Testing.waitUntil(() => existsSync(`${dir}/up`))
            const pids = JSON.parse(readFileSync(`${dir}/up`, "utf8")) as Array<number>
            assert.strictEqual(pids.length, 8)
            const killed = performance.now()
            kill()
            yield* noneLeft(pids)
            took.push(performance.now() - killed)
            yield* Effect.promise(() => gone)
          }))
        }
        took.sort((a, b) => a - b)
        if (process.env.SOAK !== undefined) {
          console.log(`8 ${mode} children gone after ms: median ${took[took.length >> 1]}, most ${took.at(-1)}`)
          assert.isBelow(took.at(-1)!, bound)
        }
      }), { timeout: 600_000 })
  }

  for (const mode of ["idle", "busy"] as const) {
    it.live(`2 ${mode} children under the watchdog`, () =>
      Effect.gen(function*() {
        const dir = yield* folder
        const { gone, kill } = yield* parent(mode, dir, 2, "watchdog")
        yield* Testing.waitUntil(() => existsSync(`${dir}/up`))
        const pids = JSON.parse(readFileSync(`${dir}/up`, "utf8")) as Array<number>
        kill()
        yield* noneLeft(pids)
        yield* Effect.promise(() => gone)
        // No shell removes the directory: the next process that starts children does.
        const directory = readFileSync(`${dir}/run`, "utf8")
        yield* Effect.provide(Testing.waitUntil(() => !existsSync(directory)), ProcessLayer.spawn)
      }).pipe(Effect.scoped))
  }

  it.live("nor a grandchild, nor its child, all busy", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const { gone, kill, pid } = yield* parent("nested", dir, 1)
      yield* Testing.waitUntil(() => existsSync(`${dir}/up`))
      const family = Testing.descendantsUnsafe(pid)
      assert.isAtLeast(family.length, 3)
      kill()
      yield* noneLeft(family)
      yield* Effect.promise(() => gone)
    }).pipe(Effect.scoped))

  it.live("at whatever step of a start", () =>
    Effect.gen(function*() {
      for (let round = 0; round < rounds(10, 100); round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const dir = yield* folder
          const { gone, kill, pid } = yield* parent("starting", dir, 4)
          yield* Testing.waitUntil(() => existsSync(`${dir}/up`))
          // The steps: as many looks at the family as there are rounds.
          let family: ReadonlyArray<number> = []
          for (let look = 0; look <= round; look++) {
            family = Testing.descendantsUnsafe(pid)
            yield* Effect.promise(() => new Promise(setImmediate))
          }
          kill()
          const before = new Set([...family, ...Testing.descendantsUnsafe(pid)])
          yield* noneLeft([...before])
          yield* Effect.promise(() => gone)
          assert.deepStrictEqual(readdirSync(dir).filter((name) => name.startsWith("released")), [])
        }))
      }
    }), { timeout: 600_000 })
})
