/**
 * Queues that processes share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import type { ContainerError } from "./ContainerError.ts"
import { capacityOf } from "./internal/capacity.ts"
import * as Internal from "./internal/queue.ts"
import * as Client from "./internal/queueClient.ts"
import * as Typed from "./internal/typed.ts"
import type { RemoteIterator } from "./RemoteIterator.ts"

/**
 * What all queues can do.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Queue<A, RD, RE> {
  /** Waits for a place, and puts an item into it. */
  readonly put: (item: A) => Effect.Effect<void, ContainerError | RemoteError, RE>
  /** As `put`, but waits no longer than so long; whether it was put in. */
  readonly putWithin: (item: A, timeout: Duration.Input) => Effect.Effect<boolean, ContainerError | RemoteError, RE>
  /** As `put`, but does not wait; whether it was put in. */
  readonly offer: (item: A) => Effect.Effect<boolean, ContainerError | RemoteError, RE>
  /** Waits for an item, and takes it. */
  readonly take: Effect.Effect<A, ContainerError | RemoteError, RD>
  /** As `take`, but waits no longer than so long. */
  readonly takeWithin: (timeout: Duration.Input) => Effect.Effect<Option.Option<A>, ContainerError | RemoteError, RD>
  /** As `take`, but does not wait. */
  readonly poll: Effect.Effect<Option.Option<A>, ContainerError | RemoteError, RD>
  /** Takes what is there, so many at most; does not wait. */
  readonly takeUpTo: (most: number) => Effect.Effect<Array<A>, ContainerError | RemoteError, RD>
  /** Waits for at least one, and takes so many at most. */
  readonly takeBetween: (most: number) => Effect.Effect<Array<A>, ContainerError | RemoteError, RD>
  readonly size: Effect.Effect<number, RemoteError>
  readonly isEmpty: Effect.Effect<boolean, RemoteError>
  readonly isFull: Effect.Effect<boolean, RemoteError>
  readonly capacity: Effect.Effect<number, RemoteError>
  /**
   * Nothing is put in any more: who waits for a place fails with `QueueShutDown`, and who takes does so when nothing is
   * left. `immediate`: what is left is dropped. Default: it can still be taken.
   */
  readonly shutdown: (options?: { readonly immediate?: boolean }) => Effect.Effect<void, RemoteError>
  readonly isShutdown: Effect.Effect<boolean, RemoteError>
  /**
   * Takes items for as long as the queue is not shut down and empty, each when it is asked for: a consumer that stops
   * leaves the rest to others. Where that costs too many questions, repeat `takeBetween`.
   */
  readonly stream: Stream.Stream<A, ContainerError | RemoteError, RD>
  /** What is in it now, for several to look at, taken by nobody. */
  readonly iterator: Effect.Effect<RemoteIterator<A, RD>, RemoteError, Scope.Scope>
}

/**
 * A queue in a manager.
 *
 * **When to use**
 *
 * To hand work, or results, from some processes to others. As CPython's `manager.Queue`.
 *
 * **Details**
 *
 * - An item goes to one taker. Items of one process arrive in the order in which it put them; who waits first is served
 *   first.
 * - A queue with a `capacity` makes who puts wait for a place that there really is.
 * - Nothing is lost on its way out: an item whose taker is interrupted, dies, or cannot decode it, before it has it, goes
 *   back to where it was. Until a taker has it, a queue that is shut down keeps others waiting for it.
 * - An item that holds proxies keeps their objects while it waits, whoever put it in and whether that one still lives.
 *
 * **Gotchas**
 *
 * An item that does not fit the Schema of a taker fails that take, and is the next one again: for another taker.
 *
 * **Example** (Work for several children)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const jobs = yield* RemoteQueue.make(Job, { capacity: 100 })
 *   yield* Effect.forkScoped((yield* Worker).work({ jobs }))
 *   yield* Effect.forEach(all, jobs.put)
 *   yield* jobs.shutdown()
 * })
 *
 * // in each child
 * const work = ({ jobs }) => Stream.runForEach(jobs.stream, doIt)
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteQueue<A, RD = never, RE = never>
  extends Queue<A, RD, RE>, Remote.Instance<"effect-multiprocessing/Queue">
{}

const over = <S extends Schema.Top>(item: S) => {
  const methods = Client.methods(item)
  const proxy = (raw: Internal.Queue): RemoteQueue<S["Type"], S["DecodingServices"], S["EncodingServices"]> =>
    Typed.over(raw, proxy, methods(raw)) as any
  return proxy
}

/**
 * A new queue in the manager of the Context, leased until the Scope closes.
 *
 * **Details**
 *
 * `capacity`: how many items it holds; default any number. Fails with `InvalidOption` if that is no positive integer.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <S extends Schema.Top>(
  item: S,
  options: { readonly capacity?: number | undefined } = {}
): Effect.Effect<
  RemoteQueue<S["Type"], S["DecodingServices"], S["EncodingServices"]>,
  ManagerError | RemoteError,
  Manager | Scope.Scope
> => Effect.map(Effect.flatMap(capacityOf(options), (capacity) => Internal.Queue.create({ capacity })), over(item))

/**
 * Queues in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <S extends Schema.Top>(
  item: S
): Remote.ObjectSchema<RemoteQueue<S["Type"], S["DecodingServices"], S["EncodingServices"]>> =>
  Typed.schema(Internal.Queue, over(item))
