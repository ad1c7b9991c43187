/** From nothing to a first answer, and from nothing to an end. */
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Echo, echoOnce } from "../echo/contract.ts"
import { type Case, millis } from "../harness.ts"
import * as Peers from "../peers/index.ts"

const EchoProcess = ProcessLayer.make({
  module: new URL("../echo/live.ts", import.meta.url),
  services: [Echo]
})

export const start: Case = Effect.fnUntraced(function*(quick) {
  const spawner = yield* Layer.build(ProcessLayer.spawn)
  const firstAnswer = Layer.build(EchoProcess).pipe(
    Effect.flatMap((context) => Effect.provide(Effect.flatMap(Echo, ({ echo }) => echo({ n: 1 })), context)),
    Effect.provide(spawner)
  )
  const joined = Process.start(echoOnce, { n: 1 }).pipe(
    Effect.flatMap(({ join }) => join),
    Effect.provide(spawner)
  )
  const fork = Effect.flatMap(Peers.forked, (exchange) => exchange(1, 1))
  const rounds = quick ? 1 : 11
  return [
    {
      name: "first answer of a new process",
      unit: "ms",
      better: "lower",
      rounds,
      ours: millis(firstAnswer),
      floors: { "node -e 0": millis(Peers.emptyNode) },
      peers: { "child_process.fork": millis(fork) }
    },
    {
      name: "a function started and joined",
      unit: "ms",
      better: "lower",
      rounds,
      ours: millis(joined),
      floors: { "node -e 0": millis(Peers.emptyNode) },
      peers: { "child_process.fork": millis(Effect.scoped(fork)) }
    }
  ]
})
