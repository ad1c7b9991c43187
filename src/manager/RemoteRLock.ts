/**
 * Locks that processes share, and that their owner may acquire again.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import * as Internal from "./internal/lock.ts"
import type { Acquired, Use } from "./RemoteLock.ts"

/**
 * A re-entrant lock: one owner has it at a time, as often as it likes.
 *
 * **When to use**
 *
 * For functions that lock and call each other. Else `RemoteLock`, which notices that an owner waits for itself by
 * waiting.
 *
 * **Details**
 *
 * - As `RemoteLock` but for this: an owner that acquires it again has it at once, and it is free when each level has been
 *   given back. More cannot be given back than was acquired, since Scopes and `withLock` do it.
 * - The owner is a `withLock` with all that runs within it, fibers that it forks included; or a Scope. Fibers that a
 *   `withLock` has left behind are others.
 *
 * **Gotchas**
 *
 * Fibers within one `withLock` have the lock together, and so have those that acquire it in one Scope: it does not exclude
 * them from each other.
 *
 * A Scope within a Scope is another owner: `Effect.scoped(lock.acquire)` waits for ever in a Scope that has acquired the
 * lock itself. `withLock` in there does not.
 *
 * **Example** (Two functions that lock, one of which calls the other)
 *
 * ```ts
 * const deposit = (amount: number) => lock.withLock(add(amount))
 * const move = (amount: number) => lock.withLock(Effect.andThen(deposit(amount), note(amount)))
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteRLock extends Remote.Instance<"effect-multiprocessing/RLock"> {
  /** Waits for the lock, and has it, or one level more of it, until the Scope closes. */
  readonly acquire: Effect.Effect<Acquired, RemoteError, Scope.Scope>
  /** As `acquire`, but waits no longer than so long: default, not at all. `None`: it was not free in time. */
  readonly tryAcquire: (
    timeout?: Duration.Input
  ) => Effect.Effect<Option.Option<Acquired>, RemoteError, Scope.Scope>
  /**
   * Runs an effect with the lock; its child fibers end with it. When the connection to the manager ends meanwhile, the
   * effect is interrupted and the whole fails with a `RemoteError`, since somebody else may have the lock.
   */
  readonly withLock: <A, E, R>(use: Use<A, E, R>) => Effect.Effect<A, E | RemoteError, R>
  /** Whether somebody has it now. */
  readonly isLocked: Effect.Effect<boolean, RemoteError>
}

/**
 * A new lock in the manager of the Context, leased until the Scope closes.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Effect.Effect<RemoteRLock, ManagerError | RemoteError, Manager | Scope.Scope> =>
  Internal.RLock.create()

/**
 * Locks in payloads, results and other objects: what arrives is a proxy of the same lock.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Remote.ObjectSchema<RemoteRLock> = Internal.RLock.schema
