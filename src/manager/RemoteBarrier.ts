/**
 * Barriers that processes share.
 *
 * A barrier lives in a manager. So many parties, in whatever processes, wait at it, and go on together.
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
import * as Internal from "./internal/barrier.ts"
import { atLeast } from "./internal/checked.ts"
import * as Holding from "./internal/holding.ts"
import type { SyncError } from "./SyncError.ts"

/**
 * How one waits at a barrier.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface WaitOptions<E = never, R = never> {
  /** then the barrier is broken, for all; infinite: as long as it takes. Default the barrier's own */
  readonly timeout?: Duration.Input | undefined
  /** what is done once, by the last who comes, while the others wait for it. If it does not succeed the barrier is broken */
  readonly action?: Effect.Effect<unknown, E, R> | undefined
}

/**
 * A place where so many parties wait for each other, again and again.
 *
 * **When to use**
 *
 * For work in phases: nobody begins the next one before all have ended this one. As CPython's `manager.Barrier(parties)`.
 *
 * **Details**
 *
 * - `wait` returns when as many have come as there are parties: to each its index, from 0 in the order of their coming.
 *   The barrier can be used again at once.
 * - When a party is late, is interrupted, or its process ends while it waits, the others could wait for ever: the barrier
 *   is broken for all, and stays so until `reset`. Who waits, or comes, fails with the `SyncError` `BrokenBarrier`.
 * - Whoever comes last runs the `action` that it has called `wait` with, if any, before anybody goes on. Who comes
 *   meanwhile belongs to the next round. If the action fails, so does its `wait`, and all others with `BrokenBarrier`.
 *
 * **Gotchas**
 *
 * Timeouts are in the time of the machine, whatever clock the program has.
 *
 * **Example** (Rounds of a simulation)
 *
 * ```ts
 * const work = Effect.forever(Effect.gen(function*() {
 *   yield* step
 *   yield* barrier.wait({ action: exchangeBorders })
 * }))
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteBarrier extends Remote.Instance<"effect-multiprocessing/Barrier"> {
  /** Waits until all parties have come. The index of this one, which no other has. */
  readonly wait: <E = never, R = never>(
    options?: WaitOptions<E, R>
  ) => Effect.Effect<number, E | SyncError | RemoteError, R>
  /** Makes it as it was at the beginning. Who waits fails with `BrokenBarrier`. */
  readonly reset: Effect.Effect<void, RemoteError>
  /** Breaks it, until `reset`. */
  readonly abort: Effect.Effect<void, RemoteError>
  /** How many have to come. */
  readonly parties: Effect.Effect<number, RemoteError>
  /** How many have come and wait for others. */
  readonly waiting: Effect.Effect<number, RemoteError>
  /** Whether it is broken. */
  readonly isBroken: Effect.Effect<boolean, RemoteError>
}

/**
 * What a barrier is made with.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** how many have to come, from 1 on */
  readonly parties: number
  /** how long each waits that does not say it itself; default as long as it takes */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A new barrier in the manager of the Context, leased until the Scope closes.
 *
 * **Details**
 *
 * Fails with the `ManagerError` `InvalidOption` if the number of parties is no integer from 1 on.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { parties, timeout }: Options
): Effect.Effect<RemoteBarrier, ManagerError | RemoteError, Manager | Scope.Scope> =>
  Effect.flatMap(
    atLeast(1, "parties", parties),
    (parties) => Internal.Barrier.create({ parties, ...Holding.within(timeout) })
  )

/**
 * Barriers in payloads, results and other objects: what arrives is a proxy of the same barrier.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Remote.ObjectSchema<RemoteBarrier> = Internal.Barrier.schema
