/** What an object of this library's own can ask of the manager that it is in. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { contracts, type Ref } from "../../remote/internal/control.ts"
import type { Implementation } from "../../remote/internal/implementation.ts"
import * as Proxies from "../../remote/internal/proxies.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { BuiltIn, Kept, Leased, Place, Stored } from "./builtIn.ts"
import { type Instance, noTicket } from "./objectTable.ts"
import type { Server } from "./server.ts"

/** An object, as it is being made. */
export interface Own {
  readonly scope: Scope.Scope
  readonly server: Server
}

export const make = ({ scope, server }: Own): Place => new OwnPlace(scope, server)

/** A class, since there is one for each object. */
class OwnPlace implements Place {
  readonly scope: Scope.Scope
  private readonly server: Server

  constructor(scope: Scope.Scope, server: Server) {
    this.scope = scope
    this.server = server
  }

  keep({ bytes, proxies }: Stored): Effect.Effect<Kept, RemoteError> {
    return proxies === undefined || proxies.length === 0
      ? Exit.succeed({ bytes, proxies: undefined })
      : Effect.map(keepAll(this.server, proxies), (proxies) => ({ bytes, proxies }))
  }

  give({ bytes, proxies }: Kept): Effect.Effect<Stored, RemoteError> {
    return proxies === undefined
      ? Exit.succeed({ bytes })
      : Effect.map(Effect.forEach(proxies, ({ ticket }) => ticket), (proxies): Stored => ({ bytes, proxies }))
  }

  drop({ proxies }: Kept): void {
    proxies?.forEach(({ release }) => release())
  }

  create(builtIn: BuiltIn, payload: unknown): Effect.Effect<Ref, unknown> {
    return this.server.createStored(builtIn, payload)
  }

  fn(id: string): Implementation | undefined {
    return this.server.fn(id)
  }
}

/** All of them or none. */
const keepAll = (server: Server, refs: ReadonlyArray<Ref>): Effect.Effect<ReadonlyArray<Leased>, RemoteError> =>
  Effect.uninterruptibleMask((restore) => {
    const kept: Array<Leased> = []
    return Effect.forEach(
      refs,
      (ref) =>
        Effect.map(server.owns(ref) ? own(server, ref) : foreign(ref, restore), (leased) => {
          kept.push(leased)
        }),
      { discard: true }
    ).pipe(
      Effect.onError(() => Effect.sync(() => kept.forEach(({ release }) => release()))),
      Effect.as(kept)
    )
  })

const own = (server: Server, ref: Ref): Effect.Effect<Leased, RemoteError> => {
  const instance = server.table.redeem(ref, "stored")
  return instance === undefined
    ? Effect.fail(Proxies.gone(ref, noTicket))
    : Effect.succeed(stored(server, instance))
}

const stored = (server: Server, instance: Instance): Leased => ({
  ticket: Effect.sync(() => server.refer(instance)),
  release: () => server.table.discount(instance, "stored")
})

/** Of another manager: this one is a client of that one, as long as the object is stored here. */
const foreign = (
  ref: Ref,
  restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
): Effect.Effect<Leased, RemoteError> =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const { reach } = yield* Effect.promise(() => import("../../remote/internal/managers.ts"))
    const { ticket, type } = ref
    const leased = Effect.gen(function*() {
      const at = yield* reach(ref)
      return yield* Proxies.hold(at, type, (as) =>
        at.session.call(contracts.redeem.method, { type, ticket, as }) as Effect.Effect<void, RemoteError>)
    })
    const lease = yield* Effect.onError(restore(Scope.provide(leased, scope)), (cause) =>
      Scope.close(scope, Exit.failCause(cause)))
    return {
      ticket: Effect.map(
        lease.at.session.call(contracts.ticket.method, lease.number) as Effect.Effect<number, RemoteError>,
        (ticket): Ref => ({ type, manager: lease.at.manager, address: lease.at.address(), ticket })
      ),
      release: () =>
        void Effect.runFork(Scope.close(scope, Exit.void))
    }
  })
