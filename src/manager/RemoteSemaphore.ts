/**
 * Semaphores that processes share.
 *
 * A semaphore lives in a manager and counts permits. Whoever has a proxy of it, in whatever process, can have some of
 * them, and waits while there are not enough.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import { atLeast } from "./internal/checked.ts"
import * as Internal from "./internal/semaphore.ts"

/**
 * How long one waits for permits.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Patience {
  /** then the answer is `false`, and nothing was had. 0 and less: at once */
  readonly timeout: Duration.Input
}

/**
 * Permits, so many of which can be had at a time.
 *
 * **When to use**
 *
 * - To limit how much is done at a time by all processes together: `withPermits`, `acquire`. Where the limit must hold
 *   also against `release`, `RemoteBoundedSemaphore`.
 * - As a signal: one side calls `release` when there is something to do, another `take`s, and neither gives back.
 *
 * As CPython's `manager.Semaphore(value)`.
 *
 * **Details**
 *
 * - Permits of a Scope or of `withPermits` are given back by themselves; also when their process ends, in whatever way.
 * - Permits that were taken are gone. Until `take` has returned, a process that ends, or an interruption, leaves them in
 *   the semaphore.
 * - Who asks first has them first: who wants many is not overtaken by those who want few.
 * - The number of permits is a positive integer; another fails with the `RemoteError` `EncodeFailed`.
 *
 * **Gotchas**
 *
 * When the connection to the manager ends, others may have the permits. `withPermits` interrupts what runs then, and
 * fails with a `RemoteError`.
 *
 * **Example** (No more than four downloads at a time, in all processes)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const slots = yield* RemoteSemaphore.make(4)
 *   const worker = yield* Worker
 *   yield* Effect.forEach(urls, (url) => worker.download({ url, slots }), { concurrency: "unbounded" })
 * })
 *
 * // in each worker
 * const download = ({ slots, url }) => slots.withPermit(fetchOf(url))
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteSemaphore extends Remote.Instance<"effect-multiprocessing/Semaphore"> {
  /** Waits for permits, default one, and has them until the Scope closes. */
  readonly acquire: (permits?: number) => Effect.Effect<void, RemoteError, Scope.Scope>
  /** As `acquire`, but no longer than so long: default, not at all. Whether it has them. */
  readonly tryAcquire: (
    permits?: number,
    patience?: Patience
  ) => Effect.Effect<boolean, RemoteError, Scope.Scope>
  /** Runs an effect with so many permits. */
  readonly withPermits: (
    permits: number
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RemoteError, R>
  /** Runs an effect with one permit. */
  readonly withPermit: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RemoteError, R>
  /** Waits for permits, default one, and takes them away. */
  readonly take: (permits?: number) => Effect.Effect<void, RemoteError>
  /** As `take`, but no longer than so long: default, not at all. Whether it has taken them. */
  readonly tryTake: (permits?: number, patience?: Patience) => Effect.Effect<boolean, RemoteError>
  /** Adds permits, default one, whoever took some. */
  readonly release: (permits?: number) => Effect.Effect<void, RemoteError>
  /** How many permits can be had now. */
  readonly available: Effect.Effect<number, RemoteError>
}

/**
 * A new semaphore in the manager of the Context, leased until the Scope closes.
 *
 * **Details**
 *
 * It begins with so many permits, default 1; 0 for a signal that nobody has given yet. Fails with the `ManagerError`
 * `InvalidOption` if that is no integer from 0 on.
 *
 * **Example** (A signal)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const todo = yield* RemoteSemaphore.make(0)
 *   yield* Effect.forkChild(Effect.forever(Effect.andThen(todo.take(), work)))
 *   yield* todo.release(3)
 * })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (permits = 1): Effect.Effect<RemoteSemaphore, ManagerError | RemoteError, Manager | Scope.Scope> =>
  Effect.flatMap(atLeast(0, "permits", permits), (permits) => Internal.Semaphore.create({ permits }))

/**
 * Semaphores in payloads, results and other objects: what arrives is a proxy of the same semaphore.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Remote.ObjectSchema<RemoteSemaphore> = Internal.Semaphore.schema
