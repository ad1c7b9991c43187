import type { Manager } from "effect-multiprocessing/Manager"
import type { ManagerError } from "effect-multiprocessing/ManagerError"
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteBarrier from "effect-multiprocessing/RemoteBarrier"
import * as RemoteBoundedSemaphore from "effect-multiprocessing/RemoteBoundedSemaphore"
import * as RemoteCondition from "effect-multiprocessing/RemoteCondition"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import type * as RemoteRLock from "effect-multiprocessing/RemoteRLock"
import type * as RemoteSemaphore from "effect-multiprocessing/RemoteSemaphore"
import type { SyncError } from "effect-multiprocessing/SyncError"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Equal, is } from "./equal.ts"

declare const lock: RemoteLock.RemoteLock
declare const rLock: RemoteRLock.RemoteRLock
declare const semaphore: RemoteSemaphore.RemoteSemaphore
declare const bounded: RemoteBoundedSemaphore.RemoteBoundedSemaphore
declare const condition: RemoteCondition.RemoteCondition
declare const barrier: RemoteBarrier.RemoteBarrier
declare const work: Effect.Effect<number, "no", "Database">

export const made = [RemoteLock.make(), RemoteBoundedSemaphore.make(2)] as const
is<
  Equal<typeof made[0], Effect.Effect<RemoteLock.RemoteLock, ManagerError | RemoteError, Manager | Scope.Scope>>
>()

export const used = {
  plain: lock.withLock(work),
  told: rLock.withLock(({ abandoned }) => abandoned ? work : work),
  permits: semaphore.withPermits(2)(work),
  bounded: bounded.withPermit(work),
  waited: condition.waitFor(condition.isLocked, "1 second"),
  met: barrier.wait(),
  acted: barrier.wait({ action: work, timeout: 5 })
}
is<
  Equal<typeof used.plain, Effect.Effect<number, "no" | RemoteError, "Database">>,
  Equal<typeof used.told, Effect.Effect<number, "no" | RemoteError, "Database">>
>()
is<
  Equal<typeof used.permits, Effect.Effect<number, "no" | RemoteError, "Database">>,
  Equal<typeof used.bounded, Effect.Effect<number, "no" | RemoteError | SyncError, "Database">>
>()
is<
  Equal<typeof used.met, Effect.Effect<number, RemoteError | SyncError>>,
  Equal<typeof used.acted, Effect.Effect<number, "no" | RemoteError | SyncError, "Database">>
>()
is<Equal<typeof used.waited, Effect.Effect<boolean, RemoteError | SyncError>>>()

// Locks in messages
export const payload = Schema.Struct({ lock: RemoteLock.schema, barrier: RemoteBarrier.schema })
is<Equal<typeof payload.Type["lock"], RemoteLock.RemoteLock>>()

export const kept = Remote.retain(lock)
is<Equal<typeof kept, Effect.Effect<RemoteLock.RemoteLock, RemoteError, Scope.Scope>>>()

RemoteCondition.make({ lock })
RemoteCondition.make({ lock: rLock })
// @ts-expect-error Type 'RemoteSemaphore' is not assignable to type 'RemoteLock | RemoteRLock'.
RemoteCondition.make({ lock: semaphore })
// @ts-expect-error Property 'parties' is missing in type '{}'
RemoteBarrier.make({})
// @ts-expect-error Property 'release' does not exist on type 'RemoteRLock'
export const none = rLock.release
