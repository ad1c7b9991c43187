/**
 * One end of a pipe goes to a child, in the payload of a call; the other stays here, and hears from it.
 *
 *     node docs/examples/pipes.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Connection from "effect-multiprocessing/Connection"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Indexer, Progress } from "./indexer/contract.ts"

const program = Effect.gen(function*() {
  const { index } = yield* Indexer
  const [here, there] = yield* Connection.pipe({ duplex: false })
  const indexing = yield* Effect.forkScoped(index({ texts: ["a rose", "is a rose", "is a"], progress: there }))
  yield* Stream.runForEach(Connection.values(here, Progress), ({ done, of }) => Console.log(`${done} of ${of}`))
  yield* Console.log(`${yield* Fiber.join(indexing)} words`)
  const moved = yield* Effect.flip(there.send(Progress, { done: 0, of: 0 }))
  yield* Console.log(`the end that went: ${moved.reason._tag}`)
})

const IndexerInAChild = ProcessLayer.make({
  module: new URL("./indexer/live.ts", import.meta.url),
  services: [Indexer]
})

program.pipe(
  Effect.scoped,
  Effect.provide([IndexerInAChild, Connection.layerClaims]),
  Effect.provide(ProcessLayer.spawn),
  NodeRuntime.runMain
)
