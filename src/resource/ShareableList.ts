/**
 * A list of numbers, texts and bytes that processes share: CPython's `multiprocessing.shared_memory.ShareableList`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import type { Checked } from "../wire/internal/checked.ts"
import { because, fail } from "./internal/because.ts"
import * as Layout from "./internal/listLayout.ts"
import { whole } from "./internal/segment.ts"
import type { Native } from "./Native.ts"
import {
  IndexOutOfRange,
  MalformedSegment,
  type ResourceError,
  SegmentClosed,
  SegmentTooSmall
} from "./ResourceError.ts"
import * as SharedMemory from "./SharedMemory.ts"

/**
 * What an item can be: Python's `int` of 64 bits is a bigint, its `float` a number; `str`, `bytes`, `bool` and `None`
 * are what they look like.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Item = Layout.Item

/**
 * A list in a segment.
 *
 * **Details**
 *
 * Its length and the place of each item are fixed when it is made: 8 bytes for a number, and for a text or bytes what
 * they need, in steps of 8. An item can be replaced by any other that fits there. An index may be negative, as for
 * `Array.prototype.at`.
 *
 * What would not be read as it was is a `NotStorable`, and nothing is changed: NULs at the end of a text or of bytes,
 * which the layout cannot tell from those that fill its place; integers of more than 64 bits; what is longer than its
 * place. CPython loses those silently.
 *
 * **Gotchas**
 *
 * No operation is atomic: who reads an item while another process writes it may see half of it, or a `MalformedSegment`.
 * Where that can happen, let a `RemoteLock` decide whose turn it is.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ShareableList {
  readonly segment: SharedMemory.SharedMemory
  readonly length: number
  readonly get: (index: number) => Effect.Effect<Item, ResourceError>
  readonly set: (index: number, item: Item) => Effect.Effect<void, ResourceError>
  readonly toArray: Effect.Effect<Array<Item>, ResourceError>
  /** what Python's `struct` calls all its items, one after another */
  readonly format: Effect.Effect<string, ResourceError>
}

/**
 * How `make` makes a list.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export type Options = SharedMemory.MakeOptions & {
  /** the oldest CPython that is to read it; default `"3.9"`, whose layout all later ones have, and 3.8 has not */
  readonly python?: "3.8" | "3.9" | undefined
}

class List implements ShareableList {
  readonly segment: SharedMemory.SharedMemory
  private readonly table: Layout.Table

  constructor(segment: SharedMemory.SharedMemory, table: Layout.Table) {
    this.segment = segment
    this.table = table
  }

  get length(): number {
    return this.table.length
  }

  private open<A>(use: (table: Layout.Table) => Effect.Effect<A, ResourceError>): Effect.Effect<A, ResourceError> {
    return Effect.suspend(() => {
      const { isClosed, name } = this.segment
      return isClosed ? fail(new SegmentClosed({ name })) : use(this.table)
    })
  }

  private at<A>(
    given: number,
    use: (table: Layout.Table, index: number) => Effect.Effect<A, ResourceError>
  ): Effect.Effect<A, ResourceError> {
    return this.open((table) => {
      const { length } = table
      const index = given < 0 ? given + length : given
      return Number.isInteger(index) && index >= 0 && index < length
        ? use(table, index)
        : fail(new IndexOutOfRange({ name: this.segment.name, index: given, length }))
    })
  }

  get(index: number): Effect.Effect<Item, ResourceError> {
    return this.at(index, (table, index) => found(this.segment, table.get(index)))
  }

  set(index: number, item: Item): Effect.Effect<void, ResourceError> {
    return this.at(index, (table, index) => Effect.mapError(Effect.fromResult(table.set(index, item)), because))
  }

  get toArray(): Effect.Effect<Array<Item>, ResourceError> {
    return this.open((table) => Effect.forEach(indices(table), (index) => found(this.segment, table.get(index))))
  }

  get format(): Effect.Effect<string, ResourceError> {
    return this.open((table) => Effect.sync(() => indices(table).map((index) => table.format(index)).join("")))
  }
}

const indices = ({ length }: Layout.Table): ReadonlyArray<number> => Array.from({ length }, (_, index) => index)

