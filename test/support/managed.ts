/** A manager in this process, and what is seen of its objects. */
import { it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

type Test<E> = Effect.Effect<unknown, E, Manager.Manager | Scope.Scope>

const bound = "30 seconds"

/** Runs a test with a manager that nobody else can reach. */
export const here = <E>(test: Test<E>) =>
  test.pipe(Effect.scoped, Effect.provide(Manager.serve({ listen: false })), Effect.timeout(bound))

/** Runs a test as a client of a manager at an address. */
const connected = <E>(test: Test<E>) =>
  Effect.gen(function*() {
    const { address } = yield* Manager.Manager
    yield* test.pipe(Effect.scoped, Effect.provide(Layer.fresh(Manager.connect({ address: address! }))))
  }).pipe(Effect.provide(Manager.serve()), Effect.timeout(bound))

/** The same test by both ways. */
export const managed = <E>(name: string, test: () => Test<E>): void => {
  it.live(name, () => here(test()))
  it.live(`${name}, at an address`, () => connected(test()))
}

/** What an effect fails with, which is of this type. */
export const ofType = <A, E extends { readonly _tag: string }, T extends E["_tag"], R>(
  tag: T,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Extract<E, { readonly _tag: T }>, A, R> =>
  Effect.flatMap(
    Effect.flip(effect),
    (error) => error._tag === tag ? Effect.succeed(error as Extract<E, { readonly _tag: T }>) : Effect.die(error)
  )

/** without who has it */
const anonymous = (summary: string): string => summary.replace(/^held by .*?(?=(?:, \d+ (?:waiting|asleep))*$)/, "held")

/** Waits until an object is in this state, as the manager tells it. */
export const summary = (text: string) =>
  Effect.flatMap(
    Manager.Manager,
    ({ debugInfo }) =>
      waitUntil(Effect.map(debugInfo, (objects) => objects.some(({ summary }) => anonymous(summary) === text)), {
        what: text
      })
  )
