/**
 * Sets that processes share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import * as Cursor from "./internal/cursor.ts"
import * as Internal from "./internal/set.ts"
import { named, packing } from "./internal/stored.ts"
import * as Typed from "./internal/typed.ts"
import type { RemoteIterator } from "./RemoteIterator.ts"

/**
 * A set in a manager.
 *
 * **When to use**
 *
 * For what has been seen, done or claimed by one of several processes: `add` says whether it is new. As CPython's
 * `manager.set`, of 3.14.
 *
 * **Details**
 *
 * Each operation is atomic. Members are compared as they travel, whatever the order of their fields; one that
 * holds a proxy fails with `EncodeFailed`.
 *
 * **Example** (Each page once, whoever comes first)
 *
 * ```ts
 * const visit = (seen: RemoteSet.RemoteSet<string>, url: string) =>
 *   Effect.flatMap(seen.add(url), (isNew) => isNew ? fetchPage(url) : Effect.void)
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteSet<A, RD = never, RE = never> extends Remote.Instance<"effect-multiprocessing/Set"> {
  /** Whether it was not there. */
  readonly add: (member: A) => Effect.Effect<boolean, RemoteError, RE>
  /** Adds all of them, which makes the union; how many were not there. */
  readonly addAll: (members: Iterable<A>) => Effect.Effect<number, RemoteError, RE>
  readonly has: (member: A) => Effect.Effect<boolean, RemoteError, RE>
  /** Whether all of them are there. */
  readonly hasAll: (members: Iterable<A>) => Effect.Effect<boolean, RemoteError, RE>
  /** Whether it was there. */
  readonly remove: (member: A) => Effect.Effect<boolean, RemoteError, RE>
  /** Removes all of them, which makes the difference; how many were there. */
  readonly removeAll: (members: Iterable<A>) => Effect.Effect<number, RemoteError, RE>
  /** Removes all others, which makes the intersection; how many are gone. */
  readonly retainAll: (members: Iterable<A>) => Effect.Effect<number, RemoteError, RE>
  /** Takes any of them out. */
  readonly pop: Effect.Effect<Option.Option<A>, RemoteError, RD>
  readonly size: Effect.Effect<number, RemoteError>
  readonly clear: Effect.Effect<void, RemoteError>
  /** All that are in it now, one after the other, as fast as they are read. */
  readonly stream: Stream.Stream<A, RemoteError, RD>
  readonly toArray: Effect.Effect<Array<A>, RemoteError, RD>
  /** What is in it now, for several to share. */
  readonly iterator: Effect.Effect<RemoteIterator<A, RD>, RemoteError, Scope.Scope>
  /** The size now, and after each change or several: to look again. */
  readonly changes: Stream.Stream<number, RemoteError>
}

const pack = (item: Schema.Top) => {
  const { pack } = packing("member", item, named)
  return (
    members: Iterable<unknown>
  ): Effect.Effect<{ readonly members: ReadonlyArray<Uint8Array> }, RemoteError, any> =>
    Effect.map(Effect.forEach(members, (member) => Effect.map(pack(member), ({ bytes }) => bytes)), (members) => ({
      members
    }))
}

const over = <S extends Schema.Top>(item: S) => {
  const many = pack(item)
  const { unpack } = packing("member", item)
  const read = (bytes: Uint8Array) => unpack({ bytes })
  const proxy = (raw: Internal.Set_): RemoteSet<S["Type"], S["DecodingServices"], S["EncodingServices"]> => {
    const stream = Stream.suspend(() => Stream.mapEffect(raw.members(), read))
    const one =
      (use: (payload: { readonly members: ReadonlyArray<Uint8Array> }) => Effect.Effect<number, RemoteError>) =>
      (member: unknown) => Effect.map(Effect.flatMap(many([member]), use), (count) => count === 1)
    return Typed.over(raw, proxy, {
      add: one(raw.add),
      addAll: (members: Iterable<unknown>) => Effect.flatMap(many(members), raw.add),
      has: one(raw.has),
      hasAll: (members: Iterable<unknown>) =>
        Effect.flatMap(
          many(members),
          (payload) => Effect.map(raw.has(payload), (count) => count === payload.members.length)
        ),
      remove: one(raw.remove),
      removeAll: (members: Iterable<unknown>) => Effect.flatMap(many(members), raw.remove),
      retainAll: (members: Iterable<unknown>) => Effect.flatMap(many(members), raw.retain),
      pop: Effect.suspend(() =>
        Effect.flatMap(
          raw.pop(),
          ([found]) => found === undefined ? Effect.succeed(Option.none()) : Effect.map(read(found), Option.some)
        )
      ),
      size: Effect.suspend(() => raw.size()),
      clear: Effect.suspend(() => raw.clear()),
      stream,
      toArray: Stream.runCollect(stream),
      iterator: Cursor.open(() => raw.iterate(), unpack),
      changes: Stream.suspend(() => raw.changes())
    }) as any
  }
  return proxy
}

/**
 * A new set in the manager of the Context, leased until the Scope closes.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <S extends Schema.Top>(
  item: S,
  members: Iterable<S["Type"]> = []
): Effect.Effect<
  RemoteSet<S["Type"], S["DecodingServices"], S["EncodingServices"]>,
  ManagerError | RemoteError,
  Manager | Scope.Scope | S["EncodingServices"]
> => Effect.map(Effect.flatMap(pack(item)(members), Internal.Set_.create), over(item))

/**
 * Sets in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <S extends Schema.Top>(
  item: S
): Remote.ObjectSchema<RemoteSet<S["Type"], S["DecodingServices"], S["EncodingServices"]>> =>
  Typed.schema(Internal.Set_, over(item))
