/** What it costs to be watched: calls with and without spans, and lines of logs that arrive in the parent's logger. */
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import * as Field from "../field.ts"
import type { Case, Contest } from "../harness.ts"
import { logged, traced } from "../ours/index.ts"
import { childProcess } from "../peers/childProcess.ts"
import { cpythonLogs } from "../peers/cpython.ts"
import { rpc, rpcTraced } from "../peers/rpc.ts"
import * as Tracing from "../tracing.ts"

export const telemetry: Case = Effect.fnUntraced(function*(quick) {
  const untraced = yield* Field.open({ peers: rpc, floors: {} })
  const spans = yield* Field.open({ ours: traced, peers: rpcTraced, floors: {} })
  const logs = yield* Field.open({
    ours: logged,
    peers: { child_process: childProcess("json"), "CPython, QueueHandler": cpythonLogs },
    floors: {}
  })
  const rounds = quick ? 1 : 9
  const many = quick ? 2_000 : 10_000
  const calls: Field.Discipline = ({ tiny }) => tiny && Effect.map(tiny(many, 64), (millis) => many / (millis / 1000))
  const watched: Field.Discipline = (worker) => {
    const measure = calls(worker)
    return measure && Effect.provideService(measure, Tracer.Tracer, Tracing.tracer)
  }
  const lines: Field.Discipline = ({ lines }) => lines && Effect.map(lines(many), (millis) => many / (millis / 1000))
  const contest = (name: string, unit: string, measures: ReturnType<typeof logs>): Contest => ({
    name,
    unit,
    better: "higher",
    rounds,
    ...measures
  })
  return [
    contest("{ n }, 64 in flight, no tracer", "calls/s", untraced(calls)),
    contest("{ n }, 64 in flight, two spans each", "calls/s", spans(watched)),
    contest("lines logged by a child", "lines/s", logs(lines))
  ]
})
