import * as Effect from "effect/Effect"

/** Waits until the condition holds, turn by turn of the event loop. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let stopped = false
    const look = (): void => {
      if (stopped) return
      if (condition()) resume(Effect.void)
      else setTimeout(look, 1)
    }
    look()
    return Effect.sync(() => {
      stopped = true
    })
  })
