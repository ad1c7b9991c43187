/** Queues as their clients see them. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ContainerError } from "../ContainerError.ts"
import { claimAll } from "./claimAll.ts"
import * as Cursor from "./cursor.ts"
import * as Holding from "./holding.ts"
import type { JoinableQueue, Queue } from "./queue.ts"
import { packing } from "./stored.ts"

/** What both kinds of queues have. */
export const methods = (item: Schema.Top) => {
  const { pack, unpack } = packing("item", item)
  return (raw: Queue | JoinableQueue) => {
    const put = (value: unknown, timeout: Duration.Input | undefined) =>
      Effect.flatMap(pack(value), (value) => raw.put({ value, ...Holding.within(timeout) }))
    const take = (most: number, timeout: Duration.Input | undefined) =>
      claimAll(raw, unpack, (number) => raw.take({ number, most, ...Holding.within(timeout) }))
    const one = (timeout: Duration.Input) =>
      Effect.map(take(1, timeout), (items) => items.length === 0 ? Option.none() : Option.some(items[0]))
    return {
      put: (value: unknown) => Effect.asVoid(put(value, undefined)),
      putWithin: put,
      offer: (value: unknown) => put(value, 0),
      take: Effect.map(take(1, undefined), ([item]) => item),
      takeWithin: one,
      poll: one(0),
      takeUpTo: (most: number) => most > 0 ? take(most, 0) : Effect.succeed([]),
      takeBetween: (most: number) => take(Math.max(1, most), undefined),
      size: Effect.suspend(() => raw.size()),
      isEmpty: Effect.map(Effect.suspend(() => raw.size()), (size) => size === 0),
      isFull: Effect.suspend(() => Effect.zipWith(raw.size(), raw.capacity(), (size, capacity) => size >= capacity)),
      capacity: Effect.suspend(() => raw.capacity()),
      shutdown: (options?: { readonly immediate?: boolean }) =>
        raw.shutdown({ immediate: options?.immediate === true }),
      isShutdown: Effect.suspend(() => raw.isShutdown()),
      // One at a time: what a stream has taken and nobody has pulled yet would be lost with it.
      stream: Stream.paginate(undefined, () =>
        Effect.matchEffect(take(1, undefined), {
          onSuccess: (items) => Effect.succeed([items, Option.some(undefined)] as const),
          onFailure: (error) =>
            error instanceof ContainerError && error.reason._tag === "QueueShutDown"
              ? Effect.succeed([[], Option.none()] as const)
              : Effect.fail(error)
        })),
      iterator: Cursor.open(() => raw.iterate(), unpack)
    }
  }
}
