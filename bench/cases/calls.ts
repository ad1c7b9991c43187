/** Small calls to one worker that is there already: one after another, and many at a time. */
import * as Effect from "effect/Effect"
import * as Field from "../field.ts"
import type { Case, Contest } from "../harness.ts"
import { childProcess } from "../peers/childProcess.ts"
import { cpythonManager, cpythonPipe } from "../peers/cpython.ts"
import { pools } from "../peers/pools.ts"
import { rpc } from "../peers/rpc.ts"
import { socket } from "../peers/socket.ts"

const payloads = [["{ n }", "tiny"], ["6 fields", "person"]] as const

export const calls: Case = Effect.fnUntraced(function*(quick) {
  const field = yield* Field.open({
    peers: {
      child_process: childProcess("json"),
      ...rpc,
      ...pools,
      "CPython, Pipe": cpythonPipe,
      "CPython, manager": cpythonManager
    },
    floors: { "node:net": socket }
  })
  const rounds = quick ? 1 : 9
  const few = quick ? 200 : 1_000
  const many = quick ? 2_000 : 10_000
  return payloads.flatMap(([shown, payload]): ReadonlyArray<Contest> => {
    const oneByOne: Field.Discipline = ({ [payload]: echo }) =>
      echo && Effect.map(echo(few, 1), (millis) => 1000 * millis / few)
    const inFlight = (width: number): Field.Discipline => ({ [payload]: echo, oneByOne }) =>
      oneByOne ? undefined : echo && Effect.map(echo(many, width), (millis) => many / (millis / 1000))
    return [
      { name: `${shown}, one after another`, unit: "us", better: "lower", rounds, ...field(oneByOne) },
      { name: `${shown}, 64 in flight`, unit: "calls/s", better: "higher", rounds, ...field(inFlight(64)) },
      { name: `${shown}, 1000 in flight`, unit: "calls/s", better: "higher", rounds, ...field(inFlight(1000)) }
    ]
  })
})
