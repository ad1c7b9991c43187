/** What has been registered in this process to run when it starts as a child. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Hook {
  readonly name: string
  readonly order: number
  readonly effect: Effect.Effect<unknown, unknown, Scope.Scope>
}

const hooks: Array<Hook> = []

export const add = (hook: Hook): void => {
  hooks.push(hook)
}

/** In the order in which they run; equals in that in which they were registered. */
export const all = (): ReadonlyArray<Hook> => hooks.toSorted((a, b) => a.order - b.order)
