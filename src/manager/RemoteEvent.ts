/**
 * Events that processes share.
 *
 * An event lives in a manager and is set or not. Whoever has a proxy of it, in whatever process, can set it, and wait until
 * it is.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import * as Internal from "./internal/event.ts"

/**
 * A flag that many wait for.
 *
 * **When to use**
 *
 * To let any number of processes go at once: the data is loaded, the work is over. As CPython's `manager.Event()`.
 *
 * **Details**
 *
 * `set` wakes all who wait; who comes later does not wait, until it is cleared. What was set and cleared again at once
 * has woken them nevertheless. Waiting costs the manager a fiber, and an interrupted wait leaves nothing behind.
 *
 * **Example** (A start for all)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const start = yield* RemoteEvent.make()
 *   const worker = yield* Worker
 *   const racing = yield* Effect.forkChild(Effect.all([worker.race({ start }), worker.race({ start })], { concurrency: 2 }))
 *   yield* start.set
 *   return yield* Fiber.join(racing)
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteEvent extends Remote.Instance<"effect-multiprocessing/Event"> {
  /** Sets it, which wakes all who wait. */
  readonly set: Effect.Effect<void, RemoteError>
  /** Clears it. */
  readonly clear: Effect.Effect<void, RemoteError>
  /** Whether it is set now. */
  readonly isSet: Effect.Effect<boolean, RemoteError>
  /** Waits until it is set, or no longer than so long: default, as long as that takes. `false`: it was not set in time. */
  readonly wait: (timeout?: Duration.Input) => Effect.Effect<boolean, RemoteError>
}

/**
 * A new event in the manager of the Context, not set, and leased until the Scope closes.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Effect.Effect<RemoteEvent, ManagerError | RemoteError, Manager | Scope.Scope> =>
  Internal.Event.create()

/**
 * Events in payloads, results and other objects: what arrives is a proxy of the same event.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Remote.ObjectSchema<RemoteEvent> = Internal.Event.schema
