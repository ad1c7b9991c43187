/**
 * Numbers that processes share, each of them read and written atomically: CPython's `multiprocessing.Array`.
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
import { InvalidOption } from "../wire/InvalidOption.ts"
import { fail } from "./internal/because.ts"
import { Cells } from "./internal/cells.ts"
import * as Element from "./internal/element.ts"
import type { Native } from "./Native.ts"
import type { ResourceError } from "./ResourceError.ts"
import * as SharedMemory from "./SharedMemory.ts"

/**
 * Numbers of one type in a segment.
 *
 * **Details**
 *
 * Each operation on a number is atomic between all processes and threads that have the segment, for every type, and
 * needs no lock. An index may be negative, as for `Array.prototype.at`. What the type cannot hold is a `NotStorable`,
 * the sum of an `add` too, and then nothing was changed.
 *
 * `array` is the memory itself, for loops over many numbers: not atomic, unless `Atomics` is used, and converting what
 * is assigned, as typed arrays do.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface SharedArray<T extends SharedMemory.ElementType> {
  readonly segment: SharedMemory.SharedMemory
  readonly type: T
  /** bytes from the segment's beginning */
  readonly offset: number
  readonly length: number
  /** the numbers in place */
  readonly array: SharedMemory.Arrays[T]
  readonly get: (index: number) => Effect.Effect<SharedMemory.Value<T>, ResourceError>
  readonly set: (index: number, value: SharedMemory.Value<T>) => Effect.Effect<void, ResourceError>
  /** Sets a number, and gives what was there before. */
  readonly getAndSet: (
    index: number,
    value: SharedMemory.Value<T>
  ) => Effect.Effect<SharedMemory.Value<T>, ResourceError>
  /** Sets a number if it is as expected, bit by bit: 0 is not -0; whether it was. */
  readonly compareAndSet: (
    index: number,
    expected: SharedMemory.Value<T>,
    value: SharedMemory.Value<T>
  ) => Effect.Effect<boolean, ResourceError>
  /** Adds to a number, and gives the sum. */
  readonly add: (index: number, by: SharedMemory.Value<T>) => Effect.Effect<SharedMemory.Value<T>, ResourceError>
  /** Sets a number to what `change` makes of it, and gives that; it is asked again when another was faster. */
  readonly update: (
    index: number,
    change: (value: SharedMemory.Value<T>) => SharedMemory.Value<T>
  ) => Effect.Effect<SharedMemory.Value<T>, ResourceError>
}

class Numbers<T extends SharedMemory.ElementType> extends Cells<T> implements SharedArray<T> {
  readonly offset: number
  readonly array: SharedMemory.Arrays[T]

  constructor(segment: SharedMemory.SharedMemory, array: SharedMemory.Arrays[T], type: T) {
    super(segment, type, array.byteOffset, array.length)
    this.offset = array.byteOffset
    this.array = array
  }
}

/**
 * Makes a segment with numbers of a type: so many, all 0, or those that are given.
 *
 * **Example** (A histogram that processes fill together)
 *
 * ```ts
 * const histogram = Effect.gen(function*() {
 *   const counts = yield* SharedArray.make("uint32", 256)
 *   yield* Effect.forEach(parts, (part) => count.call({ part, counts }), { concurrency: 4 })
 *   return [...counts.array]
 * }).pipe(Effect.scoped, Effect.provide(Native.layer))
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <T extends SharedMemory.ElementType>(
  type: T,
  lengthOrValues: number | Iterable<SharedMemory.Value<T>>,
  options: SharedMemory.MakeOptions = {}
): Effect.Effect<SharedArray<T>, ResourceError, Native | Scope.Scope> =>
  Effect.gen(function*() {
    const values = typeof lengthOrValues === "number" ? [] : [...lengthOrValues]
    for (const value of values) {
      const checked = Element.check(type, value)
      if (Result.isFailure(checked)) return yield* fail(checked.failure)
    }
    const length = typeof lengthOrValues === "number" ? lengthOrValues : values.length
    const bytes = Element.bytesOf(type)
    const most = Math.floor(SharedMemory.largest / bytes)
    if (!Number.isInteger(length) || length < 1 || length > most) {
      return yield* fail(new InvalidOption({ option: "length", detail: `${length} is not from 1 to ${most}` }))
    }
    const numbers = yield* fromSegment(yield* SharedMemory.make({ ...options, size: length * bytes }), type)
    values.forEach((value, index) => {
      numbers.array[index] = value
    })
    return numbers
  })

/**
 * Attaches the segment of an array that another process has made: as many numbers as it has room for.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const attach = <T extends SharedMemory.ElementType>(
  type: T,
  name: string
): Effect.Effect<SharedArray<T>, ResourceError, Native | Scope.Scope> =>
  Effect.flatMap(
    SharedMemory.attach(name, { size: Element.bytesOf(type) }),
    (segment) => fromSegment(segment, type)
  )

/**
 * The numbers in a part of a segment.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const fromSegment = <T extends SharedMemory.ElementType>(
  segment: SharedMemory.SharedMemory,
  type: T,
  options?: SharedMemory.ViewOptions
): Effect.Effect<SharedArray<T>, ResourceError> =>
  Effect.map(SharedMemory.view(segment, type, options), (array) => new Numbers(segment, array, type))

/**
 * What travels in the place of an array.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Encoded = typeof Part.Encoded

const Part = Schema.Struct({ segment: SharedMemory.schema, offset: Schema.Number, length: Schema.Number })

/**
 * The Schema of an array of a type. As with that of its segment, what travels is where it is, and what arrives is
 * attached for as long as the receiver's Scope is open.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <T extends SharedMemory.ElementType>(
  type: T
): Checked<SharedArray<T>, Encoded, Native | Scope.Scope> =>
  Part.pipe(
    Schema.decodeTo(
      Schema.declare((value): value is SharedArray<T> => value instanceof Numbers && value.type === type, {
        identifier: "SharedArray",
        expected: `a shared array of ${type}`
      }),
      SchemaTransformation.transformEffect({
        decode: ({ segment, ...part }: typeof Part.Type) =>
          Effect.mapError(
            fromSegment(segment, type, part),
            ({ message }) => new SchemaIssue.InvalidValue({ message }, segment.name, undefined)
          ),
        encode: ({ length, offset, segment }: SharedArray<T>) => Effect.succeed({ segment, offset, length })
      })
    )
  )
