/**
 * Children that start children. Each is owned by the Scope of the call that started it, and all end with the root.
 *
 *     node docs/examples/tree.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { grow } from "./tree/contract.ts"

const program = Effect.gen(function*() {
  const root = yield* Process.start(grow, { height: 2 })
  const lines = yield* root.join
  yield* Console.log(lines.join("\n"))
})

program.pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
