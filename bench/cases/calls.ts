/** Small calls to one worker that is there already: one after another, and many at a time. */
import * as Effect from "effect/Effect"
import * as Field from "../field.ts"
import { type Case, type Contest } from "../harness.ts"
import { childProcess } from "../peers/childProcess.ts"
import { rpcOverFork, rpcOverSocket } from "../peers/rpc.ts"
import { socket } from "../peers/socket.ts"
import type { Echo } from "../worker.ts"

const payloads = [["{ n }", "tiny"], ["6 fields", "person"]] as const

export const calls: Case = Effect.fnUntraced(function*(quick) {
  const field = yield* Field.open({
    peers: {
      child_process: childProcess("json"),
      "effect/rpc over fork": rpcOverFork,
      "effect/rpc over a socket": rpcOverSocket
    },
    floors: { "node:net": socket }
  })
  const rounds = quick ? 1 : 9
  const few = quick ? 200 : 3_000
  const many = quick ? 2_000 : 40_000
  const microseconds = (echo: Echo) => Effect.map(echo(few, 1), (millis) => 1000 * millis / few)
  const perSecond = (inFlight: number) => (echo: Echo) =>
    Effect.map(echo(many, inFlight), (millis) => many / (millis / 1000))
  return payloads.flatMap(([shown, payload]): ReadonlyArray<Contest> => {
    const echoes = (measure: (echo: Echo) => Effect.Effect<number, unknown>) =>
      field((worker) => worker[payload] && measure(worker[payload]))
    return [
      { name: `${shown}, one after another`, unit: "us", better: "lower", rounds, ...echoes(microseconds) },
      { name: `${shown}, 64 in flight`, unit: "calls/s", better: "higher", rounds, ...echoes(perSecond(64)) },
      { name: `${shown}, 1000 in flight`, unit: "calls/s", better: "higher", rounds, ...echoes(perSecond(1000)) }
    ]
  })
})
