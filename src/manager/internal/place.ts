/** What an object of this library's own can ask of the manager that it is in. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { contracts, type Ref } from "../../remote/internal/control.ts"
import type { Implementation } from "../../remote/internal/implementation.ts"
import * as Proxies from "../../remote/internal/proxies.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { BuiltIn, Kept, Leased, Place, Stored } from "./builtIn.ts"
import type { Restore } from "./holding.ts"
import { share } from "./items.ts"
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

  keep(values: ReadonlyArray<Stored>, restore: Restore): Effect.Effect<ReadonlyArray<Kept>, RemoteError> {
    return keepAll(this.server, values, restore)
  }

  give(values: ReadonlyArray<Kept>): Effect.Effect<ReadonlyArray<Stored>, RemoteError> {
    return Effect.acquireUseRelease(
      Effect.sync(() => values.map(share)),
      (shared) => Effect.forEach(shared, toTravel),
      (shared) => Effect.sync(() => shared.forEach((kept) => this.drop(kept)))
    )
  }

  drop({ proxies }: Kept): void {
    proxies?.forEach((leased) => leased.release())
  }

  create(builtIn: BuiltIn, payload: unknown): Effect.Effect<Ref, unknown> {
    return this.server.createStored(builtIn, payload)
  }

  owns(ref: Ref): boolean {
    return this.server.owns(ref)
  }

  fn(id: string): Implementation | undefined {
    return this.server.fn(id)
  }
}

const toTravel = ({ bytes, proxies }: Kept): Effect.Effect<Stored, RemoteError> =>
  proxies === undefined
    ? Exit.succeed({ bytes })
    : Effect.map(Effect.forEach(proxies, ({ ticket }) => ticket), (proxies): Stored => ({ bytes, proxies }))

const keepAll = (
  server: Server,
  values: ReadonlyArray<Stored>,
  restore: Restore
): Effect.Effect<ReadonlyArray<Kept>, RemoteError> => {
  const all: Array<Leased> = []
  const lease = (ref: Ref) =>
    Effect.tap(server.owns(ref) ? own(server, ref) : foreign(server, ref, restore), (leased) => {
      all.push(leased)
      return Effect.void
    })
  return Effect.forEach(
    values,
    ({ bytes, proxies }) =>
      Effect.map(Effect.forEach(proxies ?? [], lease), (leased): Kept => ({
        bytes,
        proxies: leased.length === 0 ? undefined : leased
      }))
  ).pipe(Effect.onError(() => Effect.sync(() => all.forEach((leased) => leased.release()))))
}

const own = (server: Server, ref: Ref): Effect.Effect<Leased, RemoteError> => {
  const instance = server.table.redeem(ref, "stored")
  return instance === undefined
    ? Effect.fail(Proxies.gone(ref, noTicket))
    : Effect.succeed(new OwnObject(server, instance))
}

const identity = (manager: string, object: number): string => `${manager} ${object}`

class OwnObject implements Leased {
  private readonly server: Server
  private readonly instance: Instance

  constructor(server: Server, instance: Instance) {
    this.server = server
    this.instance = instance
  }

  get identity(): string {
    return identity(this.server.id, this.instance.id)
  }

  get ticket(): Effect.Effect<Ref> {
    return Effect.sync(() => this.server.refer(this.instance))
  }

  share(): Leased {
    this.server.table.count(this.instance, "stored")
    return this
  }

  release(): void {
    this.server.table.discount(this.instance, "stored")
  }
}

/** Of another manager: this one is a client of that one, as long as the object is stored here. */
const foreign = (server: Server, ref: Ref, restore: Restore): Effect.Effect<Leased, RemoteError> =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const { Credentials, reach } = yield* Effect.promise(() => import("../../remote/internal/managers.ts"))
    const { ticket, type } = ref
    const leased = Effect.gen(function*() {
      const at = yield* reach(ref)
      let object = 0
      const redeem = (as: number) =>
        Effect.map(
          at.session.call(contracts.redeem.method, { type, ticket, as }) as Effect.Effect<number, RemoteError>,
          (redeemed) => {
            object = redeemed
          }
        )
      return { lease: yield* Proxies.hold(at, type, redeem), object }
    })
    const shown = Effect.provideService(leased, Credentials, Context.get(server.services, Credentials))
    const { lease, object } = yield* Effect.onError(
      restore(Scope.provide(shown, scope)),
      (cause) => Scope.close(scope, Exit.failCause(cause))
    )
    return new ForeignObject(lease, object, () => void server.table.attendTo(Scope.close(scope, Exit.void)))
  })

class ForeignObject implements Leased {
  private readonly lease: Proxies.Lease
  private readonly object: number
  private readonly end: () => void
  private shares = 1

  constructor(lease: Proxies.Lease, object: number, end: () => void) {
    this.lease = lease
    this.object = object
    this.end = end
  }

  get identity(): string {
    return identity(this.lease.at.manager, this.object)
  }

  get ticket(): Effect.Effect<Ref, RemoteError> {
    const { at, number, type } = this.lease
    return Effect.map(
      at.session.call(contracts.ticket.method, number) as Effect.Effect<number, RemoteError>,
      (ticket): Ref => ({ type, manager: at.manager, address: at.address(), ticket })
    )
  }

  share(): Leased {
    this.shares++
    return this
  }

  release(): void {
    if (--this.shares === 0) this.end()
  }
}
