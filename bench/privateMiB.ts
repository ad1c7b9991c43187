/** What a process shares with nobody. Linux only. */
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"

/** until what was put off is done */
const settling = "300 millis"

/** until V8 has noticed that nothing happens, and collects for that */
const rest = "15 seconds"

const now = (pid: number) =>
  Effect.tryPromise({
    try: async () => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8")
      const kibibytes = Array.from(rollup.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm), ([, kB]) => Number(kB))
      return (kibibytes[0]! + kibibytes[1]!) / 1024
    },
    catch: (error) => error
  })

/** Of a process that has come to rest. */
export const privateMiB = (pid: number) => Effect.delay(now(pid), settling)

/** Of processes that have been idle for a while, together; `quick`: for a moment. */
export const idleMiB = (pids: ReadonlyArray<number>, quick: boolean) =>
  Effect.map(
    Effect.delay(Effect.all(pids.map(now)), quick ? settling : rest),
    (all) => all.reduce((sum, one) => sum + one, 0)
  )
