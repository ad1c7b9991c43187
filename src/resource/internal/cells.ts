/** Numbers in a segment, each read and written atomically, and only as they are. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { IndexOutOfRange, type NotStorable, type ResourceError, SegmentClosed } from "../ResourceError.ts"
import type { SharedMemory } from "../SharedMemory.ts"
import { because, fail } from "./because.ts"
import * as Element from "./element.ts"

type Type = Element.ElementType
type Integers = Element.Arrays[Exclude<Type, "float32" | "float64">]
type Bits = number | bigint

/** `Atomics` as it is: its type wants to know which array it is given. */
const atomics = Atomics as unknown as {
  readonly load: (array: Integers, index: number) => Bits
  readonly store: (array: Integers, index: number, bits: Bits) => Bits
  readonly exchange: (array: Integers, index: number, bits: Bits) => Bits
  readonly compareExchange: (array: Integers, index: number, expected: Bits, bits: Bits) => Bits
}

/** How a type's numbers are integers, which is what `Atomics` knows. */
interface Representation {
  readonly type: Exclude<Type, "float32" | "float64">
  readonly encode: (value: Bits) => Bits
  readonly decode: (bits: Bits) => Bits
}

const float = (
  type: Representation["type"],
  number: Float32Array | Float64Array,
  bits: Int32Array | BigInt64Array
): Representation => ({
  type,
  encode: (value) => {
    number[0] = value as number
    return bits[0]!
  },
  decode: (value) => {
    bits[0] = value
    return number[0]!
  }
})

const scratch = new ArrayBuffer(8)

const identity = <A>(value: A): A => value

const representation = (type: Type): Representation =>
  type === "float32"
    ? float("int32", new Float32Array(scratch), new Int32Array(scratch))
    : type === "float64"
    ? float("int64", new Float64Array(scratch), new BigInt64Array(scratch))
    : { type, encode: identity, decode: identity }

/** Numbers of one type. An index may be negative, as for `Array.prototype.at`. */
export class Cells<T extends Type> {
  readonly segment: SharedMemory
  readonly type: T
  readonly length: number
  private readonly integers: Integers
  private readonly representation: Representation

  constructor(segment: SharedMemory, type: T, offset: number, length: number) {
    this.segment = segment
    this.type = type
    this.length = length
    this.representation = representation(type)
    this.integers = Element.array(this.representation.type, segment.buffer, offset, length)
  }

  /** What is done with the place of a number. */
  private at<A>(
    index: number,
    use: (place: number) => Result.Result<A, NotStorable>
  ): Effect.Effect<A, ResourceError> {
    return Effect.suspend(() => {
      const { length, segment: { isClosed, name } } = this
      if (isClosed) return fail(new SegmentClosed({ name }))
      const place = index < 0 ? index + length : index
      if (!Number.isInteger(place) || place < 0 || place >= length) {
        return fail(new IndexOutOfRange({ name, index, length }))
      }
      return Effect.mapError(Effect.fromResult(use(place)), because)
    })
  }

  private decoded(bits: Bits): Element.Value<T> {
    return this.representation.decode(bits) as Element.Value<T>
  }

  private encoded(value: Element.Value<T>): Result.Result<Bits, NotStorable> {
    return Result.map(Element.check(this.type, value), (value) => this.representation.encode(value))
  }

  get(index: number): Effect.Effect<Element.Value<T>, ResourceError> {
    return this.at(index, (place) => Result.succeed(this.decoded(atomics.load(this.integers, place))))
  }

  set(index: number, value: Element.Value<T>): Effect.Effect<void, ResourceError> {
    return this.at(index, (place) =>
      Result.map(this.encoded(value), (bits) => {
        atomics.store(this.integers, place, bits)
      }))
  }

  getAndSet(index: number, value: Element.Value<T>): Effect.Effect<Element.Value<T>, ResourceError> {
    return this.at(
      index,
      (place) => Result.map(this.encoded(value), (bits) => this.decoded(atomics.exchange(this.integers, place, bits)))
    )
  }

  compareAndSet(
    index: number,
    expected: Element.Value<T>,
    value: Element.Value<T>
  ): Effect.Effect<boolean, ResourceError> {
    return this.at(
      index,
      (place) =>
        Result.flatMap(
          this.encoded(expected),
          (before) =>
            Result.map(this.encoded(value), (after) =>
              atomics.compareExchange(this.integers, place, before, after) === before)
        )
    )
  }

  /** `change` is asked again when somebody else was faster. */
  private change(
    index: number,
    change: (value: Element.Value<T>) => Result.Result<Element.Value<T>, NotStorable>
  ): Effect.Effect<Element.Value<T>, ResourceError> {
    return this.at(index, (place) => {
      for (;;) {
        const before = atomics.load(this.integers, place)
        const after = Result.flatMap(change(this.decoded(before)), (value) => this.encoded(value))
        if (Result.isFailure(after)) return Result.fail(after.failure)
        if (atomics.compareExchange(this.integers, place, before, after.success) === before) {
          return Result.succeed(this.decoded(after.success))
        }
      }
    })
  }

  update(
    index: number,
    change: (value: Element.Value<T>) => Element.Value<T>
  ): Effect.Effect<Element.Value<T>, ResourceError> {
    return this.change(index, (value) => Result.succeed(change(value)))
  }

  add(index: number, by: Element.Value<T>): Effect.Effect<Element.Value<T>, ResourceError> {
    return this.change(index, (value) => Element.plus(this.type, value, by))
  }
}
