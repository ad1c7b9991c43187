/** As `Effect.map` and `flatMap`, but what is there at once stays an Exit, which costs no fiber. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const exitOf = <A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> | undefined =>
  Exit.isExit(effect) ? effect as Exit.Exit<A, E> : undefined

export const map = <A, E, B>(effect: Effect.Effect<A, E>, f: (value: A) => B): Effect.Effect<B, E> => {
  const exit = exitOf(effect)
  return exit === undefined ? Effect.map(effect, f) : Exit.map(exit, f)
}

export const flatMap = <A, E, B, E2>(
  effect: Effect.Effect<A, E>,
  f: (value: A) => Effect.Effect<B, E2>
): Effect.Effect<B, E | E2> => {
  const exit = exitOf(effect)
  if (exit === undefined) return Effect.flatMap(effect, f)
  return Exit.isSuccess(exit) ? f(exit.value) : Exit.failCause(exit.cause)
}
