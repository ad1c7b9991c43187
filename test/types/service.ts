import * as Remote from "effect-multiprocessing/Remote"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Equal, is } from "./equal.ts"
import type { Db, KeeperLive, Settings, ThumbnailerLive } from "./words.live.ts"
import { type BadImage, Keeper, type Secret, Thumbnailer, type Vault } from "./words.ts"

// -----------------------------------------------------------------------------
// Proxies
// -----------------------------------------------------------------------------

type T = Thumbnailer["Service"]
is<
  Equal<
    T["resize"],
    (
      payload: { readonly image: Uint8Array<ArrayBufferLike>; readonly width: number }
    ) => Effect.Effect<Uint8Array<ArrayBufferLike>, BadImage | RemoteError>
  >,
  Equal<T["progress"], () => Stream.Stream<number, RemoteError>>,
  Equal<T["size"], () => Effect.Effect<number, RemoteError>>
>()
is<
  Equal<Parameters<T["options"]>, [payload?: { readonly quality?: number }]>,
  Equal<Parameters<T["user"]>, [payload: { readonly name: string; readonly age: number }]>,
  Equal<Context.Service.Shape<typeof Thumbnailer>, Remote.Proxy<typeof Thumbnailer.methods>>
>()
is<Equal<Effect.Success<typeof Thumbnailer>, T>, Equal<Effect.Services<typeof Thumbnailer>, Thumbnailer>>()

class Loose extends Remote.Service<Loose>()("app/Loose", { u: { payload: Schema.Unknown }, v: {} }) {}
is<Equal<Parameters<Loose["Service"]["u"]>, [payload: unknown]>, Equal<Parameters<Loose["Service"]["v"]>, []>>()

export const misuse = (thumbnailer: T) => [
  // @ts-expect-error Expected 1 arguments, but got 0.
  thumbnailer.resize(),
  // @ts-expect-error Type 'string' is not assignable to type 'number'.
  thumbnailer.resize({ image: new Uint8Array(), width: "3" }),
  // @ts-expect-error Object literal may only specify known properties, and 'hight' does not exist
  thumbnailer.resize({ image: new Uint8Array(), width: 3, hight: 3 }),
  // @ts-expect-error Expected 0 arguments, but got 1.
  thumbnailer.size({}),
  // @ts-expect-error Property 'rezise' does not exist on type
  thumbnailer.rezise()
]
// @ts-expect-error Cannot assign to 'size' because it is a read-only property.
export const overwrite = (thumbnailer: T) => thumbnailer.size = () => Effect.succeed(1)

// -----------------------------------------------------------------------------
// Implementations
// -----------------------------------------------------------------------------

// each handler's services, and those of the effect that makes them
is<Equal<typeof ThumbnailerLive, Layer.Layer<Thumbnailer, never, Settings | Db>>>()

const rest = {
  progress: () => Stream.empty,
  size: () => Effect.succeed(1),
  options: () => Effect.succeed(1),
  user: () => Effect.succeed("")
}
const complete = { ...rest, resize: () => Effect.succeed(new Uint8Array()) }

// the Scope of the effect is the Layer's, a handler's that of its call
const scoped = Thumbnailer.toLayer(Effect.gen(function*() {
  yield* Effect.addFinalizer(() => Effect.void)
  return {
    ...rest,
    progress: () => Stream.fromEffect(Effect.as(Effect.addFinalizer(() => Effect.void), 1)),
    resize: () => Effect.acquireRelease(Effect.succeed(new Uint8Array()), () => Effect.void)
  }
}))
is<Equal<typeof scoped, Layer.Layer<Thumbnailer>>>()

const failing = Thumbnailer.toLayer(Effect.as(Effect.fail("no disk" as const), complete))
is<Equal<typeof failing, Layer.Layer<Thumbnailer, "no disk">>>()

// a proxy is an implementation (a gateway), and so is a decorated one
const gateway = Thumbnailer.toLayer(Thumbnailer)
is<Equal<typeof gateway, Layer.Layer<Thumbnailer, never, Thumbnailer>>>()
const decorated = Layer.effect(
  Thumbnailer,
  Effect.map(Thumbnailer, (thumbnailer) => ({ ...thumbnailer, size: () => Effect.succeed(1) }))
)
is<Equal<typeof decorated, Layer.Layer<Thumbnailer, never, Thumbnailer>>>()
const double = Layer.succeed(Thumbnailer, complete)
is<Equal<typeof double, Layer.Layer<Thumbnailer>>>()

