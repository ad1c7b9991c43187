/** Streams from one worker that is there already, whose elements are tiny or large. */
import * as Effect from "effect/Effect"
import * as Field from "../field.ts"
import type { Case, Contest } from "../harness.ts"
import { childProcess } from "../peers/childProcess.ts"
import { cpythonPipe } from "../peers/cpython.ts"
import { rpc } from "../peers/rpc.ts"
import { source } from "../peers/socket.ts"

const MiB = 1 << 20

export const streams: Case = Effect.fnUntraced(function*(quick) {
  const field = yield* Field.open({
    peers: { child_process: childProcess("advanced"), ...rpc, "CPython, Pipe": cpythonPipe },
    floors: { "node:net": source }
  })
  const numbers = (chunk: number, count: number): Field.Discipline => ({ numbers }) =>
    numbers && Effect.map(numbers(chunk)(count), (millis) => count / (millis / 1000))
  const blobs = (count: number): Field.Discipline => ({ blobs }) =>
    blobs && Effect.map(blobs(MiB)(count), (millis) => count / (millis / 1000))
  const contest = (name: string, unit: string, discipline: Field.Discipline): Contest => ({
    name,
    unit,
    better: "higher",
    rounds: quick ? 1 : 9,
    ...field(discipline)
  })
  return [
    contest("numbers, made 1024 at a time", "numbers/s", numbers(1024, quick ? 102_400 : 256_000)),
    contest("numbers, made one at a time", "numbers/s", numbers(1, quick ? 5_000 : 10_000)),
    contest("elements of 1 MiB", "MiB/s", blobs(quick ? 16 : 16))
  ]
})
