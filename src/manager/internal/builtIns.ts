/** The objects that every manager has. */
import * as Arrays from "./arrayServer.ts"
import { barrier } from "./barrierServer.ts"
import type { BuiltIn } from "./builtIn.ts"
import { condition } from "./conditionServer.ts"
import { event } from "./eventServer.ts"
import * as Iterators from "./iteratorServer.ts"
import * as Lists from "./listServer.ts"
import * as Locks from "./lockServer.ts"
import * as Maps from "./mapServer.ts"
import { memory } from "./memoryServer.ts"
import * as Queues from "./queueServer.ts"
import * as Semaphores from "./semaphoreServer.ts"
import * as Sets from "./setServer.ts"
import * as Values from "./valueServer.ts"

export const builtIns: ReadonlyArray<BuiltIn> = [
  Locks.lock,
  Locks.rLock,
  Semaphores.semaphore,
  Semaphores.boundedSemaphore,
  event,
  condition,
  barrier,
  Values.value,
  Lists.list,
  Maps.map,
  Sets.set,
  Arrays.array,
  Queues.queue,
  Queues.joinableQueue,
  Iterators.iterator,
  memory
]
