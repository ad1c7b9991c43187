/** The numbers that memory can hold, by the names of their types. */
import * as Result from "effect/Result"
import { NotStorable } from "../ResourceError.ts"

type Memory = SharedArrayBuffer

/** The typed array of each type of numbers. */
export interface Arrays {
  readonly int8: Int8Array<Memory>
  readonly uint8: Uint8Array<Memory>
  readonly int16: Int16Array<Memory>
  readonly uint16: Uint16Array<Memory>
  readonly int32: Int32Array<Memory>
  readonly uint32: Uint32Array<Memory>
  readonly int64: BigInt64Array<Memory>
  readonly uint64: BigUint64Array<Memory>
  readonly float32: Float32Array<Memory>
  readonly float64: Float64Array<Memory>
}

/** The name of a type of numbers. */
export type ElementType = keyof Arrays

/** What one is in JavaScript. */
export type Value<T extends ElementType> = Arrays[T][number]

type Constructor<T extends ElementType> = {
  readonly BYTES_PER_ELEMENT: number
  new(buffer: Memory, offset: number, length: number): Arrays[T]
}

const constructors: { readonly [T in ElementType]: Constructor<T> } = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array
}

/** bytes of one, which is also what its offset is a multiple of */
export const bytesOf = (type: ElementType): number => constructors[type].BYTES_PER_ELEMENT

/** An array in a buffer, where one may be. */
export const array = <T extends ElementType>(type: T, buffer: Memory, offset: number, length: number): Arrays[T] =>
  new (constructors[type] as Constructor<T>)(buffer, offset, length)

const shown = (value: unknown): string => typeof value === "bigint" ? `${value}n` : String(value)

const refuse = (value: unknown, detail: string) => Result.fail(new NotStorable({ value: shown(value), detail }))

/** Whether a value comes back as it is; a `float32` may come back rounded, as floats do. */
export const check = <T extends ElementType>(type: T, value: Value<T>): Result.Result<Value<T>, NotStorable> => {
  if (type === "float32" || type === "float64") {
    if (typeof value !== "number") return refuse(value, `${type} holds numbers`)
    // rounded to an infinity that it is not
    return type === "float32" && Number.isFinite(value) && !Number.isFinite(Math.fround(value))
      ? refuse(value, `it is out of the range of ${type}`)
      : Result.succeed(value)
  }
  const bits = bytesOf(type) * 8
  const signed = type.startsWith("int")
  if (bits === 64) {
    if (typeof value !== "bigint") return refuse(value, `${type} holds bigints`)
    const kept = signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)
    return kept === value ? Result.succeed(value) : refuse(value, `it is out of the range of ${type}`)
  }
  if (typeof value !== "number" || !Number.isInteger(value)) return refuse(value, `${type} holds whole numbers`)
  const least = signed ? -(2 ** (bits - 1)) : 0
  return value >= least && value < least + 2 ** bits
    ? Result.succeed(value)
    : refuse(value, `it is out of the range of ${type}`)
}

/** A sum, which may be out of range. */
export const plus = <T extends ElementType>(
  type: T,
  value: Value<T>,
  by: Value<T>
): Result.Result<Value<T>, NotStorable> =>
  typeof by === typeof value
    ? Result.succeed(((value as number) + (by as number)) as Value<T>)
    : refuse(by, `${type} holds ${typeof value}s`)
