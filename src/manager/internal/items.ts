/** Several stored values at a time. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Kept, Place, Stored } from "./builtIn.ts"

/** All or none; an Exit where none of them holds a proxy. */
export const keepAll = (place: Place, values: ReadonlyArray<Stored>): Effect.Effect<Array<Kept>, RemoteError> => {
  if (values.every(({ proxies }) => proxies === undefined || proxies.length === 0)) {
    return Exit.succeed(values.map(({ bytes }) => ({ bytes, proxies: undefined })))
  }
  return Effect.suspend(() => {
    const kept: Array<Kept> = []
    return Effect.forEach(values, (value) =>
      Effect.uninterruptible(Effect.map(place.keep(value), (one) => {
        kept.push(one)
      })), { discard: true }).pipe(
        Effect.onError(() => Effect.sync(() => dropAll(place, kept))),
        Effect.as(kept)
      )
  })
}

export const giveAll = (
  place: Place,
  items: ReadonlyArray<Kept>
): Effect.Effect<ReadonlyArray<Stored>, RemoteError> =>
  items.every(({ proxies }) => proxies === undefined)
    ? Exit.succeed(items.map(({ bytes }) => ({ bytes })))
    : Effect.forEach(items, (item) => place.give(item))

export const dropAll = (place: Place, items: Iterable<Kept>): void => {
  for (const item of items) place.drop(item)
}

/** One after the other, as far as the reader follows. What is read stays, also where it is dropped meanwhile. */
export const snapshot = (place: Place, items: ReadonlyArray<Kept>): Stream.Stream<Stored, RemoteError> => {
  const read = (items: ReadonlyArray<Kept>) => Stream.mapEffect(Stream.fromIterable(items), (item) => place.give(item))
  if (items.every(({ proxies }) => proxies === undefined)) {
    return Stream.fromIterable(items.map(({ bytes }) => ({ bytes })))
  }
  return Stream.unwrap(Effect.map(
    Effect.acquireRelease(
      Effect.flatMap(giveAll(place, items), (values) => keepAll(place, values)),
      (kept) => Effect.sync(() => dropAll(place, kept))
    ),
    read
  ))
}

/** As `Array.prototype.slice` understands it. */
export const indexIn = (size: number, index: number): number => index < 0 ? size + index : index

export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
