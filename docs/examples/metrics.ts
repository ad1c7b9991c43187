/**
 * What a program can tell of its processes: its metrics, those of its children, and the tree.
 *
 *     node docs/examples/metrics.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as ProcessMetrics from "effect-multiprocessing/ProcessMetrics"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { Words } from "./metrics/contract.ts"

const draw = (tree: Process.Tree, indent = ""): ReadonlyArray<string> => [
  `${indent}${tree.name}: ${tree.state}`,
  ...tree.children.flatMap((child) => draw(child, `${indent}  `))
]

const program = Effect.gen(function*() {
  const { count } = yield* Words
  yield* Effect.forEach(["to be", "or not to be", "that is the question"], (text) => count({ text }), {
    concurrency: "unbounded"
  })

  // This library's metrics are Effect's: all of them are in the registry, where exporters look.
  const calls = Metric.withAttributes(ProcessMetrics.callDuration, { "rpc.method": "app/Words/count" })
  const ready = Metric.withAttributes(ProcessMetrics.processes, { state: "ready" })
  yield* Console.log(`${(yield* Metric.value(calls)).count} calls of ${(yield* Metric.value(ready)).value} processes`)

  // A child's are read from here.
  const snapshots = yield* Effect.forEach(yield* Process.activeChildren, ({ metrics }) => metrics)
  const words = snapshots.flat().map(({ id, state }) =>
    id === "app_words" && "count" in state ? Number(state.count) : 0
  )
  yield* Console.log(`${words.reduce((sum, next) => sum + next)} words, counted by the children`)

  yield* Console.log(draw(yield* Process.tree).join("\n"))
})

const WordsInTwoProcesses = ProcessLayer.make({
  module: new URL("./metrics/live.ts", import.meta.url),
  services: [Words],
  size: 2
})

program.pipe(Effect.provide(WordsInTwoProcesses), Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
