/** Events in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Implementation from "../../remote/internal/implementation.ts"
import type { Behaviour, BuiltIn } from "./builtIn.ts"
import { Event } from "./event.ts"
import * as Waiting from "./waiting.ts"

const make = Effect.sync((): Behaviour => {
  let set = false
  const waiting = new Set<() => void>()
  return {
    handlers: {
      raise: () => {
        set = true
        for (const wake of waiting) {
          waiting.delete(wake)
          wake()
        }
        return Exit.void
      },
      lower: () => {
        set = false
        return Exit.void
      },
      state: () => Exit.succeed(set),
      raised: ({ timeout }: { readonly timeout?: number }) =>
        set || timeout === 0 ? Exit.succeed(set) : Waiting.wait<boolean>(timeout, Exit.succeed(false), (answer) => {
          const wake = () => answer(Exit.succeed(true))
          waiting.add(wake)
          return () => waiting.delete(wake)
        })
    },
    summary: () => `${set ? "set" : "unset"}${waiting.size === 0 ? "" : `, ${waiting.size} waiting`}`
  }
})

export const event: BuiltIn = {
  declaration: Implementation.declarationOf(Event) as Implementation.ObjectDeclaration,
  make: () => make
}
