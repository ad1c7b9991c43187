/**
 * A number that processes share: CPython's `multiprocessing.Value`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import type { Checked } from "../wire/internal/checked.ts"
import type { Native } from "./Native.ts"
import type { ResourceError } from "./ResourceError.ts"
import * as SharedArray from "./SharedArray.ts"
import type * as SharedMemory from "./SharedMemory.ts"

/**
 * A number in a segment.
 *
 * **When to use**
 *
 * For what many processes count or look at often: a read costs no message. `RemoteValue` needs no native package, holds
 * any value, and has `changes` to wait for.
 *
 * **Details**
 *
 * Each operation is atomic between all processes and threads that have the segment, for every type, and needs no lock.
 * What the type cannot hold is a `NotStorable`, the sum of an `add` too, and then nothing was changed.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface SharedValue<T extends SharedMemory.ElementType> {
  readonly segment: SharedMemory.SharedMemory
  readonly type: T
  /** bytes from the segment's beginning */
  readonly offset: number
  readonly get: Effect.Effect<SharedMemory.Value<T>, ResourceError>
  readonly set: (value: SharedMemory.Value<T>) => Effect.Effect<void, ResourceError>
  /** Sets it, and gives what was there before. */
  readonly getAndSet: (value: SharedMemory.Value<T>) => Effect.Effect<SharedMemory.Value<T>, ResourceError>
  /** Sets it if it is as expected, bit by bit: 0 is not -0; whether it was. */
  readonly compareAndSet: (
    expected: SharedMemory.Value<T>,
    value: SharedMemory.Value<T>
  ) => Effect.Effect<boolean, ResourceError>
  /** Adds to it, and gives the sum. */
  readonly add: (by: SharedMemory.Value<T>) => Effect.Effect<SharedMemory.Value<T>, ResourceError>
  /** Sets it to what `change` makes of it, and gives that; it is asked again when another was faster. */
  readonly update: (
    change: (value: SharedMemory.Value<T>) => SharedMemory.Value<T>
  ) => Effect.Effect<SharedMemory.Value<T>, ResourceError>
}

class Single<T extends SharedMemory.ElementType> implements SharedValue<T> {
  readonly numbers: SharedArray.SharedArray<T>

  constructor(numbers: SharedArray.SharedArray<T>) {
    this.numbers = numbers
  }

  get segment() {
    return this.numbers.segment
  }

  get type() {
    return this.numbers.type
  }

  get offset() {
    return this.numbers.offset
  }

  get get() {
    return this.numbers.get(0)
  }

  set(value: SharedMemory.Value<T>) {
    return this.numbers.set(0, value)
  }

  getAndSet(value: SharedMemory.Value<T>) {
    return this.numbers.getAndSet(0, value)
  }

  compareAndSet(expected: SharedMemory.Value<T>, value: SharedMemory.Value<T>) {
    return this.numbers.compareAndSet(0, expected, value)
  }

  add(by: SharedMemory.Value<T>) {
    return this.numbers.add(0, by)
  }

  update(change: (value: SharedMemory.Value<T>) => SharedMemory.Value<T>) {
    return this.numbers.update(0, change)
  }
}

const first = <T extends SharedMemory.ElementType>(numbers: SharedArray.SharedArray<T>): SharedValue<T> =>
  new Single(numbers)

/**
 * Makes a segment with one number.
 *
 * **Example** (How far they all are)
 *
 * ```ts
 * Effect.gen(function*() {
 *   const done = yield* SharedValue.make("uint32", 0)
 *   yield* Effect.forkScoped(Effect.repeat(Effect.flatMap(done.get, Console.log), Schedule.spaced("1 second")))
 *   yield* Effect.forEach(pages, (page) => render.call({ page, done }), { concurrency: 4 })
 * }).pipe(Effect.scoped, Effect.provide(Native.layer))
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <T extends SharedMemory.ElementType>(
  type: T,
  value: SharedMemory.Value<T>,
  options?: SharedMemory.MakeOptions
): Effect.Effect<SharedValue<T>, ResourceError, Native | Scope.Scope> =>
  Effect.map(SharedArray.make(type, [value], options), first)

/**
 * Attaches the segment of a number that another process has made.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const attach = <T extends SharedMemory.ElementType>(
  type: T,
  name: string
): Effect.Effect<SharedValue<T>, ResourceError, Native | Scope.Scope> =>
  Effect.map(SharedArray.attach(type, name), first)

/**
 * The number at a place of a segment.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const fromSegment = <T extends SharedMemory.ElementType>(
  segment: SharedMemory.SharedMemory,
  type: T,
  options: { readonly offset?: number | undefined } = {}
): Effect.Effect<SharedValue<T>, ResourceError> =>
  Effect.map(SharedArray.fromSegment(segment, type, { ...options, length: 1 }), first)

/**
 * The Schema of a value of a type. As with that of its segment, what travels is where it is, and what arrives is attached
 * for as long as the receiver's Scope is open.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <T extends SharedMemory.ElementType>(
  type: T
): Checked<SharedValue<T>, SharedArray.Encoded, Native | Scope.Scope> =>
  SharedArray.schema(type).pipe(
    Schema.decodeTo(
      Schema.declare((value): value is SharedValue<T> => value instanceof Single && value.type === type, {
        identifier: "SharedValue",
        expected: `a shared ${type}`
      }),
      SchemaTransformation.transform({
        decode: first<T>,
        encode: (value: SharedValue<T>) => (value as Single<T>).numbers
      })
    )
  )
