/**
 * State on several cores: calls with the same key always reach the same process, so each counter lives in one.
 *
 *     node docs/examples/keys.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Counters } from "./counters/contract.ts"

const fruit = ["apples", "pears", "plums", "cherries", "quinces", "medlars"]

const program = Effect.gen(function*() {
  const { add } = yield* Counters
  const calls = Array.from({ length: 100 }, () => fruit).flat()
  yield* Effect.forEach(calls, (name) => add({ name, by: 1 }), { concurrency: 32 })

  const counts = yield* Effect.forEach(fruit, (name) => Effect.map(add({ name, by: 0 }), (at) => ({ name, ...at })))
  yield* Effect.forEach(counts, ({ count, name }) => Console.log(`${count} ${name}`))
  yield* Console.log(`kept by ${new Set(counts.map(({ pid }) => pid)).size} processes`)
})

const CountersOnTwoCores = ProcessLayer.make({
  module: new URL("./counters/live.ts", import.meta.url),
  services: [Counters],
  size: 2,
  key: ({ payload }) => payload.name
})

program.pipe(Effect.provide(CountersOnTwoCores), Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
