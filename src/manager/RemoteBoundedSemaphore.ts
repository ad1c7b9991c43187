/**
 * Semaphores that processes share, and that never have more permits than they began with.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import { atLeast } from "./internal/checked.ts"
import * as Internal from "./internal/semaphore.ts"
import type { Patience } from "./RemoteSemaphore.ts"
import type { SyncError } from "./SyncError.ts"

/**
 * Permits, of which there are never more than at the beginning.
 *
 * **When to use**
 *
 * To limit how much is done at a time by all processes together, where a `release` too many is a bug that must show. As
 * CPython's `manager.BoundedSemaphore(value)`.
 *
 * **Details**
 *
 * As `RemoteSemaphore`, and:
 *
 * - `release` fails with the `SyncError` `TooManyReleases` if there would be more permits than at the beginning, those
 *   included that Scopes will give back. Nothing is added then.
 * - Who wants more at once than there are in all fails with `TooManyPermits`, instead of waiting for ever.
 *
 * **Example** (Two licences)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const licences = yield* RemoteBoundedSemaphore.make(2)
 *   yield* Effect.forEach(drawings, (drawing) => licences.withPermit(render(drawing)), { concurrency: 8 })
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteBoundedSemaphore extends Remote.Instance<"effect-multiprocessing/BoundedSemaphore"> {
  /** Waits for permits, default one, and has them until the Scope closes. */
  readonly acquire: (permits?: number) => Effect.Effect<void, SyncError | RemoteError, Scope.Scope>
  /** As `acquire`, but no longer than so long: default, not at all. Whether it has them. */
  readonly tryAcquire: (
    permits?: number,
    patience?: Patience
  ) => Effect.Effect<boolean, SyncError | RemoteError, Scope.Scope>
  /** Runs an effect with so many permits. */
  readonly withPermits: (
    permits: number
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SyncError | RemoteError, R>
  /** Runs an effect with one permit. */
  readonly withPermit: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | SyncError | RemoteError, R>
  /** Waits for permits, default one, and takes them until somebody, in whatever process, calls `release`. */
  readonly take: (permits?: number) => Effect.Effect<void, SyncError | RemoteError>
  /** As `take`, but no longer than so long: default, not at all. Whether it has taken them. */
  readonly tryTake: (permits?: number, patience?: Patience) => Effect.Effect<boolean, SyncError | RemoteError>
  /** Gives back permits that were taken, default one, whoever took them. */
  readonly release: (permits?: number) => Effect.Effect<void, SyncError | RemoteError>
  /** How many permits can be had now. */
  readonly available: Effect.Effect<number, RemoteError>
}

/**
 * A new semaphore in the manager of the Context, leased until the Scope closes.
 *
 * **Details**
 *
 * It has so many permits, default 1. Fails with the `ManagerError` `InvalidOption` if that is no integer from 0 on.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  permits = 1
): Effect.Effect<RemoteBoundedSemaphore, ManagerError | RemoteError, Manager | Scope.Scope> =>
  Effect.flatMap(atLeast(0, "permits", permits), (permits) => Internal.BoundedSemaphore.create({ permits }))

/**
 * Semaphores in payloads, results and other objects: what arrives is a proxy of the same semaphore.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Remote.ObjectSchema<RemoteBoundedSemaphore> = Internal.BoundedSemaphore.schema
