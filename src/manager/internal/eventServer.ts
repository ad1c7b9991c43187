/** Events in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Implementation from "../../remote/internal/implementation.ts"
import type { BuiltIn, Handler } from "./builtIn.ts"
import { Event } from "./event.ts"
import { Handling } from "./handling.ts"
import * as Waiting from "./waiting.ts"

class Flag extends Handling {
  private set = false
  private readonly waiting = new Set<() => void>()

  readonly handlers: Readonly<Record<string, Handler>> = {
    raise: () => {
      this.set = true
      for (const wake of this.waiting) {
        this.waiting.delete(wake)
        wake()
      }
      return Exit.void
    },
    lower: () => {
      this.set = false
      return Exit.void
    },
    state: () => Exit.succeed(this.set),
    raised: ({ timeout }: { readonly timeout?: number }) =>
      this.set || timeout === 0
        ? Exit.succeed(this.set)
        : Waiting.wait<boolean>(timeout, Exit.succeed(false), (answer) => {
          const wake = () => answer(Exit.succeed(true))
          this.waiting.add(wake)
          return () => this.waiting.delete(wake)
        })
  }

  readonly summary = (): string =>
    `${this.set ? "set" : "unset"}${this.waiting.size === 0 ? "" : `, ${this.waiting.size} waiting`}`
}

export const event: BuiltIn = {
  declaration: Implementation.declarationOf(Event) as Implementation.ObjectDeclaration,
  make: () => Effect.sync(() => new Flag())
}
