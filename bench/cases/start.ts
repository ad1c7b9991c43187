/** From nothing to a first answer, and from nothing to an end; by a program that has started others before. */
import * as Effect from "effect/Effect"
import { type Case, type Contest, type Measure, openAll } from "../harness.ts"
import * as Ours from "../ours/index.ts"
import { childProcess } from "../peers/childProcess.ts"
import { cpython } from "../peers/cpython.ts"
import { emptyNode } from "../peers/emptyNode.ts"
import { pools } from "../peers/pools.ts"
import { rpc } from "../peers/rpc.ts"
import { type Solution, timed, type Worker } from "../worker.ts"

const firstAnswer = <R>(solution: Effect.Effect<Worker, unknown, R>) =>
  timed(Effect.flatMap(solution, ({ tiny }) => tiny!(1, 1)))

const joined = (solution: Solution) => timed(Effect.scoped(firstAnswer(solution)))

const solutions: Readonly<Record<string, Solution>> = { child_process: childProcess("json"), ...rpc, ...pools }

export const start: Case = Effect.fnUntraced(function*(quick) {
  const spawner = yield* Ours.spawner
  const pythons = Object.entries(yield* openAll({ "CPython, spawn": cpython }))
  const contest = (
    name: string,
    ours: Measure,
    theirs: (solution: Solution) => Measure,
    pythons: Readonly<Record<string, Measure>>
  ): Contest => ({
    name,
    unit: "ms",
    better: "lower",
    rounds: quick ? 1 : 11,
    ours,
    peers: {
      ...Object.fromEntries(Object.entries(solutions).map(([name, solution]) => [name, theirs(solution)])),
      ...pythons
    },
    floors: { "node -e 0": emptyNode }
  })
  const python = (measure: string) => Object.fromEntries(pythons.map(([name, ask]) => [name, ask(measure)]))
  return [
    contest(
      "first answer of a new worker",
      Effect.provide(firstAnswer(Ours.child), spawner),
      firstAnswer,
      python("first_answer")
    ),
    contest("from start to end of one function", Effect.provide(Ours.joined, spawner), joined, python("joined"))
  ]
})
