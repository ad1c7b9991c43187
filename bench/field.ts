/** Who runs in a contest between workers. */
import * as Effect from "effect/Effect"
import { type Contest, type Measure, openAll } from "./harness.ts"
import { ours } from "./ours/index.ts"
import type { Solution, Worker } from "./worker.ts"

type Solutions = Readonly<Record<string, Solution>>
type Workers = Readonly<Record<string, Worker>>

/** What to measure of a worker: nothing when it cannot do that. */
export type Discipline = (worker: Worker) => Measure | undefined

/** Opens us (as we usually are, or otherwise), peers and floors; then everybody who can takes part in a discipline. */
export const open = Effect.fnUntraced(
  function*(solutions: { readonly ours?: Solution; readonly peers: Solutions; readonly floors: Solutions }) {
    const us = yield* solutions.ours ?? ours
    const peers = yield* openAll(solutions.peers)
    const floors = yield* openAll(solutions.floors)
    const among = (workers: Workers, discipline: Discipline): Record<string, Measure> =>
      Object.fromEntries(
        Object.entries(workers).flatMap(([name, worker]) => {
          const measure = discipline(worker)
          return measure === undefined ? [] : [[name, measure]]
        })
      )
    return (discipline: Discipline): Pick<Contest, "ours" | "peers" | "floors"> => ({
      ours: discipline(us)!,
      peers: among(peers, discipline),
      floors: among(floors, discipline)
    })
  }
)