// @ts-expect-error Property 'resize' is missing in type
Thumbnailer.toLayer(rest)
// @ts-expect-error Property 'resize' is missing in type
Thumbnailer.toLayer(Effect.succeed(rest))
// @ts-expect-error 'rezise is not declared in the contract'
Thumbnailer.toLayer({ ...complete, rezise: () => Effect.void })
// @ts-expect-error 'rezise is not declared in the contract'
Thumbnailer.toLayer(Effect.succeed({ ...complete, rezise: () => Effect.void }))
// @ts-expect-error 'rezise is not declared in the contract'
Thumbnailer.toLayer(Effect.gen(function*() {
  yield* Effect.void
  return { ...complete, rezise: () => Effect.void }
}))
// @ts-expect-error Type '"boom"' is not assignable to type 'RemoteError | BadImage'.
Thumbnailer.toLayer({ ...rest, resize: () => Effect.fail("boom" as const) })
// @ts-expect-error Type 'string' is not assignable to type 'number'.
Thumbnailer.toLayer({ ...complete, size: () => Effect.succeed("1") })
// @ts-expect-error Type 'Effect<number, never, never>' is missing the following properties from type 'Stream<...>'
Thumbnailer.toLayer({ ...complete, progress: () => Effect.succeed(1) })
// @ts-expect-error Type 'Stream<number, never, never>' is missing the following properties from type 'Effect<...>'
Thumbnailer.toLayer({ ...complete, size: () => Stream.make(1) })
// @ts-expect-error Property 'widht' does not exist on type
Thumbnailer.toLayer({ ...rest, resize: ({ widht }) => Effect.succeed(new Uint8Array(widht)) })

// -----------------------------------------------------------------------------
// Services of codecs
// -----------------------------------------------------------------------------

// the caller seals what it sends, and opens what it gets
is<Equal<typeof Secret.EncodingServices, Vault>, Equal<typeof Secret.DecodingServices, Vault>>()
is<
  Equal<ReturnType<Keeper["Service"]["keep"]>, Effect.Effect<void, RemoteError, Vault>>,
  Equal<ReturnType<Keeper["Service"]["reveal"]>, Stream.Stream<string, RemoteError, Vault>>
>()
// the host the reverse
is<Equal<typeof KeeperLive, Layer.Layer<Keeper, never, Vault>>>()
// @ts-expect-error Type 'Vault' is not assignable to type 'Keeper'.
export const unsealed: Effect.Effect<void, RemoteError, Keeper> = Effect.flatMap(Keeper, (k) => k.keep({ secret: "" }))

// -----------------------------------------------------------------------------
// Declarations
// -----------------------------------------------------------------------------

/** its Layer may be its own property */
class Clock extends Remote.Service<Clock>()("app/Clock", {
  now: { success: Schema.Number },
  ticks: { success: Schema.Int, stream: true }
}) {
  static readonly layer = Clock.toLayer(Effect.gen(function*() {
    yield* Effect.void
    return { now: () => Effect.sync(() => Date.now()), ticks: () => Stream.make(1) }
  }))
}
is<Equal<typeof Clock.layer, Layer.Layer<Clock>>>()

/** two services of the same shape are two types */
class Watch extends Remote.Service<Watch>()("app/Watch", {
  now: { success: Schema.Number },
  ticks: { success: Schema.Int, stream: true }
}) {}
// @ts-expect-error Type '"app/Watch"' is not assignable to type '"app/Clock"'.
Clock.layer satisfies Layer.Layer<Watch>

// @ts-expect-error Type '{ success: Int; }' is not assignable to type '"then is a reserved name"'.
Remote.Service<any>()("x", { then: { success: Schema.Int } })
// @ts-expect-error Type '{}' is not assignable to type '"constructor is a reserved name"'.
Remote.Service<any>()("x", { constructor: {} })
// @ts-expect-error Type '{}' is not assignable to type '"_secret is a reserved name"'.
Remote.Service<any>()("x", { _secret: {} })
// @ts-expect-error Type '{}' is not assignable to type '"a/b is a reserved name"'.
Remote.Service<any>()("x", { "a/b": {} })
// @ts-expect-error Type 'boolean' is not assignable to type 'true': it would be ambiguous
Remote.Service<any>()("x", { a: { stream: Math.random() > 2 } })
const widened = { stream: true }
// @ts-expect-error Type 'boolean' is not assignable to type 'true'.
Remote.Service<any>()("x", { a: widened })
// @ts-expect-error Type 'StringConstructor' is not assignable to type 'Top'.
Remote.Service<any>()("x", { a: { success: String } })
// @ts-expect-error Type '"Missing `Self` generic - use `class Self extends Remote.Service<Self>()...`"' is not a constructor function type.
export class Selfless extends Remote.Service()("app/Selfless", { a: {} }) {}
