/**
 * Lists that processes share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
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
import * as Internal from "./internal/list.ts"
import { first, packAll, packing } from "./internal/stored.ts"
import * as Typed from "./internal/typed.ts"
import type { RemoteIterator } from "./RemoteIterator.ts"
import type { Update } from "./RemoteValue.ts"

/**
 * A list in a manager.
 *
 * **When to use**
 *
 * For an order of values that several processes read and change. To hand work from one to another, a `RemoteQueue`. As
 * CPython's `manager.list`.
 *
 * **Details**
 *
 * - Each operation is atomic.
 * - An index may be negative, as for `Array.prototype.at`: -1 is the last.
 * - What is looked for (`remove`, `indexOf`, `count`) is compared as it travels, and a proxy
 *   in it by the object that it stands for.
 * - A value that holds proxies keeps their objects for as long as it is in the list; who reads it has leases of its own.
 * - `size` of a list that others change is true for a moment only. To read all of it, `stream` or `toArray`: what is in
 *   it when they begin.
 *
 * **Example** (Results from several children)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const results = yield* RemoteList.make(Schema.Finite)
 *   const worker = yield* Worker
 *   yield* Effect.forEach(jobs, (job) => worker.run({ job, results }), { concurrency: 4 })
 *   return yield* results.toArray
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteList<A, RD = never, RE = never> extends Remote.Instance<"effect-multiprocessing/List"> {
  /** Puts a value at the end, and gives the size. */
  readonly append: (value: A) => Effect.Effect<number, RemoteError, RE>
  /** Puts values at the end, all at once, and gives the size. */
  readonly extend: (values: Iterable<A>) => Effect.Effect<number, RemoteError, RE>
  /** Puts a value before the one at the index; beyond the end, at the end. */
  readonly insert: (index: number, value: A) => Effect.Effect<void, RemoteError, RE>
  readonly get: (index: number) => Effect.Effect<Option.Option<A>, RemoteError, RD>
  /** Replaces the one at the index; fails with `IndexOutOfRange` if there is none. */
  readonly set: (index: number, value: A) => Effect.Effect<void, ContainerError | RemoteError, RE>
  /** Replaces the one at the index by what a function makes of it, alone, which the manager's module implements. */
  readonly update: <F extends Update<A>>(
    index: number,
    fn: F
  ) => Effect.Effect<A, F["error"]["Type"] | ContainerError | RemoteError, RD | F["error"]["DecodingServices"]>
  /** Takes the one at the index out, default the last. */
  readonly pop: (index?: number) => Effect.Effect<Option.Option<A>, RemoteError, RD>
  /** Takes the first that is equal out; whether there was one. */
  readonly remove: (value: A) => Effect.Effect<boolean, RemoteError, RE>
  /** Takes out all from the one index to before the other, default to the end; how many. */
  readonly removeRange: (start: number, end?: number) => Effect.Effect<number, RemoteError>
  /** Where the first is that is equal, or -1. */
  readonly indexOf: (value: A) => Effect.Effect<number, RemoteError, RE>
  /** How many are equal. */
  readonly count: (value: A) => Effect.Effect<number, RemoteError, RE>
  readonly includes: (value: A) => Effect.Effect<boolean, RemoteError, RE>
  readonly size: Effect.Effect<number, RemoteError>
  readonly reverse: Effect.Effect<void, RemoteError>
  readonly clear: Effect.Effect<void, RemoteError>
  /** From the one index to before the other, as `Array.prototype.slice`. */
  readonly slice: (start?: number, end?: number) => Effect.Effect<Array<A>, RemoteError, RD>
  readonly toArray: Effect.Effect<Array<A>, RemoteError, RD>
  /** All that is in it now, one after the other, as fast as they are read. */
  readonly stream: Stream.Stream<A, RemoteError, RD>
  /** What is in it now, for several to share. */
  readonly iterator: Effect.Effect<RemoteIterator<A, RD>, RemoteError, Scope.Scope>
  /** The size now, and after each change or several: to look again. */
  readonly changes: Stream.Stream<number, RemoteError>
}

const over = <S extends Schema.Top>(item: S) => {
  const { pack, unpack } = packing("list", item, { sorted: true })
  const sought = (value: unknown) => Effect.map(pack(value), (value) => ({ value }))
  const part = (start?: number, end?: number) => ({
    ...start === undefined ? {} : { start },
    ...end === undefined ? {} : { end }
  })
  const proxy = (raw: Internal.List): RemoteList<S["Type"], S["DecodingServices"], S["EncodingServices"]> => {
    const slice = (start?: number, end?: number) => Stream.mapEffect(raw.part(part(start, end)), unpack)
    return Typed.over(raw, proxy, {
      append: (value: unknown) => Effect.flatMap(pack(value), (value) => raw.extend({ values: [value] })),
      extend: (values: Iterable<unknown>) => Effect.flatMap(packAll(pack, values), (values) => raw.extend({ values })),
      insert: (index: number, value: unknown) => Effect.flatMap(pack(value), (value) => raw.insert({ index, value })),
      get: (index: number) => Effect.flatMap(raw.at({ index }), first(unpack)),
      set: (index: number, value: unknown) => Effect.flatMap(pack(value), (value) => raw.put({ index, value })),
      update: (index: number, fn: Update<unknown>) =>
        Effect.flatMap(
          raw.change({ index, fn: fnOf(fn) }),
          (answer) => Typed.orFail(answer, unpack, packing(fn.id, fn.error).unpack)
        ),
      pop: (index = -1) => Effect.flatMap(raw.pop({ index }), first(unpack)),
      remove: (value: unknown) => Effect.flatMap(sought(value), raw.remove),
      removeRange: (start: number, end?: number) => raw.cut(part(start, end)),
      indexOf: (value: unknown) => Effect.flatMap(sought(value), raw.indexOf),
      count: (value: unknown) => Effect.flatMap(sought(value), raw.count),
      includes: (value: unknown) => Effect.map(Effect.flatMap(sought(value), raw.indexOf), (index) => index >= 0),
      size: Effect.suspend(() => raw.size()),
      reverse: Effect.suspend(() => raw.turn()),
      clear: Effect.suspend(() => Effect.asVoid(raw.cut({}))),
      slice: (start?: number, end?: number) => Stream.runCollect(slice(start, end)),
      toArray: Effect.suspend(() => Stream.runCollect(slice())),
      stream: Stream.suspend(() => slice()),
      iterator: Cursor.open(() => raw.iterate(), unpack),
      changes: Stream.suspend(() => raw.changes())
    }) as any
  }
  return proxy
}

/**
 * A new list in the manager of the Context, leased until the Scope closes.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <S extends Schema.Top>(
  item: S,
  values: Iterable<S["Type"]> = []
): Effect.Effect<
  RemoteList<S["Type"], S["DecodingServices"], S["EncodingServices"]>,
  ManagerError | RemoteError,
  Manager | Scope.Scope | S["EncodingServices"]
> =>
  Effect.map(
    Effect.flatMap(packAll(packing("list", item, { sorted: true }).pack, values), (values) =>
      Internal.List.create({ values })),
    over(item)
  )

/**
 * Lists in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <S extends Schema.Top>(
  item: S
): Remote.ObjectSchema<RemoteList<S["Type"], S["DecodingServices"], S["EncodingServices"]>> =>
  Typed.schema(Internal.List, over(item))
