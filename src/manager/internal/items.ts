/** Several stored values at a time. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import * as Now from "../../wire/internal/now.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Kept, Place, Stored } from "./builtIn.ts"
import type { Restore } from "./holding.ts"

/** Leases what values refer to, and then uses them: `use` stores or drops them. An Exit where nothing has to be waited for. */
export const keeping = <A, E>(
  place: Place,
  values: ReadonlyArray<Stored>,
  use: (kept: ReadonlyArray<Kept>, restore: Restore) => Effect.Effect<A, E>
): Effect.Effect<A, E | RemoteError> =>
  values.every(refersToNothing)
    ? use(values.map(({ bytes }) => ({ bytes, proxies: undefined })), identity)
    : Effect.uninterruptibleMask((restore) => Effect.flatMap(place.keep(values, restore), (kept) => use(kept, restore)))

const refersToNothing = ({ proxies }: Stored): boolean => proxies === undefined || proxies.length === 0

/** Makes values ready to travel; they stay stored. An Exit where they refer to nothing. */
export const giveAll = (
  place: Place,
  items: ReadonlyArray<Kept>
): Effect.Effect<ReadonlyArray<Stored>, RemoteError> =>
  items.every(isPlain) ? Exit.succeed(items.map(({ bytes }) => ({ bytes }))) : place.give(items)

const isPlain = ({ proxies }: Kept): boolean => proxies === undefined

/** The same for what is stored no more. */
export const handOver = (
  place: Place,
  items: ReadonlyArray<Kept>
): Effect.Effect<ReadonlyArray<Stored>, RemoteError> =>
  items.every(isPlain)
    ? giveAll(place, items)
    : Effect.ensuring(place.give(items), Effect.sync(() => dropAll(place, items)))

export const dropAll = (place: Place, items: Iterable<Kept>): void => {
  for (const item of items) place.drop(item)
}

/** One that is to be dropped by itself. */
export const share = ({ bytes, proxies }: Kept): Kept => ({
  bytes,
  proxies: proxies?.map((leased) => leased.share())
})

/** One after the other, as far as the reader follows. What is read stays, also where it is dropped meanwhile. */
export const snapshot = (place: Place, items: ReadonlyArray<Kept>): Stream.Stream<Stored, RemoteError> =>
  items.every(isPlain)
    ? Stream.fromIterable(items.map(({ bytes }) => ({ bytes })))
    : Stream.unwrap(Effect.map(
      Effect.acquireRelease(Effect.sync(() => items.map(share)), (shared) => Effect.sync(() => dropAll(place, shared))),
      (shared) => Stream.mapEffect(Stream.fromIterable(shared), (item) => onlyOne(giveAll(place, [item])))
    ))

export const onlyOne = (
  given: Effect.Effect<ReadonlyArray<Stored>, RemoteError>
): Effect.Effect<Stored, RemoteError> => Now.map(given, ([one]) => one!)

/** As `Array.prototype.slice` understands it. */
export const indexIn = (size: number, index: number): number => index < 0 ? size + index : index

/** Whether two values travel in the same way, and stand for the same objects. */
export const same = (a: Kept, b: Kept): boolean =>
  Buffer.compare(a.bytes, b.bytes) === 0 && identities(a) === identities(b)

const identities = ({ proxies }: Kept): string =>
  proxies === undefined ? "" : proxies.map(({ identity }) => identity).join()