const found = <A>(
  { name }: SharedMemory.SharedMemory,
  result: Result.Result<A, Layout.Malformed>
): Effect.Effect<A, ResourceError> =>
  Effect.fromResult(Result.mapError(result, ({ detail }) => because(new MalformedSegment({ name, detail }))))

const encodeAll = (items: Iterable<Item>): Effect.Effect<ReadonlyArray<Layout.Encoded>, ResourceError> =>
  Effect.forEach(items, (item) => Effect.mapError(Effect.fromResult(Layout.encode(item)), because))

/**
 * Makes a segment with a list, for as long as the Scope is open.
 *
 * **Details**
 *
 * Its bytes are those that CPython would write. A text whose UTF-8 does not fit in the place that CPython would give it,
 * since it counts characters, has a larger one, which CPython reads as well.
 *
 * **Example** (A list that Python reads with `ShareableList(name=...)`)
 *
 * ```ts
 * const job = ShareableList.make(["scan", 600n, 0.5, false], { name: "job" })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  items: Iterable<Item>,
  { python = "3.9", ...options }: Options = {}
): Effect.Effect<ShareableList, ResourceError, Native | Scope.Scope> =>
  Effect.gen(function*() {
    const encoded = yield* encodeAll(items)
    const segment = yield* SharedMemory.make({ ...options, size: Layout.size(encoded, python) })
    return new List(segment, Layout.Table.write(segment.bytes, encoded, python))
  })

/**
 * Bytes that a list of these items takes.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const sizeOf = (
  items: Iterable<Item>,
  { python = "3.9" }: Pick<Options, "python"> = {}
): Effect.Effect<number, ResourceError> => Effect.map(encodeAll(items), (encoded) => Layout.size(encoded, python))

/**
 * Writes a list into a segment that is there already, whatever was in it: one of a manager, for example. A segment
 * without room for it is a `SegmentTooSmall`, and not changed.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const write = (
  segment: SharedMemory.SharedMemory,
  items: Iterable<Item>,
  { python = "3.9" }: Pick<Options, "python"> = {}
): Effect.Effect<ShareableList, ResourceError> =>
  Effect.flatMap(encodeAll(items), (encoded) => {
    const { bytes, isClosed, name, size } = segment
    const expected = Layout.size(encoded, python)
    if (isClosed) return fail(new SegmentClosed({ name }))
    return expected > size
      ? fail(new SegmentTooSmall({ name, size, expected }))
      : Effect.sync(() => new List(segment, Layout.Table.write(bytes, encoded, python)))
  })

/**
 * Attaches a list that another process has made, in Python too.
 *
 * **Details**
 *
 * Which layout it has is seen. A segment that holds something else fails with `MalformedSegment`, as does one whose maker
 * is still about to write its places.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const attach = (name: string): Effect.Effect<ShareableList, ResourceError, Native | Scope.Scope> =>
  whole(Effect.flatMap(SharedMemory.attach(name, { size: 8 }), fromSegment))

/**
 * The list in a segment.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const fromSegment = (segment: SharedMemory.SharedMemory): Effect.Effect<ShareableList, ResourceError> =>
  Effect.suspend(() =>
    segment.isClosed
      ? fail(new SegmentClosed({ name: segment.name }))
      : Effect.map(found(segment, Layout.Table.read(segment.bytes)), (table) => new List(segment, table))
  )

/**
 * The Schema of a list. As with that of its segment, what travels is its name, whatever its length, and what arrives is
 * attached for as long as the receiver's Scope is open.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Checked<ShareableList, typeof SharedMemory.schema.Encoded, Native | Scope.Scope> = SharedMemory
  .schema.pipe(
    Schema.decodeTo(
      Schema.declare((value): value is ShareableList => value instanceof List, {
        identifier: "ShareableList",
        expected: "a shareable list"
      }),
      SchemaTransformation.transformEffect({
        decode: (segment: SharedMemory.SharedMemory) =>
          Effect.mapError(
            fromSegment(segment),
            ({ message }) => new SchemaIssue.InvalidValue({ message }, segment.name, undefined)
          ),
        encode: ({ segment }: ShareableList) => Effect.succeed(segment)
      })
    )
  )
