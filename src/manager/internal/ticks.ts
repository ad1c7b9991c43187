/** Tells those who watch that something has changed, once for however much it was since they last looked. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export class Ticks {
  private count = 0
  /** made with the first who watches */
  private waiting: Set<() => void> | undefined

  tick(): void {
    this.count++
    for (const wake of this.waiting ?? []) wake()
  }

  /** What there is now, and then after each change, or after several. */
  stream<A, E>(look: Effect.Effect<A, E>): Stream.Stream<A, E> {
    return Stream.suspend(() => {
      const waiting = this.waiting ??= new Set()
      let seen = -1
      const next = Effect.callback<void>((resume) => {
        const wake = (): void => {
          waiting.delete(wake)
          seen = this.count
          resume(Effect.void)
        }
        if (seen !== this.count) return wake()
        waiting.add(wake)
        return Effect.sync(() => waiting.delete(wake))
      })
      return Stream.fromEffectRepeat(Effect.andThen(next, look))
    })
  }
}
