/** The guard of what this process owns besides children: one for all, for as long as anything is there. */
import * as Effect from "effect/Effect"
import * as RcRef from "effect/RcRef"
import * as Scope from "effect/Scope"
import type { GuardFailure } from "../GuardFailure.ts"
import * as Reaper from "./reaper.ts"
import * as RunDirectory from "./runDirectory.ts"

export interface Shared {
  readonly directory: RunDirectory.RunDirectory
  readonly reaper: Reaper.Reaper
}

const start: Effect.Effect<Shared, GuardFailure, Scope.Scope> = Effect.gen(function*() {
  const directory = yield* RunDirectory.make
  return { directory, reaper: yield* Reaper.make(directory) }
})

let reference: RcRef.RcRef<Shared, GuardFailure> | undefined

/** Stands until the Scope closes. */
export const shared: Effect.Effect<Shared, GuardFailure, Scope.Scope> = Effect.suspend(() =>
  RcRef.get(reference ??= Effect.runSync(Scope.provide(RcRef.make({ acquire: start }), Scope.makeUnsafe())))
)
