/**
 * Conditions that processes share.
 *
 * A condition lives in a manager with a lock. Who has the lock, in whatever process, can wait until somebody else, who
 * has it then, says that something has changed.
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
import * as Internal from "./internal/condition.ts"
import type { Lock, RLock } from "./internal/lock.ts"
import type { Acquired, RemoteLock, Use } from "./RemoteLock.ts"
import type { RemoteRLock } from "./RemoteRLock.ts"
import type { SyncError } from "./SyncError.ts"

/**
 * A lock, and waiting for what changes under it.
 *
 * **When to use**
 *
 * Where one waits until something holds that others bring about, and a queue, a semaphore or an event does not say it. As
 * CPython's `manager.Condition()`.
 *
 * **Details**
 *
 * - `wait` gives up the lock, with all its levels, sleeps, and has it again with all its levels before it ends: also when
 *   it is late, and when it is interrupted.
 * - `notify(n)` wakes as many as are asleep, and no more than n; those who fell asleep first go first. A wake-up that
 *   nobody gets, since the sleeper was interrupted or its process ended at that moment, goes to another who slept then.
 *   There are no others: nobody is woken by nothing.
 * - Those who are late have not been woken and take no wake-up from others.
 * - Both need the lock, as `withLock` of the same fiber or one around it has it, or the Scope of the Context: else they
 *   fail with the `SyncError` `LockNotHeld`.
 *
 * **Gotchas**
 *
 * What was waited for may have been undone before the lock is had again: `waitFor` looks, and waits on.
 *
 * An interrupted wait takes as long as somebody else has the lock. Timeouts are in the time of the machine, whatever clock
 * the program has, and say when a wait is woken, not when it has the lock again. A lock that was abandoned meanwhile is
 * told to the next who acquires it, and not to who returns from a wait.
 *
 * **Example** (At most ten at a time)
 *
 * ```ts
 * const enter = room.withLock(Effect.gen(function*() {
 *   yield* room.waitFor(Effect.map(guests.get, (n) => n < 10))
 *   yield* guests.update((n) => n + 1)
 * }))
 *
 * const leave = room.withLock(Effect.andThen(guests.update((n) => n - 1), room.notify()))
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteCondition extends Remote.Instance<"effect-multiprocessing/Condition"> {
  /** Waits for the lock, and has it until the Scope closes. */
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
  /** Whether somebody has the lock now. */
  readonly isLocked: Effect.Effect<boolean, RemoteError>
  /** Sleeps until it is woken, or no longer than so long: default, as long as that takes. `false`: it was not woken. */
  readonly wait: (timeout?: Duration.Input) => Effect.Effect<boolean, SyncError | RemoteError>
  /**
   * Waits until the predicate holds, which is looked at with the lock: at once, and whenever this is woken; or no longer
   * than so long, and then once more. Whether it holds.
   */
  readonly waitFor: <E, R>(
    predicate: Effect.Effect<boolean, E, R>,
    timeout?: Duration.Input
  ) => Effect.Effect<boolean, E | SyncError | RemoteError, R>
  /** Wakes so many, default one; as many as there are, if they are fewer. How many. */
  readonly notify: (count?: number) => Effect.Effect<number, SyncError | RemoteError>
  /** Wakes all. How many. */
  readonly notifyAll: Effect.Effect<number, SyncError | RemoteError>
}

/**
 * What a condition is made with.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * shared with others: conditions that one lock protects, or what uses the lock alone. The condition keeps it. Default a
   * re-entrant lock of its own
   */
  readonly lock?: RemoteLock | RemoteRLock | undefined
}

/**
 * A new condition in the manager of the Context, leased until the Scope closes.
 *
 * **Details**
 *
 * Fails with the `ManagerError` `InvalidOption` if the lock is in another manager.
 *
 * **Example** (Two conditions of one lock)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const lock = yield* RemoteLock.make()
 *   const notEmpty = yield* RemoteCondition.make({ lock })
 *   const notFull = yield* RemoteCondition.make({ lock })
 *   yield* lock.withLock(Effect.andThen(notFull.waitFor(hasRoom), Effect.andThen(put, notEmpty.notify())))
 * })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { lock }: Options = {}
): Effect.Effect<RemoteCondition, ManagerError | RemoteError, Manager | Scope.Scope> =>
  Internal.make(lock as Lock | RLock | undefined)

/**
 * Conditions in payloads, results and other objects: what arrives is a proxy of the same condition.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Remote.ObjectSchema<RemoteCondition> = Internal.Condition.schema
