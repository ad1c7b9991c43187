/** Calls to one process that is there already: one after another, and 64 at a time. */
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Echo } from "../echo/contract.ts"
import { type Case, millis } from "../harness.ts"
import * as Peers from "../peers/index.ts"

const EchoProcess = ProcessLayer.make({
  module: new URL("../echo/live.ts", import.meta.url),
  services: [Echo]
}).pipe(Layer.provide(ProcessLayer.spawn))

export const calls: Case = Effect.fnUntraced(function*(quick) {
  const { echo } = Context.get(yield* Layer.build(EchoProcess), Echo)
  const ours: Peers.Exchange = (count, inFlight) =>
    inFlight === 1
      ? Effect.orDie(Effect.gen(function*() {
        for (let n = 0; n < count; n++) yield* echo({ n })
      }))
      : Effect.orDie(
        Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => echo({ n }), {
          concurrency: inFlight,
          discard: true
        })
      )
  const socket = yield* Peers.socket
  const forked = yield* Peers.forked

  const one = quick ? 200 : 3_000
  const microseconds = (exchange: Peers.Exchange) =>
    Effect.map(millis(exchange(one, 1)), (millis) => 1000 * millis / one)
  const many = quick ? 2_000 : 50_000
  const perSecond = (exchange: Peers.Exchange) =>
    Effect.map(millis(exchange(many, 64)), (millis) => many / (millis / 1000))
  const rounds = quick ? 1 : 9
  return [
    {
      name: "calls, one after another",
      unit: "us",
      better: "lower",
      rounds,
      ours: microseconds(ours),
      floors: { "node:net": microseconds(socket) },
      peers: { "child_process.send": microseconds(forked) }
    },
    {
      name: "calls, 64 in flight",
      unit: "calls/s",
      better: "higher",
      rounds,
      ours: perSecond(ours),
      floors: { "node:net": perSecond(socket) },
      peers: { "child_process.send": perSecond(forked) }
    }
  ]
})
