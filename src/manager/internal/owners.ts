/**
 * Who has a lock: never a process, always a part of a program in it. One owner for each `withLock`, which the fibers
 * within inherit; and one for each Scope that locks are acquired in.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"

/** a manager can tell this process's owners from all others, whichever connection they come by */
const prefix = randomUUID()
let last = 0

export class Owner {
  readonly id = `${prefix}/${++last}`
  /** Its `withLock` is over: fibers that it has left behind are owners of their own. */
  ended = false
}

const Owners: Context.Reference<ReadonlyArray<Owner>> = Context.Reference(
  "effect-multiprocessing/RemoteLock/Owners",
  { defaultValue: (): ReadonlyArray<Owner> => [] }
)

const ofScopes = new WeakMap<Scope.Scope, Owner>()

export const ofScope = (scope: Scope.Scope): Owner => {
  let owner = ofScopes.get(scope)
  if (owner === undefined) ofScopes.set(scope, owner = new Owner())
  return owner
}

/** Who the caller is already: the lock may belong to any of them. */
export const current: Effect.Effect<ReadonlyArray<string>> = Effect.contextWith((context: Context.Context<never>) => {
  const ids = Context.get(context, Owners).filter(({ ended }) => !ended).map(({ id }) => id)
  const own = Option.map(Context.getOption(context, Scope.Scope), (scope) => ofScopes.get(scope))
  if (Option.isSome(own) && own.value !== undefined) ids.push(own.value.id)
  return Effect.succeed(ids)
})

/** What runs as an owner, beside those who the caller is already. */
export const as = <A, E, R>(owner: Owner, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(effect, Owners, (owners) => [...owners.filter(({ ended }) => !ended), owner]).pipe(
    Effect.ensuring(Effect.sync(() => {
      owner.ended = true
    }))
  )
