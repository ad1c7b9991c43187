import * as Remote from "effect-multiprocessing/Remote"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Equal, is } from "./equal.ts"
import { Db } from "./words.live.ts"
import { countWords, ping, type rename, Secret, ticks } from "./words.ts"
import type { Overflow, UnreadableFile, User, Vault } from "./words.ts"

const module = new URL("./words.live.ts", import.meta.url)

// calls
is<
  Equal<
    typeof countWords.call,
    (
      payload: { readonly path: string }
    ) => Effect.Effect<number, UnreadableFile | RemoteError, Remote.Handler<"app/countWords">>
  >
>()
is<
  Equal<ReturnType<typeof ticks.call>, Stream.Stream<number, Overflow | RemoteError, Remote.Handler<"app/ticks">>>,
  Equal<ReturnType<typeof rename.call>, Effect.Effect<User, RemoteError, Remote.Handler<"app/rename">>>
>()
is<
  Equal<Parameters<typeof ping.call>, []>,
  Equal<Parameters<typeof rename.call>, [payload: { readonly name: string; readonly age: number }]>
>()
// @ts-expect-error Expected 1 arguments, but got 0.
countWords.call()
// @ts-expect-error Type 'number' is not assignable to type 'string'.
countWords.call({ path: 1 })
// @ts-expect-error Expected 0 arguments, but got 1.
ping.call({})

// implementations
const needsDb = countWords.toLayer(({ path }) => Effect.map(Db, (db) => db.max + path.length))
is<Equal<typeof needsDb, Layer.Layer<Remote.Handler<"app/countWords">, never, Db>>>()
// a handler's Scope is that of its call, and it may fail as a proxy does
countWords.toLayer(() => Effect.as(Effect.addFinalizer(() => Effect.void), 1)) satisfies Layer.Layer<
  Remote.Handler<"app/countWords">
>
const forwarding = countWords.toLayer(countWords.call)
is<Equal<typeof forwarding, Layer.Layer<Remote.Handler<"app/countWords">, never, Remote.Handler<"app/countWords">>>>()
// @ts-expect-error Type 'string' is not assignable to type 'number'.
countWords.toLayer(() => Effect.succeed("x"))
// @ts-expect-error Type 'string' is not assignable to type 'UnreadableFile | RemoteError'.
countWords.toLayer(() => Effect.fail("boom"))
// @ts-expect-error Type 'Effect<number>' is missing the following properties from type 'Stream<...>'
ticks.toLayer(() => Effect.succeed(1))
// @ts-expect-error Type 'Stream<number>' is missing the following properties from type 'Effect<...>'
countWords.toLayer(() => Stream.make(1))
// @ts-expect-error Property 'paht' does not exist on type '{ readonly path: string; }'.
countWords.toLayer(({ paht }) => Effect.succeed(paht))

// the caller needs what encodes the payload and decodes the answer, the host the reverse
const seal = Remote.fn("app/seal", { module, payload: { text: Secret } })
is<
  Equal<ReturnType<typeof seal.call>, Effect.Effect<void, RemoteError, Vault | Remote.Handler<"app/seal">>>,
  Equal<Remote.FnServices<typeof seal>, Vault>
>()
const sealing = seal.toLayer(() => Effect.void)
is<Equal<typeof sealing, Layer.Layer<Remote.Handler<"app/seal">, never, Vault>>>()

// payloads: a field with a default may be left out, and when all may be, so may the payload
const defaults = Remote.fn("app/defaults", {
  module,
  payload: { n: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(1))), of: Schema.String }
})
is<Equal<Parameters<typeof defaults.call>, [payload: { readonly n?: number; readonly of: string }]>>()
const optional = Remote.fn("app/optional", { module, payload: { n: Schema.optionalKey(Schema.Int) } })
is<Equal<Parameters<typeof optional.call>, [payload?: { readonly n?: number }]>>()
const unknown = Remote.fn("app/unknown", { module, payload: Schema.Unknown })
is<Equal<Parameters<typeof unknown.call>, [payload: unknown]>>()
const union = Remote.fn("app/union", { module, payload: Schema.Union([Schema.Int, Schema.Struct({})]) })
is<Equal<Parameters<typeof union.call>, [payload?: number | {}]>>()

// @ts-expect-error Type 'boolean' is not assignable to type 'true': would silently mean one thing or the other
Remote.fn("app/maybe", { module, stream: Math.random() > 2 })
// @ts-expect-error Type 'string' is not assignable to type 'URL | ModuleRef<Handler<"app/relative">>'.
Remote.fn("app/relative", { module: "./words.live.ts" })
