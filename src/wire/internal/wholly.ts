import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

/** What becomes of a part that belongs to no Scope. */
export interface Part {
  /** All of it is there: whoever it is for goes on now. */
  readonly begin: () => void
  /** Another part does not arrive. */
  readonly end: () => void
}

/** Takes note of such a part; `undefined` where nobody looks after the whole. */
export const Parts: Context.Reference<((part: Part) => void) | undefined> = Context.Reference(
  "effect-multiprocessing/Parts",
  { defaultValue: (): ((part: Part) => void) | undefined => undefined }
)

/** What is decoded arrives as a whole, or leaves nothing open with the receiver: its first part may be there already. */
export const wholly = <A, E, R>(decoding: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Exit.isExit(decoding)
    ? decoding
    : Effect.suspend(() => {
      const parts: Array<Part> = []
      const noted = Effect.provideService(decoding, Parts, (part) => void parts.push(part))
      const scope = Option.getOrUndefined(Context.getOption(Fiber.getCurrent()!.context, Scope.Scope))
      return Effect.onExit(scope === undefined ? noted : within(scope, noted), (exit) =>
        parts.length === 0
          ? Effect.void
          : Effect.sync(() => parts.forEach(Exit.isFailure(exit) ? ({ end }) => end() : ({ begin }) => begin())))
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
