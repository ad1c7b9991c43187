/**
 * Time as the operating system's processes live in it. A test's clock must not keep a child from being killed, and a
 * stop of this process must not kill one.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as RunningTime from "./runningTime.ts"

export const sleep = (millis: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const forget = RunningTime.after(millis, () => resume(Effect.void))
    return Effect.sync(forget)
  })

/** What the effect answers within so many milliseconds; interruptible also where the caller is not. */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  millis: number
): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.raceFirst(
    Effect.interruptible(Effect.map(effect, Option.some)),
    Effect.interruptible(Effect.as(sleep(millis), Option.none()))
  )

/** Polls until the condition holds or the time is over; says whether it holds. */
export const until = (condition: () => boolean, millis: number, interval = 2): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const end = performance.now() + millis
    const poll: Effect.Effect<boolean> = Effect.suspend(() =>
      condition()
        ? Effect.succeed(true)
        : performance.now() > end
        ? Effect.succeed(false)
        : Effect.andThen(sleep(interval), poll)
    )
    return poll
  })
