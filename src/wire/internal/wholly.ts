import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

/**
 * Takes note of what is to be ended if what it was decoded for does not arrive as a whole, and belongs to no Scope.
 * `undefined` where nobody looks after that.
 */
export const EndedUnlessWhole: Context.Reference<((end: () => void) => void) | undefined> = Context.Reference(
  "effect-multiprocessing/EndedUnlessWhole",
  { defaultValue: (): ((end: () => void) => void) | undefined => undefined }
)

/** What is decoded arrives as a whole, or leaves nothing open with the receiver: its first part may be there already. */
export const wholly = <A, E, R>(decoding: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Exit.isExit(decoding)
    ? decoding
    : Effect.suspend(() => {
      const ends: Array<() => void> = []
      const noted = Effect.provideService(decoding, EndedUnlessWhole, (end) => void ends.push(end))
      const scope = Option.getOrUndefined(Context.getOption(Fiber.getCurrent()!.context, Scope.Scope))
      return Effect.onExit(
        scope === undefined ? noted : within(scope, noted),
        (exit) =>
          Exit.isFailure(exit) && ends.length > 0 ? Effect.sync(() => ends.forEach((end) => end())) : Effect.void
      )
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
