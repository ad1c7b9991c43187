/** A manager in this process, and what is seen of its objects. */
import * as Manager from "effect-multiprocessing/Manager"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Runs a test with a manager that nobody else can reach. */
export const here = <A, E>(test: Effect.Effect<A, E, Manager.Manager | Scope.Scope>) =>
  test.pipe(Effect.scoped, Effect.provide(Manager.serve({ listen: false })), Effect.timeout("30 seconds"))

/** What an effect fails with, which is of this type. */
export const ofType = <A, E extends { readonly _tag: string }, T extends E["_tag"], R>(
  tag: T,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Extract<E, { readonly _tag: T }>, A, R> =>
  Effect.flatMap(
    Effect.flip(effect),
    (error) => error._tag === tag ? Effect.succeed(error as Extract<E, { readonly _tag: T }>) : Effect.die(error)
  )

/** Waits until an object is in this state, as the manager tells it. */
export const summary = (text: string) =>
  Effect.flatMap(
    Manager.Manager,
    ({ debugInfo }) =>
      waitUntil(Effect.map(debugInfo, (objects) => objects.some(({ summary }) => summary === text)), { what: text })
  )
