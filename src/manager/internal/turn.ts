/** Changes that take time, one at a time; while one is under way nobody else sees or changes anything. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

export class Turn {
  /** made with the first change that takes time: most objects never see one */
  private semaphore: Semaphore.Semaphore | undefined
  private pending = 0

  /** At once where nothing is under way, which costs no fiber. */
  now<A, E>(operation: () => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.pending === 0 ? operation() : this.inTurn(Effect.suspend(operation))
  }

  alone<A, E>(change: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      this.pending++
      return Effect.ensuring(this.inTurn(change), Effect.sync(() => this.pending--))
    })
  }

  private inTurn<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    this.semaphore ??= Semaphore.makeUnsafe(1)
    return this.semaphore.withPermits(1)(effect)
  }
}
