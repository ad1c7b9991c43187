/** Changes that take time, one at a time; while one is under way nobody else sees or changes anything. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

export class Turn {
  private readonly semaphore = Semaphore.makeUnsafe(1)
  private pending = 0

  /** At once where nothing is under way, which costs no fiber. */
  now<A, E>(operation: () => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.pending === 0 ? operation() : this.semaphore.withPermits(1)(Effect.suspend(operation))
  }

  alone<A, E>(change: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      this.pending++
      return Effect.ensuring(this.semaphore.withPermits(1)(change), Effect.sync(() => this.pending--))
    })
  }
}
