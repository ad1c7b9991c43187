/** Logs as any Effect does, and knows nothing of processes. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { importFile } from "./contract.ts"

export default importFile.toLayer(({ file }) =>
  Effect.gen(function*() {
    yield* Effect.logDebug("opened")
    yield* Console.log(`reading ${file}`)
    if (file === "broken.csv") {
      yield* Effect.logWarning("a row without an end")
      // as a bug in native code would end it
      yield* Effect.sync(() => process.kill(process.pid, "SIGKILL"))
      return yield* Effect.never
    }
    yield* Effect.log("imported", { rows: 3 })
    return 3
  }).pipe(Effect.annotateLogs({ file }))
) satisfies Remote.Module
