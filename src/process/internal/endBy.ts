/**
 * When this process must have ended: as its parent says, or a signal. Its own children get what remains, so that a tree
 * ends in the time of its root. Several may say so; the first deadline counts.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as RunningTime from "../../wire/internal/runningTime.ts"

const deadlines = new Set<{ readonly at: number }>()

/** those that wait, and look again when a deadline is set */
const waiting = new Set<() => void>()

/** So many milliseconds are left. The result takes that back. */
export const set = (millis: number): () => void => {
  const deadline = { at: performance.now() + millis }
  deadlines.add(deadline)
  for (const look of waiting) look()
  return () => deadlines.delete(deadline)
}

/** milliseconds; infinite as long as nobody has said so */
export const left = (): number => {
  let at = Number.POSITIVE_INFINITY
  for (const deadline of deadlines) at = Math.min(at, deadline.at)
  return Math.max(0, at - performance.now())
}

/** milliseconds */
export interface Deadlines {
  /** from the request to end until SIGTERM */
  readonly close: number
  /** from SIGTERM until SIGKILL */
  readonly kill: number
}

/** The rest of the time, of which what comes after needs some. */
const rest = (): number => left() * 0.8

export const limit = ({ close, kill }: Deadlines): Deadlines => ({
  close: Math.min(close, rest() * 0.75),
  kill: Math.min(kill, rest() * 0.25)
})

/** For a wait that must be over before `limit`'s begins: at most half of the rest. */
export const limitWait = (millis: number): number => Math.min(millis, rest() * 0.5)

/** What the effect answers within so many milliseconds, and within the rest, also when that gets less meanwhile. */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  millis: number
): Effect.Effect<Option.Option<A>, E, R> => before(effect, () => Math.min(millis, rest()))

/** What the effect answers, unless this process must end: then none. */
export const unlessEnding = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option.Option<A>, E, R> =>
  before(effect, () => deadlines.size === 0 ? Number.POSITIVE_INFINITY : 0)

const before = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  millis: () => number
): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.raceFirst(
    Effect.interruptible(Effect.asSome(effect)),
    Effect.interruptible(Effect.as(elapsed(millis), Option.none()))
  )

const elapsed = (millis: () => number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let end = Number.POSITIVE_INFINITY
    let forget = () => {}
    const stop = () => {
      forget()
      waiting.delete(look)
    }
    const look = () => {
      forget()
      const now = performance.now()
      end = Math.min(end, now + millis())
      forget = RunningTime.after(Math.max(0, end - now), () => {
        stop()
        resume(Effect.void)
      })
    }
    waiting.add(look)
    look()
    return Effect.sync(stop)
  })
