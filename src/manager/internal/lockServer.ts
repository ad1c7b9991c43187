/** Locks in a manager. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Implementation from "../../remote/internal/implementation.ts"
import type { BuiltIn } from "./builtIn.ts"
import { Lock, RLock } from "./lock.ts"
import { Mutex } from "./mutex.ts"

const builtIn = (object: typeof Lock | typeof RLock, type: string, reentrant: boolean): BuiltIn => ({
  declaration: Implementation.declarationOf(object) as Implementation.ObjectDeclaration,
  make: (_, { scope }) =>
    Effect.suspend(() => {
      const mutex = new Mutex(type, reentrant)
      return Effect.as(Scope.addFinalizer(scope, mutex.forget), mutex)
    })
})

export const lock = builtIn(Lock, "Lock", false)
export const rLock = builtIn(RLock, "RLock", true)
