/** Who runs in a contest between workers. */
import * as Effect from "effect/Effect"
import { able, type Contest, type Discipline as DisciplineOf, openAll } from "./harness.ts"
import { ours } from "./ours/index.ts"
import type { Solution, Worker } from "./worker.ts"

type Solutions = Readonly<Record<string, Solution>>

export type Discipline = DisciplineOf<Worker>

/** Opens us (as we usually are, or otherwise), peers and floors; then everybody who can takes part in a discipline. */
export const open = Effect.fnUntraced(
  function*(solutions: { readonly ours?: Solution; readonly peers: Solutions; readonly floors: Solutions }) {
    const us = yield* solutions.ours ?? ours
    const peers = yield* openAll(solutions.peers)
    const floors = yield* openAll(solutions.floors)
    return (discipline: Discipline): Pick<Contest, "ours" | "peers" | "floors"> => ({
      ours: discipline(us)!,
      peers: able(peers, discipline),
      floors: able(floors, discipline)
    })
  }
)
