/**
 * Calls that take too long: one that can be interrupted, one that cannot, and what becomes of the calls beside it.
 *
 *     node docs/examples/deadlines.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Searches } from "./searches/contract.ts"

const program = Effect.gen(function*() {
  const { count, matches, thorough } = yield* Searches

  // A deadline belongs to the contract. It fails the call, and interrupts the handler.
  yield* thorough({ text: "needle" }).pipe(
    Effect.catchReason("RemoteError", "CallTimeout", ({ timeout }) => Console.log(`no answer within ${timeout} ms`))
  )

  // This pattern keeps the child's only thread for ages. The interruption waits for `forceAfter`, then kills the child.
  const evil = { pattern: "^(a+)+$", text: `${"a".repeat(40)}!` }
  const beside = yield* Effect.forkChild(count({ text: "haystack", seconds: 0.5 }), { startImmediately: true })
  yield* Effect.timeoutOption(matches(evil), "100 millis").pipe(
    Effect.flatMap((found) => Console.log(`the evil pattern: ${found._tag}`))
  )

  // The call beside it is idempotent: it runs again in the process that has taken the other's place.
  yield* Console.log(`counted ${yield* Fiber.join(beside)} letters`)
})

const SearchesInAChild = ProcessLayer.make({
  module: new URL("./searches/live.ts", import.meta.url),
  services: [Searches],
  forceAfter: "300 millis"
})

program.pipe(Effect.provide(SearchesInAChild), Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
