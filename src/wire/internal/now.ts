/** As `Effect.map` and `flatMap`, but what is there at once stays an Exit, which costs no fiber. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const exitOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Exit.Exit<A, E> | undefined =>
  Exit.isExit(effect) ? effect as Exit.Exit<A, E> : undefined

export const map = <A, E, R, B>(effect: Effect.Effect<A, E, R>, f: (value: A) => B): Effect.Effect<B, E, R> => {
  const exit = exitOf(effect)
  return exit === undefined ? Effect.map(effect, f) : Exit.map(exit, f)
}

export const flatMap = <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  f: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> => {
  const exit = exitOf(effect)
  if (exit === undefined) return Effect.flatMap(effect, f)
  return Exit.isSuccess(exit) ? f(exit.value) : Exit.failCause(exit.cause)
}
