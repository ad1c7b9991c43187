/**
 * A value that processes share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Manager } from "../remote/internal/object.ts"
import * as Proxies from "../remote/internal/proxies.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import type { ContainerError } from "./ContainerError.ts"
import { fnOf } from "./internal/change.ts"
import { type Packing, packing } from "./internal/stored.ts"
import * as Typed from "./internal/typed.ts"
import * as Internal from "./internal/value.ts"

/**
 * A function of a manager's module that makes a value of a value.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Update<A> extends Remote.AnyFn {
  readonly payload: Schema.Top & { readonly Type: A }
  readonly success: Schema.Top & { readonly Type: A }
  readonly stream: false
}

/**
 * A value in a manager.
 *
 * **When to use**
 *
 * For one value that several processes read and change: a configuration, a state, a count. As CPython's
 * `manager.Value`.
 *
 * **Details**
 *
 * Each operation is atomic: what others do comes before or after it.
 *
 * **Example** (A state that a child changes and its parent watches)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const state = yield* RemoteValue.make(State, { phase: "waiting" })
 *   yield* (yield* Worker).run({ state })
 *   yield* Stream.runForEach(state.changes, ({ phase }) => Console.log(phase))
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteValue<A, RD = never, RE = never> extends Remote.Instance<"effect-multiprocessing/Value"> {
  readonly get: Effect.Effect<A, RemoteError, RD>
  readonly set: (value: A) => Effect.Effect<void, RemoteError, RE>
  /** Sets it, and gives what was there before. */
  readonly getAndSet: (value: A) => Effect.Effect<A, RemoteError, RD | RE>
  /** Sets it if it is as expected, by what travels and by the objects that proxies in it stand for; whether it was. */
  readonly compareAndSet: (expected: A, value: A) => Effect.Effect<boolean, RemoteError, RE>
  /** Adds to a value that travels as a number, and gives the sum; another fails with `NotANumber`. */
  readonly add: (by: number) => Effect.Effect<number, ContainerError | RemoteError>
  /**
   * Sets it to what a function makes of it, which the manager's module implements, and gives that. Nobody sees or
   * changes the value meanwhile; where the function fails or is interrupted it stays.
   */
  readonly update: <F extends Update<A>>(
    fn: F
  ) => Effect.Effect<A, F["error"]["Type"] | ContainerError | RemoteError, RD | F["error"]["DecodingServices"]>
  /** The value, and each that follows; who reads slowly misses some, and never the last. */
  readonly changes: Stream.Stream<A, RemoteError, RD>
}

/** A class, and its methods made when they are asked for: a program may have very many values. */
class TypedValue implements RemoteValue<any, any, any>, Proxies.LaidOver {
  declare readonly "~effect-multiprocessing/Remote/Object": "effect-multiprocessing/Value"
  readonly raw: Internal.Value
  private readonly packing: Packing

  constructor(raw: Internal.Value, packing: Packing) {
    this.raw = raw
    this.packing = packing
  }

  get [Proxies.LaidOverId](): Proxies.LaidOver {
    return this
  }

  again(raw: object): TypedValue {
    return new TypedValue(raw as Internal.Value, this.packing)
  }

  get get() {
    return Effect.suspend(() => Effect.flatMap(this.raw.get(), this.packing.unpack))
  }

  get set() {
    return (value: unknown) => Effect.flatMap(this.packing.pack(value), (value) => this.raw.set({ value }))
  }

  get getAndSet() {
    const { pack, unpack } = this.packing
    return (value: unknown) => Effect.flatMap(Effect.flatMap(pack(value), (value) => this.raw.swap({ value })), unpack)
  }

  get compareAndSet() {
    const { pack } = this.packing
    return (expected: unknown, value: unknown) =>
      Effect.flatMap(
        Effect.all([pack(expected), pack(value)]),
        ([expected, value]) => this.raw.replace({ expected, value })
      )
  }

  get add() {
    return (by: number) => this.raw.add({ by })
  }

  get update() {
    return (fn: Update<any>) =>
      Effect.flatMap(
        this.raw.change({ fn: fnOf(fn) }),
        (answer) => Typed.orFail(answer, this.packing.unpack, packing(fn.id, fn.error).unpack)
      )
  }

  get changes() {
    return Stream.suspend(() => Stream.mapEffect(this.raw.changes(), this.packing.unpack))
  }
}

/** Sorted, since expected values are compared as they travel. */
const packed = (item: Schema.Top): Packing => packing("value", item, { sorted: true })

const over = <S extends Schema.Top>(item: S) => {
  const ways = packed(item)
  return (raw: Internal.Value): RemoteValue<S["Type"], S["DecodingServices"], S["EncodingServices"]> =>
    new TypedValue(raw, ways)
}

/**
 * A new value in the manager of the Context, leased until the Scope closes.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <S extends Schema.Top>(
  item: S,
  initial: S["Type"]
): Effect.Effect<
  RemoteValue<S["Type"], S["DecodingServices"], S["EncodingServices"]>,
  ManagerError | RemoteError,
  Manager | Scope.Scope | S["EncodingServices"]
> =>
  Effect.map(
    Effect.flatMap(packed(item).pack(initial), (value) => Internal.Value.create({ value })),
    over(item)
  )

/**
 * Values in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <S extends Schema.Top>(
  item: S
): Remote.ObjectSchema<RemoteValue<S["Type"], S["DecodingServices"], S["EncodingServices"]>> =>
  Typed.schema(Internal.Value, over(item))
