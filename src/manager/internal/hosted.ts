/** A manager in this process: its server, and itself as the first of its clients. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Address from "../../connection/Address.ts"
import { Manager } from "../../remote/internal/object.ts"
import { ManagerSession } from "../../remote/internal/proxies.ts"
import type { ManagerError } from "../../remote/ManagerError.ts"
import * as MemoryTransport from "../../wire/internal/memoryTransport.ts"
import { RemoteError, Unavailable } from "../../wire/RemoteError.ts"
import * as Session from "../../wire/Session.ts"
import { builtIns } from "./builtIns.ts"
import * as Client from "./client.ts"
import * as Server from "./server.ts"

export interface Options {
  readonly id: string
  readonly name: string
  /** once it is known */
  readonly address: () => Address.Address | undefined
  /** milliseconds */
  readonly ticketTimeout: number
  readonly shutdown: Effect.Effect<void, ManagerError>
}

export interface Hosted {
  readonly server: Server.Server
  readonly manager: Manager["Service"]
}

/** How the manager is called where it is itself the client. */
const itself = "the manager itself"

export const make = Effect.fnUntraced(function*<E, R>(
  options: Options,
  layer: Layer.Layer<never, E, R>
): Effect.fn.Return<Hosted, E, Exclude<R, Manager> | Scope.Scope> {
  // Ends last: finalizers of objects may still call others.
  const own = yield* Scope.fork(yield* Effect.scope)
  const reachable = () => {
    const address = options.address()
    return address === undefined ? "" : Address.format(address)
  }
  let session: ManagerSession | undefined
  const manager = yield* Client.make({
    ...options,
    reach: Effect.suspend(() =>
      session === undefined
        ? Effect.fail(
          new RemoteError({ reason: new Unavailable({ method: options.name, detail: "it is being built" }) })
        )
        : Effect.succeed(session)
    )
  })
  const provided = Layer.provide(layer, Layer.succeed(Manager, manager)) as Layer.Layer<never, E, Exclude<R, Manager>>
  const server = yield* Server.make(
    { id: options.id, address: reachable, builtIns, ticketExpiry: options.ticketTimeout },
    provided
  )
  const { ended, onRelease, serve } = server.attend(itself)
  const [here, there] = MemoryTransport.pair([options.name, itself])
  yield* Session.make({ transport: here, serve, onRelease, epoch: options.id }).pipe(Scope.provide(own))
  session = new ManagerSession(
    options.id,
    reachable,
    yield* Scope.provide(Session.make({ transport: there }), own)
  )
  yield* Scope.addFinalizer(own, Effect.sync(ended))
  return { server, manager }
})
