/** From nothing to a first answer, and from nothing to an end. */
import * as Effect from "effect/Effect"
import { type Case, type Measure } from "../harness.ts"
import * as Ours from "../ours/index.ts"
import { childProcess } from "../peers/childProcess.ts"
import { emptyNode } from "../peers/emptyNode.ts"
import { rpcOverFork, rpcOverSocket } from "../peers/rpc.ts"
import { type Solution, timed } from "../worker.ts"

const firstAnswer = <R>(solution: Effect.Effect<Effect.Success<Solution>, unknown, R>) =>
  timed(Effect.flatMap(solution, ({ tiny }) => tiny!(1, 1)))

export const start: Case = Effect.fnUntraced(function*(quick) {
  const spawner = yield* Ours.spawner
  const rounds = quick ? 1 : 15
  const unit = "ms"
  const better = "lower"
  const solutions = {
    child_process: childProcess("json"),
    "effect/rpc over fork": rpcOverFork,
    "effect/rpc over a socket": rpcOverSocket
  }
  const each = (measure: (solution: Solution) => Measure) =>
    Object.fromEntries(Object.entries(solutions).map(([name, solution]) => [name, measure(solution)]))
  const floors = { "node -e 0": emptyNode }
  return [
    {
      name: "first answer of a new worker",
      unit,
      better,
      rounds,
      ours: Effect.provide(firstAnswer(Ours.child), spawner),
      peers: each(firstAnswer),
      floors
    },
    {
      name: "from start to end of one function",
      unit,
      better,
      rounds,
      ours: Effect.provide(Ours.joined, spawner),
      peers: each((solution) => timed(Effect.scoped(firstAnswer(solution)))),
      floors
    }
  ]
})
