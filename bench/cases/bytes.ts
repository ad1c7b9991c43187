/** Calls whose payload and answer are bytes, one after another, to one worker that is there already. */
import * as Effect from "effect/Effect"
import * as Field from "../field.ts"
import type { Case, Contest } from "../harness.ts"
import { childProcess } from "../peers/childProcess.ts"
import { cpythonPipe } from "../peers/cpython.ts"
import { pools } from "../peers/pools.ts"
import { rpc } from "../peers/rpc.ts"
import { socket } from "../peers/socket.ts"

const MiB = 1 << 20

export const bytes: Case = Effect.fnUntraced(function*(quick) {
  const field = yield* Field.open({
    peers: { child_process: childProcess("advanced"), ...rpc, ...pools, "CPython, Pipe": cpythonPipe },
    floors: { "node:net": socket }
  })
  const contest = (size: number, rounds: number, count: number): Contest => ({
    name: `echo of ${size / MiB} MiB`,
    unit: "ms",
    better: "lower",
    rounds,
    ...field(({ bytes }) => bytes && Effect.map(bytes(size)(count, 1), (millis) => millis / count))
  })
  return quick ? [contest(MiB, 1, 4), contest(8 * MiB, 1, 1)] : [contest(MiB, 9, 10), contest(64 * MiB, 5, 1)]
})
