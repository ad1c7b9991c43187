import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

/** What is decoded arrives as a whole, or leaves nothing in the receiver's Scope: the first part may be open already. */
export const wholly = <A, E, R>(decoding: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Exit.isExit(decoding)
    ? decoding
    : Effect.suspend(() => {
      const scope = Option.getOrUndefined(Context.getOption(Fiber.getCurrent()!.context, Scope.Scope))
      return scope === undefined ? decoding : within(scope, decoding)
    })

const within = <A, E, R>(scope: Scope.Scope, decoding: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => {
    const own = Scope.forkUnsafe(scope)
    return Effect.onExit(
      restore(Effect.provideService(decoding, Scope.Scope, own)),
      // an empty one would be kept as long as the receiver's
      (exit) => Exit.isFailure(exit) || own.state._tag === "Empty" ? Scope.close(own, exit) : Effect.void
    )
  })
