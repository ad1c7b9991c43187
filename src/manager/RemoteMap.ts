/**
 * Maps that processes share.
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
import type { ContainerError } from "./ContainerError.ts"
import { fnOf } from "./internal/change.ts"
import * as Cursor from "./internal/cursor.ts"
import * as Internal from "./internal/map.ts"
import { first, named, packing } from "./internal/stored.ts"
import * as Typed from "./internal/typed.ts"
import type { RemoteIterator } from "./RemoteIterator.ts"
import type { Update } from "./RemoteValue.ts"

/**
 * What has become of a map: a key was set or removed, all were, or the watcher was too slow to see it all (`Missed`), and
 * should look again.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Change<K> =
  | { readonly _tag: "Set"; readonly key: K }
  | { readonly _tag: "Removed"; readonly key: K }
  | { readonly _tag: "Cleared" }
  | { readonly _tag: "Missed" }

/**
 * A map in a manager.
 *
 * **When to use**
 *
 * For a cache, a registry, counts by name: what several processes look up and change. As CPython's `manager.dict`.
 *
 * **Details**
 *
 * - Each operation is atomic.
 * - Keys are compared as they travel, whatever the order of their fields; one that holds a proxy fails
 *   with `EncodeFailed`. Entries stay in the order
 *   in which their keys came.
 * - A value that holds proxies keeps their objects for as long as it is in the map; who reads it has leases of its own.
 *
 * **Example** (A cache that several processes fill)
 *
 * ```ts
 * const cached = (cache: RemoteMap.RemoteMap<string, Page>, url: string) =>
 *   Effect.flatMap(cache.get(url), Option.match({
 *     onSome: Effect.succeed,
 *     onNone: () => Effect.flatMap(fetchPage(url), (page) => cache.setDefault(url, page))
 *   }))
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteMap<K, V, KD = never, KE = never, VD = never, VE = never>
  extends Remote.Instance<"effect-multiprocessing/Map">
{
  readonly get: (key: K) => Effect.Effect<Option.Option<V>, RemoteError, KE | VD>
  readonly has: (key: K) => Effect.Effect<boolean, RemoteError, KE>
  readonly set: (key: K, value: V) => Effect.Effect<void, RemoteError, KE | VE>
  /** Sets all of them at once. */
  readonly setAll: (entries: Iterable<readonly [K, V]>) => Effect.Effect<void, RemoteError, KE | VE>
  /** The value that is there; if there is none, this one, which is there then. */
  readonly setDefault: (key: K, value: V) => Effect.Effect<V, RemoteError, KE | VD | VE>
  /** Sets it if it is as expected, by what travels and by the objects that proxies in it stand for; whether it was. */
  readonly compareAndSet: (key: K, expected: V, value: V) => Effect.Effect<boolean, RemoteError, KE | VE>
  /** Adds to a value that travels as a number, from 0 if there is none; another fails with `NotANumber`. */
  readonly add: (key: K, by: number) => Effect.Effect<number, ContainerError | RemoteError, KE>
  /**
   * Sets it to what a function makes of it, or of `initial`; the manager's module implements the function. Nobody sees
   * or changes the map meanwhile; where the function fails or is interrupted it stays as it was.
   */
  readonly update: <F extends Update<V>>(
    key: K,
    initial: V,
    fn: F
  ) => Effect.Effect<
    V,
    F["error"]["Type"] | ContainerError | RemoteError,
    KE | VD | VE | F["error"]["DecodingServices"]
  >
  /** Whether there was one. */
  readonly remove: (key: K) => Effect.Effect<boolean, RemoteError, KE>
  /** Takes it out. */
  readonly pop: (key: K) => Effect.Effect<Option.Option<V>, RemoteError, KE | VD>
  /** Takes out the one whose key came last. */
  readonly popLast: Effect.Effect<Option.Option<readonly [K, V]>, RemoteError, KD | VD>
  readonly size: Effect.Effect<number, RemoteError>
  readonly clear: Effect.Effect<void, RemoteError>
  /** All that is in it now, one after the other, as fast as they are read. */
  readonly entries: Stream.Stream<readonly [K, V], RemoteError, KD | VD>
  readonly keys: Stream.Stream<K, RemoteError, KD>
  readonly values: Stream.Stream<V, RemoteError, VD>
  /** The keys that are in it now, for several to share. */
  readonly iterator: Effect.Effect<RemoteIterator<K, KD>, RemoteError, Scope.Scope>
  /** What becomes of it from now on. */
  readonly changes: Stream.Stream<Change<K>, RemoteError, KD>
}

