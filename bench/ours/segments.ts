import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Opens each once, for as long as the Scope. */
export const keeping = Effect.fnUntraced(function*<K, A, E, R>(open: (key: K) => Effect.Effect<A, E, R | Scope.Scope>) {
  const context = yield* Effect.context<R | Scope.Scope>()
  const kept = new Map<K, A>()
  return (key: K): Effect.Effect<A> =>
    Effect.suspend(() => {
      const known = kept.get(key)
      if (known !== undefined) return Effect.succeed(known)
      return open(key).pipe(
        Effect.tap((opened) => Effect.sync(() => void kept.set(key, opened))),
        Effect.provide(context),
        Effect.orDie
      )
    })
})
