/** The objects that every manager has. */
import { barrier } from "./barrierServer.ts"
import type { BuiltIn } from "./builtIn.ts"
import { condition } from "./conditionServer.ts"
import { event } from "./eventServer.ts"
import * as Locks from "./lockServer.ts"
import * as Semaphores from "./semaphoreServer.ts"

export const builtIns: ReadonlyArray<BuiltIn> = [
  Locks.lock,
  Locks.rLock,
  Semaphores.semaphore,
  Semaphores.boundedSemaphore,
  event,
  condition,
  barrier
]
