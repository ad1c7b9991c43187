/** Clients of a manager's server over sessions in memory, which can be cut. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { builtIns } from "../../src/manager/internal/builtIns.ts"
import * as Server from "../../src/manager/internal/server.ts"
import * as Manager from "../../src/manager/Manager.ts"
import type { contracts } from "../../src/remote/internal/control.ts"
import * as Proxies from "../../src/remote/internal/proxies.ts"
import * as MemoryTransport from "../../src/wire/internal/memoryTransport.ts"
import * as Session from "../../src/wire/Session.ts"
import layer from "../fixtures/manager/objects.live.ts"

export const managerId = "model"

/** A server of the objects in the fixtures, whose tickets do not expire. */
export const server = Server.make(
  { id: managerId, address: () => "", builtIns, ticketExpiry: Number.POSITIVE_INFINITY },
  // none of these objects makes others
  Layer.provide(layer, Layer.succeed(Manager.Manager, undefined as never))
)

export interface Client {
  readonly at: Proxies.ManagerSession
  readonly cut: () => void
}

export const connect = (server: Server.Server, name: string) =>
  Effect.gen(function*() {
    const { ended, onRelease, serve } = server.attend(name)
    const [here, there] = MemoryTransport.pair([name, "manager"])
    const answering = yield* Session.make({ transport: here, serve, onRelease })
    yield* Effect.forkScoped(Effect.andThen(answering.closed, Effect.sync(ended)))
    const session = yield* Session.make({ transport: there })
    const client: Client = {
      at: new Proxies.ManagerSession(managerId, () => "", session),
      cut: () => there.destroy()
    }
    return client
  })

/** Asks the manager itself. */
export const ask = (
  { session }: Proxies.ManagerSession,
  contract: typeof contracts[keyof typeof contracts],
  payload: unknown
) => session.call(contract.method, payload) as Effect.Effect<any, never>
