/** A message with something live in it says so in its type, in both processes. */
import * as Reduction from "effect-multiprocessing/Reduction"
import * as Remote from "effect-multiprocessing/Remote"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import type { ResourceSharer } from "effect-multiprocessing/ResourceSharer"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { type Equal, is } from "./equal.ts"

const Message = Schema.Struct({ id: Schema.Int, sockets: Schema.Array(Reduction.Socket) })

is<
  Equal<typeof Message.Type.sockets, ReadonlyArray<Net.Socket>>,
  Equal<typeof Message.EncodingServices, ResourceSharer>,
  Equal<typeof Message.DecodingServices, ResourceSharer>
>()
is<Equal<typeof Reduction.Descriptor.schema.Type, Reduction.Descriptor>>()

class Worker extends Remote.Service<Worker>()("types/Worker", {
  serve: { payload: { socket: Reduction.Socket } }
}) {}

const call = Effect.flatMap(Worker, ({ serve }) => serve({ socket: new Net.Socket() }))
is<Equal<typeof call, Effect.Effect<void, RemoteError, ResourceSharer | Worker>>>()

const encoded = Schema.encodeEffect(Message)({ id: 1, sockets: [] })
// @ts-expect-error Type 'ResourceSharer' is not assignable to type 'never'
void (() => Effect.runPromise(encoded))

// a file belongs to the Scope of who receives it: in a handler that is its call's, so its Layer needs nothing
class Indexer extends Remote.Service<Indexer>()("types/Indexer", {
  index: { payload: { log: Reduction.File } },
  open: { success: Reduction.File }
}) {}

declare const file: Reduction.File
is<
  Equal<typeof Reduction.File.EncodingServices, never>,
  Equal<typeof Reduction.File.DecodingServices, Scope.Scope>,
  Equal<typeof file.position, bigint>
>()
const sent = Effect.flatMap(Indexer, ({ index }) => index({ log: file }))
const received = Effect.flatMap(Indexer, ({ open }) => open())
is<
  Equal<typeof sent, Effect.Effect<void, RemoteError, Indexer>>,
  Equal<typeof received, Effect.Effect<Reduction.File, RemoteError, Indexer | Scope.Scope>>
>()
const IndexerLive = Indexer.toLayer({
  index: () => Effect.void,
  open: () => Effect.orDie(Reduction.openFile("app.log"))
})
is<Equal<typeof IndexerLive, Layer.Layer<Indexer>>>()
// @ts-expect-error Type 'Scope' is not assignable to type 'never'
void (() => Effect.runPromise(Effect.provide(received, IndexerLive)))
void (() => Effect.runPromise(Effect.scoped(Effect.provide(received, IndexerLive))))
// @ts-expect-error missing the following properties from type 'File': path, flag, position
void Effect.flatMap(Indexer, ({ index }) => index({ log: {} as FileSystem.File }))

const power = Remote.fn("types/power", {
  module: new URL("./words.live.ts", import.meta.url),
  payload: { base: Schema.Int },
  success: Schema.Int
})
const bound = Reduction.bind(power, { base: 2 })
is<
  Equal<typeof bound.payload, { readonly base: number }>,
  Equal<typeof bound.call, Effect.Effect<number, RemoteError, Remote.Handler<"types/power">>>
>()
// @ts-expect-error Type 'string' is not assignable to type 'number'
Reduction.bind(power, { base: "2" })