/**
 * The type of maps of such keys and values.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type Of<K extends Schema.Top, V extends Schema.Top> = RemoteMap<
  K["Type"],
  V["Type"],
  K["DecodingServices"],
  K["EncodingServices"],
  V["DecodingServices"],
  V["EncodingServices"]
>

const packings = (key: Schema.Top, value: Schema.Top) => ({
  keys: packing("key", key, named),
  values: packing("value", value, { sorted: true })
})

const over = <K extends Schema.Top, V extends Schema.Top>(keySchema: K, valueSchema: V) => {
  const { keys, values } = packings(keySchema, valueSchema)
  const key = (key: unknown) => Effect.map(keys.pack(key), ({ bytes }) => bytes)
  const unkey = (bytes: Uint8Array) => keys.unpack({ bytes })
  const proxy = (raw: Internal.Map_): Of<K, V> => {
    const by = <A, E>(use: (payload: { readonly key: Uint8Array }) => Effect.Effect<A, E>) => (name: unknown) =>
      Effect.flatMap(key(name), (key) => use({ key }))
    const both = (name: unknown, value: unknown) =>
      Effect.zipWith(key(name), values.pack(value), (key, value) => ({ key, value }))
    return Typed.over(raw, proxy, {
      get: (name: unknown) => Effect.flatMap(by(raw.get)(name), first(values.unpack)),
      has: by(raw.has),
      set: (name: unknown, value: unknown) => Effect.flatMap(both(name, value), raw.set),
      setAll: (entries: Iterable<readonly [unknown, unknown]>) =>
        Effect.flatMap(packEntries(keySchema, valueSchema, entries), (entries) => raw.setAll({ entries })),
      setDefault: (name: unknown, value: unknown) =>
        Effect.flatMap(Effect.flatMap(both(name, value), raw.setDefault), values.unpack),
      compareAndSet: (name: unknown, expected: unknown, value: unknown) =>
        Effect.flatMap(
          Effect.all([both(name, value), values.pack(expected)]),
          ([payload, expected]) => raw.replace({ ...payload, expected })
        ),
      add: (name: unknown, amount: number) => Effect.flatMap(key(name), (key) => raw.add({ key, by: amount })),
      update: (name: unknown, initial: unknown, fn: Update<unknown>) =>
        Effect.flatMap(
          Effect.flatMap(both(name, initial), ({ key, value }) => raw.change({ key, initial: value, fn: fnOf(fn) })),
          (answer) => Typed.orFail(answer, values.unpack, packing(fn.id, fn.error).unpack)
        ),
      remove: by(raw.remove),
      pop: (name: unknown) => Effect.flatMap(by(raw.pop)(name), first(values.unpack)),
      popLast: Effect.suspend(() =>
        Effect.flatMap(raw.popLast(), ([found]) =>
          found === undefined
            ? Effect.succeed(Option.none())
            : Effect.map(Effect.all([unkey(found[0]), values.unpack(found[1])]), Option.some))
      ),
      size: Effect.suspend(() => raw.size()),
      clear: Effect.suspend(() => raw.clear()),
      entries: Stream.suspend(() =>
        Stream.mapEffect(raw.entries(), ([key, value]) => Effect.all([unkey(key), values.unpack(value)]))
      ),
      keys: Stream.suspend(() => Stream.mapEffect(raw.keys(), unkey)),
      values: Stream.suspend(() => Stream.mapEffect(raw.values(), values.unpack)),
      iterator: Cursor.open(() => raw.iterate(), keys.unpack),
      changes: Stream.suspend(() =>
        Stream.mapEffect(
          raw.changes(),
          (change): Effect.Effect<Change<unknown>, RemoteError, any> =>
            change._tag === "Set" || change._tag === "Removed"
              ? Effect.map(unkey(change.key), (key) => ({ _tag: change._tag, key }))
              : Effect.succeed(change)
        )
      )
    }) as any
  }
  return proxy
}

const packEntries = (
  key: Schema.Top,
  value: Schema.Top,
  entries: Iterable<readonly [unknown, unknown]>
): Effect.Effect<ReadonlyArray<typeof Internal.Entry.Type>, RemoteError, any> => {
  const { keys, values } = packings(key, value)
  return Effect.forEach(
    entries,
    ([key, value]) => Effect.zipWith(keys.pack(key), values.pack(value), ({ bytes }, value) => [bytes, value] as const)
  )
}

/**
 * A new map in the manager of the Context, leased until the Scope closes.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <K extends Schema.Top, V extends Schema.Top>(
  key: K,
  value: V,
  entries: Iterable<readonly [K["Type"], V["Type"]]> = []
): Effect.Effect<
  Of<K, V>,
  ManagerError | RemoteError,
  Manager | Scope.Scope | K["EncodingServices"] | V["EncodingServices"]
> =>
  Effect.map(
    Effect.flatMap(packEntries(key, value, entries), (entries) => Internal.Map_.create({ entries })),
    over(key, value)
  )

/**
 * Maps in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <K extends Schema.Top, V extends Schema.Top>(key: K, value: V): Remote.ObjectSchema<Of<K, V>> =>
  Typed.schema(Internal.Map_, over(key, value))
