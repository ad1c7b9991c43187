/** Calls whose payload and answer are bytes, one after another, to one worker that is there already. */
import * as Effect from "effect/Effect"
import * as Field from "../field.ts"
import type { Case, Contest } from "../harness.ts"
import { childProcess } from "../peers/childProcess.ts"
import { rpcOverFork, rpcOverSocket } from "../peers/rpc.ts"
import { socket } from "../peers/socket.ts"

const MiB = 1 << 20

export const bytes: Case = Effect.fnUntraced(function*(quick) {
  const field = yield* Field.open({
    peers: {
      child_process: childProcess("advanced"),
      "effect/rpc over fork": rpcOverFork,
      "effect/rpc over a socket": rpcOverSocket
    },
    floors: { "node:net": socket }
  })
  const echo = (size: number, count: number): Field.Discipline => ({ bytes }) =>
    bytes && Effect.map(bytes(size)(count, 1), (millis) => millis / count)
  const contest = (name: string, rounds: number, discipline: Field.Discipline): Contest => ({
    name,
    unit: "ms",
    better: "lower",
    rounds: quick ? 1 : rounds,
    ...field(discipline)
  })
  return [
    contest("echo of 1 MiB", 9, echo(MiB, quick ? 4 : 50)),
    contest("echo of 64 MiB", 5, echo(64 * MiB, quick ? 1 : 2))
  ]
})
