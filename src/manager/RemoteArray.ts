/**
 * Arrays of numbers that processes share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Manager } from "../remote/internal/object.ts"
import { InvalidOption, ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import type { ContainerError } from "./ContainerError.ts"
import * as Internal from "./internal/array.ts"
import * as Typed from "./internal/typed.ts"

/**
 * What the numbers of an array are, as the typed arrays of JavaScript.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Kind = Internal.Kind

/**
 * An array of numbers in a manager, of a fixed length.
 *
 * **When to use**
 *
 * For numbers that are read and written one by one, from anywhere. As CPython's `manager.Array`. Where all processes are
 * on one machine and time matters, shared memory.
 *
 * **Details**
 *
 * Each operation is atomic. A number is made to fit as a typed array does it. A negative index counts from the end. An
 * index without a place fails with `IndexOutOfRange`, and then nothing was written.
 *
 * **Example** (A histogram)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const buckets = yield* RemoteArray.make("Uint32", 10)
 *   yield* buckets.add(3, 1)
 *   return yield* buckets.toArray
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteArray extends Remote.Instance<"effect-multiprocessing/Array"> {
  readonly get: (index: number) => Effect.Effect<number, ContainerError | RemoteError>
  readonly set: (index: number, value: number) => Effect.Effect<void, ContainerError | RemoteError>
  /** Writes all of them, from the index on. */
  readonly setAll: (index: number, values: Iterable<number>) => Effect.Effect<void, ContainerError | RemoteError>
  /** Adds to a number, and gives the sum as it is kept. */
  readonly add: (index: number, by: number) => Effect.Effect<number, ContainerError | RemoteError>
  /** From the one index to before the other, as `Array.prototype.slice`. */
  readonly slice: (start?: number, end?: number) => Effect.Effect<ReadonlyArray<number>, RemoteError>
  readonly toArray: Effect.Effect<ReadonlyArray<number>, RemoteError>
  readonly kind: Effect.Effect<Kind, RemoteError>
  readonly length: Effect.Effect<number, RemoteError>
}

const over = (raw: Internal.Array_): RemoteArray =>
  Typed.over(raw, over, {
    get: (index: number) => raw.get({ index }),
    set: (index: number, value: number) => raw.set({ index, numbers: [value] }),
    setAll: (index: number, values: Iterable<number>) => raw.set({ index, numbers: [...values] }),
    add: (index: number, by: number) => raw.add({ index, by }),
    slice: (start?: number, end?: number) =>
      raw.part({ ...start === undefined ? {} : { start }, ...end === undefined ? {} : { end } }),
    toArray: Effect.suspend(() => raw.part({})),
    kind: Effect.map(Effect.suspend(() => raw.about()), ({ kind }) => kind),
    length: Effect.map(Effect.suspend(() => raw.about()), ({ length }) => length)
  }) as any

/** numbers; what a manager holds for an array is allocated at once */
const longest = 2 ** 27

/**
 * A new array in the manager of the Context, leased until the Scope closes: of so many zeros, or of these numbers. At most
 * 2^27 of them.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  kind: Kind,
  values: number | ReadonlyArray<number>
): Effect.Effect<RemoteArray, ManagerError | RemoteError, Manager | Scope.Scope> => {
  const [length, numbers] = typeof values === "number" ? [values, []] : [values.length, values]
  if (!Number.isInteger(length) || length < 0 || length > longest) {
    const detail = `${length} is no length from 0 to ${longest}`
    return Effect.fail(new ManagerError({ reason: new InvalidOption({ option: "values", detail }) }))
  }
  return Effect.map(Internal.Array_.create({ kind, length, numbers }), over)
}

/**
 * Arrays in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Remote.ObjectSchema<RemoteArray> = Typed.schema(Internal.Array_, over)
