/** Changes that take time, one at a time; while one is under way nobody else sees or changes anything. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Kept, Place, Stored } from "./builtIn.ts"
import { dropAll, keeping } from "./items.ts"

export class Turn {
  /** made with the first change that takes time: most objects never see one */
  private semaphore: Semaphore.Semaphore | undefined
  private pending = 0

  /** At once where nothing is under way, which costs no fiber. */
  now<A, E>(operation: () => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.pending === 0 ? operation() : this.inTurn(Effect.suspend(operation))
  }

  /** The same with values that it stores or drops. What they refer to has been leased before, which may take its time. */
  keeping<A, E>(
    place: Place,
    values: ReadonlyArray<Stored>,
    operation: (kept: ReadonlyArray<Kept>) => Exit.Exit<A, E>
  ): Effect.Effect<A, E | RemoteError> {
    return keeping(place, values, (kept, restore) => {
      let begun = false
      const use = () => {
        begun = true
        return operation(kept)
      }
      const answer = this.now(use)
      return Exit.isExit(answer)
        ? answer
        : Effect.ensuring(restore(answer), Effect.sync(() => begun ? undefined : dropAll(place, kept)))
    })
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
