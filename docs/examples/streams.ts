/**
 * A stream from another process, which makes no more than is taken.
 *
 *     node docs/examples/streams.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import { recite } from "./words/contract.ts"

const program = Effect.gen(function*() {
  // The child could go on forever. It waits while nobody takes, and ends when nobody will.
  const words = yield* Process.stream(recite, { path: fileURLToPath(import.meta.url) }).pipe(
    Stream.filter((word) => /^[a-z]+$/i.test(word)),
    Stream.take(12),
    Stream.runCollect
  )
  yield* Console.log(`took: ${words.join(" ")}`)

  // A stream fails as a call does.
  yield* Process.stream(recite, { path: "/no/such/file" }).pipe(
    Stream.runDrain,
    Effect.catchTag("Unreadable", ({ code, path }) => Console.log(`${path} cannot be read: ${code}`))
  )
})

program.pipe(Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
