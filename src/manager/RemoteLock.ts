/**
 * Locks that processes share.
 *
 * A lock lives in a manager. Whoever has a proxy of it, in whatever process, can acquire it; one at a time has it.
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
import type { SyncError } from "./SyncError.ts"

/**
 * What one is told who has acquired a lock.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Acquired {
  /**
   * The last owner did not give the lock back: its process has died, or its connection has. What the lock protects may be
   * in the middle of a change: look at it and repair it, or fail. It is said to one owner, the first after that.
   */
  readonly abandoned: boolean
  /**
   * Fails when the connection to the manager has ended, and with it what was held: somebody else may have the lock from
   * then on. It never succeeds.
   */
  readonly lost: Effect.Effect<never, RemoteError>
}

/**
 * What is run with a lock: an effect, or what makes one of what one is told.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Use<A, E, R> = Effect.Effect<A, E, R> | ((acquired: Acquired) => Effect.Effect<A, E, R>)

/**
 * A lock that one owner has at a time.
 *
 * **When to use**
 *
 * For a section of a program that only one fiber of all processes may be in: `withLock`. As CPython's `manager.Lock()`.
 *
 * **Details**
 *
 * - An owner is a part of a program, never a process: each `withLock`, and each Scope that the lock is acquired in. Two
 *   fibers of one process exclude each other.
 * - Who asks first has it first. Waiting costs the manager a fiber and nobody a thread, and an interrupted wait leaves
 *   nothing behind.
 * - When a process that has the lock ends, in whatever way, the lock is free at once, and the next owner is told that it
 *   was abandoned.
 *
 * **Gotchas**
 *
 * An owner that acquires it again waits for itself: `RemoteRLock` is for that.
 *
 * A process that has been stopped for long, or that the network has cut off, may go on after its connection has ended and
 * somebody else has the lock. `withLock` interrupts what runs then; with `acquire` and `take` race with `lost`.
 *
 * **Example** (One writer at a time, in whatever process)
 *
 * ```ts
 * class Ledger extends Remote.Service<Ledger>()("app/Ledger", {
 *   append: { payload: { line: Schema.String, lock: RemoteLock.schema } }
 * }) {}
 *
 * const LedgerLive = Ledger.toLayer({
 *   append: ({ line, lock }) => lock.withLock(({ abandoned }) =>
 *     Effect.andThen(abandoned ? dropHalfALine : Effect.void, write(line))
 *   )
 * })
 *
 * const program = Effect.gen(function*() {
 *   const lock = yield* RemoteLock.make()
 *   const ledger = yield* Ledger
 *   yield* Effect.forEach(lines, (line) => ledger.append({ line, lock }), { concurrency: 8 })
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteLock extends Remote.Instance<"effect-multiprocessing/Lock"> {
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
  /**
   * Waits for the lock, and has it until somebody, in whatever process, calls `release`; or until this process ends, which
   * abandons it. For hand-overs that no Scope can span.
   */
  readonly take: Effect.Effect<Acquired, RemoteError>
  /** As `take`, but waits no longer than so long: default, not at all. */
  readonly tryTake: (timeout?: Duration.Input) => Effect.Effect<Option.Option<Acquired>, RemoteError>
  /** Gives back what was taken, by whomever. Fails with `NotTaken` if the lock is free, or a Scope has it. */
  readonly release: Effect.Effect<void, SyncError | RemoteError>
  /** Whether somebody has it now. */
  readonly isLocked: Effect.Effect<boolean, RemoteError>
}

/**
 * A new lock in the manager of the Context, leased until the Scope closes.
 *
 * **Example** (A lock for two fibers)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const lock = yield* RemoteLock.make()
 *   yield* Effect.all([lock.withLock(first), lock.withLock(second)], { concurrency: 2 })
 * })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Effect.Effect<RemoteLock, ManagerError | RemoteError, Manager | Scope.Scope> =>
  Internal.Lock.create()

/**
 * Locks in payloads, results and other objects: what arrives is a proxy of the same lock.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Remote.ObjectSchema<RemoteLock> = Internal.Lock.schema
