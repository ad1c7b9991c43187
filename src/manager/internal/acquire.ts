/** The client's side of a lock: what has one is acquired for a Scope, for an effect, or for nobody. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Acquired, Use } from "../RemoteLock.ts"
import * as Holding from "./holding.ts"
import type { Obtain, Obtained } from "./lockContract.ts"
import * as Owners from "./owners.ts"

/** A proxy of what has a lock. */
export interface Lockable {
  readonly obtain: (payload: Obtain) => Effect.Effect<Obtained, RemoteError>
}

type Asked = Effect.Effect<Holding.Holding<Obtained>, RemoteError>

const ask = (
  lock: Lockable,
  restore: Holding.Restore,
  owner: Owners.Owner,
  options: Omit<Obtain, "number" | "owners">
): Asked =>
  Effect.flatMap(
    Owners.current,
    (owners) =>
      Holding.hold(lock, restore, (number) =>
        lock.obtain({
          number,
          owners: [...owners.filter((id) => id !== owner.id), owner.id],
          ...options
        }))
  )

const acquired = ({ answer, lost }: Holding.Holding<Obtained>): Acquired => ({
  abandoned: answer === "abandoned",
  lost
})

const unlessLate = (holding: Holding.Holding<Obtained>): Option.Option<Acquired> =>
  holding.answer === "late" ? Option.none() : Option.some(acquired(holding))

export const tryAcquire = (
  lock: Lockable,
  timeout: Duration.Input | undefined
): Effect.Effect<Option.Option<Acquired>, RemoteError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.scope,
      (scope) =>
        Effect.flatMap(ask(lock, restore, Owners.ofScope(scope), Holding.within(timeout)), (holding) => {
          const answer = Effect.succeed(unlessLate(holding))
          if (holding.answer === "late") return answer
          return Effect.andThen(Scope.addFinalizer(scope, Effect.sync(holding.release)), answer)
        })
    )
  )

export const acquire = (lock: Lockable): Effect.Effect<Acquired, RemoteError, Scope.Scope> =>
  Effect.map(tryAcquire(lock, undefined), Option.getOrThrow)

export const withLock = (lock: Lockable) => <A, E, R>(use: Use<A, E, R>): Effect.Effect<A, E | RemoteError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const owner = new Owners.Owner()
      return Effect.flatMap(ask(lock, restore, owner, {}), (holding) => {
        const effect = Effect.isEffect(use) ? use : Effect.suspend(() => use(acquired(holding)))
        return restore(Effect.raceFirst(Owners.as(owner, effect), holding.lost)).pipe(
          Effect.ensuring(Effect.sync(holding.release))
        )
      })
    })
  )

/** Until somebody gives it back, or this process ends. */
export const tryTake = (
  lock: Lockable,
  timeout: Duration.Input | undefined
): Effect.Effect<Option.Option<Acquired>, RemoteError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() =>
      Effect.map(
        ask(lock, restore, new Owners.Owner(), { ...Holding.within(timeout), taken: true }),
        unlessLate
      )
    )
  )

export const take = (lock: Lockable): Effect.Effect<Acquired, RemoteError> =>
  Effect.map(tryTake(lock, undefined), Option.getOrThrow)
