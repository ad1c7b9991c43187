import type * as Address from "effect-multiprocessing/Address"
import type { AuthKey } from "effect-multiprocessing/AuthKey"
import type { ConnectionError } from "effect-multiprocessing/ConnectionError"
import type * as Remote from "effect-multiprocessing/Remote"
import * as RemoteClient from "effect-multiprocessing/RemoteClient"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as RemoteServer from "effect-multiprocessing/RemoteServer"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Equal, is } from "./equal.ts"
import { countWords, Keeper, ping, Thumbnailer } from "./words.ts"

declare const authKey: AuthKey
declare const address: Address.Address
declare const ThumbnailerHere: Layer.Layer<Thumbnailer>

// a server needs the implementations of what it serves, no more and no less
const server = RemoteServer.layer({ services: [Thumbnailer, countWords], authKey })
is<
  Equal<
    typeof server,
    Layer.Layer<RemoteServer.RemoteServer, ConnectionError, Thumbnailer | Remote.Handler<"app/countWords">>
  >
>()
const scoped = RemoteServer.make({ services: [ping], authKey })
is<
  Equal<
    typeof scoped,
    Effect.Effect<RemoteServer.RemoteServer["Service"], ConnectionError, Scope.Scope | Remote.Handler<"app/ping">>
  >
>()
// @ts-expect-error Type 'Handler<"app/countWords">' is not assignable to type 'never'.
export const notImplemented: Layer.Layer<RemoteServer.RemoteServer, ConnectionError> = Layer.provide(
  server,
  ThumbnailerHere
)

// a client provides what it asks for
const client = RemoteClient.layer({ address, services: [Thumbnailer, countWords, Keeper], authKey })
type Provided = Thumbnailer | Remote.Handler<"app/countWords"> | Keeper
is<Equal<typeof client, Layer.Layer<Provided, ConnectionError>>>()
const made = RemoteClient.make({ address: "/run/app.sock", services: [Thumbnailer], authKey: "none" })
is<
  Equal<typeof made, Effect.Effect<RemoteClient.RemoteClient<Thumbnailer>, ConnectionError, Scope.Scope>>
>()

// and needs what it serves to its server
const both = RemoteClient.layer({ address, services: [Thumbnailer], serve: [Keeper, ping], authKey })
type Both = Layer.Layer<Thumbnailer, ConnectionError, Keeper | Remote.Handler<"app/ping">>
is<Equal<typeof both, Both>>()

// within a handler
const caller = RemoteServer.client(Thumbnailer)
is<Equal<typeof caller, Effect.Effect<Thumbnailer["Service"], RemoteError>>>()

export const misuse = [
  // @ts-expect-error Source has 0 element(s) but target requires 1.
  RemoteServer.layer({ services: [], authKey }),
  // @ts-expect-error Property 'authKey' is missing
  RemoteServer.layer({ services: [ping] }),
  // @ts-expect-error Property 'address' is missing
  RemoteClient.layer({ services: [ping], authKey }),
  // @ts-expect-error Source has 0 element(s) but target requires 1.
  RemoteClient.layer({ address, services: [], authKey }),
  // @ts-expect-error Type 'true' is not assignable to type 'false | Schedule<...>'
  RemoteClient.layer({ address, services: [ping], authKey, reconnect: true }),
  // @ts-expect-error a function has no service of its own
  RemoteServer.client(ping)
]
