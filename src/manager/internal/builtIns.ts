/** The objects that every manager has. */
import type { BuiltIn } from "./builtIn.ts"
import * as Locks from "./lockServer.ts"
import * as Semaphores from "./semaphoreServer.ts"

export const builtIns: ReadonlyArray<BuiltIn> = [
  Locks.lock,
  Locks.rLock,
  Semaphores.semaphore,
  Semaphores.boundedSemaphore
]
