/**
 * Fields that processes share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import * as Internal from "./internal/map.ts"
import { first, packing } from "./internal/stored.ts"
import * as Typed from "./internal/typed.ts"

type Fields = Readonly<Record<string, Schema.Top>>

type Values<F extends Fields> = { readonly [K in keyof F]?: F[K]["Type"] }

type Decoding<F extends Fields> = F[keyof F]["DecodingServices"]
type Encoding<F extends Fields> = F[keyof F]["EncodingServices"]

/**
 * Fields by name in a manager, each with a Schema of its own; any of them may be absent.
 *
 * **When to use**
 *
 * For a few named values of different types that change one by one. As CPython's `manager.Namespace`.
 *
 * **Example** (What a job says of itself)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const job = yield* RemoteNamespace.make({ phase: Schema.String, done: Schema.Finite })
 *   yield* job.set("phase", "reading")
 *   yield* job.set("done", 0.5)
 *   return yield* job.snapshot
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteNamespace<F extends Fields> extends Remote.Instance<"effect-multiprocessing/Map"> {
  readonly get: <K extends keyof F & string>(
    name: K
  ) => Effect.Effect<Option.Option<F[K]["Type"]>, RemoteError, F[K]["DecodingServices"]>
  readonly set: <K extends keyof F & string>(
    name: K,
    value: F[K]["Type"]
  ) => Effect.Effect<void, RemoteError, F[K]["EncodingServices"]>
  /** Whether it was there. */
  readonly delete: (name: keyof F & string) => Effect.Effect<boolean, RemoteError>
  /** All that are there, as they are at one time. */
  readonly snapshot: Effect.Effect<Values<F>, RemoteError, Decoding<F>>
  /** The name of each field that is set or deleted from now on; of all, where a slow watcher has missed some. */
  readonly changes: Stream.Stream<keyof F & string, RemoteError>
}

const names = packing("field", Schema.String)
const keyOf = (name: string) =>
  Effect.map(names.pack(name), ({ bytes }) => bytes) as Effect.Effect<Uint8Array, RemoteError>
const nameOf = (bytes: Uint8Array) => names.unpack({ bytes }) as Effect.Effect<string, RemoteError>

const packings = (fields: Fields) => {
  const byName = new Map(Object.entries(fields).map(([name, schema]) => [name, packing(name, schema)] as const))
  return (name: string) => {
    const found = byName.get(name)
    if (found === undefined) throw new TypeError(`RemoteNamespace: it has no field "${name}"`)
    return found
  }
}

const over = <F extends Fields>(fields: F) => {
  const of = packings(fields)
  const proxy = (raw: Internal.Map_): RemoteNamespace<F> =>
    Typed.over(raw, proxy, {
      get: (name: string) =>
        Effect.flatMap(keyOf(name), (key) => Effect.flatMap(raw.get({ key }), first(of(name).unpack))),
      set: (name: string, value: unknown) =>
        Effect.flatMap(Effect.all([keyOf(name), of(name).pack(value)]), ([key, value]) => raw.set({ key, value })),
      delete: (name: string) => Effect.flatMap(keyOf(name), (key) => raw.remove({ key })),
      snapshot: Effect.suspend(() =>
        Effect.map(
          Stream.runCollect(Stream.mapEffect(raw.entries(), ([key, value]) =>
            Effect.flatMap(nameOf(key), (name) =>
              Effect.map(of(name).unpack(value), (value) => [name, value] as const)))),
          Object.fromEntries
        )
      ),
      changes: Stream.suspend(() =>
        Stream.flatMap(raw.changes(), (change) =>
          change._tag === "Set" || change._tag === "Removed"
            ? Stream.fromEffect(nameOf(change.key))
            : Stream.fromIterable(Object.keys(fields)))
      )
    }) as any
  return proxy
}

/**
 * A new namespace in the manager of the Context, leased until the Scope closes.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <F extends Fields>(
  fields: F,
  values: Values<F> = {}
): Effect.Effect<RemoteNamespace<F>, ManagerError | RemoteError, Manager | Scope.Scope | Encoding<F>> => {
  const of = packings(fields)
  const entries = Effect.forEach(
    Object.entries(values),
    ([name, value]) => Effect.all([keyOf(name), of(name).pack(value)])
  )
  return Effect.map(Effect.flatMap(entries, (entries) => Internal.Map_.create({ entries })), over(fields))
}

/**
 * Namespaces in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <F extends Fields>(fields: F): Remote.ObjectSchema<RemoteNamespace<F>> =>
  Typed.schema(Internal.Map_, over(fields))
