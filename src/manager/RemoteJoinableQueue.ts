/**
 * Queues whose items are waited for until they are done.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import type { ContainerError } from "./ContainerError.ts"
import { capacityOf } from "./internal/capacity.ts"
import * as Internal from "./internal/queue.ts"
import * as Client from "./internal/queueClient.ts"
import * as Typed from "./internal/typed.ts"
import type { Queue } from "./RemoteQueue.ts"

/**
 * A `RemoteQueue` that counts what was put in and not yet done.
 *
 * **When to use**
 *
 * Where who hands work out waits until all of it is done: `join`. As CPython's `manager.JoinableQueue`.
 *
 * **Details**
 *
 * Who has taken an item says `taskDone` when it is done with it. Items that are dropped by `shutdown` count as done.
 *
 * **Gotchas**
 *
 * An item whose taker dies after it has it is never done; `unfinished` shows it.
 *
 * **Example** (Wait until all is done)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const jobs = yield* RemoteJoinableQueue.make(Job)
 *   yield* Effect.forkScoped((yield* Worker).work({ jobs }))
 *   yield* Effect.forEach(all, jobs.put)
 *   yield* jobs.join
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteJoinableQueue<A, RD = never, RE = never>
  extends Queue<A, RD, RE>, Remote.Instance<"effect-multiprocessing/JoinableQueue">
{
  /** So many items, default one, are done; fails with `TooManyDone` if there are not so many. */
  readonly taskDone: (count?: number) => Effect.Effect<void, ContainerError | RemoteError>
  /** Waits until all that was put in is done. */
  readonly join: Effect.Effect<void, RemoteError>
  /** How many were put in and are not done. */
  readonly unfinished: Effect.Effect<number, RemoteError>
}

const over = <S extends Schema.Top>(item: S) => {
  const methods = Client.methods(item)
  const proxy = (
    raw: Internal.JoinableQueue
  ): RemoteJoinableQueue<S["Type"], S["DecodingServices"], S["EncodingServices"]> =>
    Typed.over(raw, proxy, {
      ...methods(raw),
      taskDone: (count = 1) => raw.taskDone({ count }),
      join: Effect.suspend(() => raw.join()),
      unfinished: Effect.suspend(() => raw.unfinished())
    }) as any
  return proxy
}

/**
 * A new queue in the manager of the Context, leased until the Scope closes; `capacity` as for a `RemoteQueue`.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <S extends Schema.Top>(
  item: S,
  options: { readonly capacity?: number | undefined } = {}
): Effect.Effect<
  RemoteJoinableQueue<S["Type"], S["DecodingServices"], S["EncodingServices"]>,
  ManagerError | RemoteError,
  Manager | Scope.Scope
> =>
  Effect.map(Effect.flatMap(capacityOf(options), (capacity) => Internal.JoinableQueue.create({ capacity })), over(item))

/**
 * Queues in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <S extends Schema.Top>(
  item: S
): Remote.ObjectSchema<RemoteJoinableQueue<S["Type"], S["DecodingServices"], S["EncodingServices"]>> =>
  Typed.schema(Internal.JoinableQueue, over(item))
