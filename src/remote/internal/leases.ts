/** How proxies enter messages, and come out of them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RemoteError } from "../../wire/RemoteError.ts"
import { contracts, type Ref } from "./control.ts"
import * as Proxies from "./proxies.ts"

export interface Leases {
  /** what stands for the proxy in one message, to be received once */
  readonly give: (proxy: object) => Effect.Effect<Ref, RemoteError>
  /** a proxy of the class, with a lease of its own for as long as the Scope is open */
  readonly take: (prototype: object, type: string, ref: Ref) => Effect.Effect<object, RemoteError, Scope.Scope>
}

const give = Effect.fnUntraced(function*(proxy: object): Effect.fn.Return<Ref, RemoteError> {
  const { at: { address, manager, session }, number, type } = yield* Proxies.living(proxy)
  const ticket = (yield* session.call(contracts.ticket.method, number) as Effect.Effect<unknown, RemoteError>) as number
  return { type, manager, address: address(), ticket }
})

const take = Effect.fnUntraced(function*(prototype: object, type: string, ref: Ref): Effect.fn.Return<
  object,
  RemoteError,
  Scope.Scope
> {
  // A process that only declares objects does not load what connects to managers.
  const { reach } = yield* Effect.promise(() => import("./managers.ts"))
  const at = yield* reach(ref)
  const lease = yield* Proxies.hold(
    at,
    type,
    (as) =>
      at.session.call(contracts.redeem.method, { type, ticket: ref.ticket, as }) as Effect.Effect<void, RemoteError>
  )
  return Proxies.make(prototype, lease)
})

/** The process's own. */
export const own: Leases = { give, take }

/** Default the process's own; what keeps its proxies apart from its bytes brings another one. */
export const Leases: Context.Reference<Leases> = Context.Reference("effect-multiprocessing/Remote/Leases", {
  defaultValue: () => own
})

/** A second lease of the same object. */
export const retain = <Self extends object>(proxy: Self): Effect.Effect<Self, RemoteError, Scope.Scope> =>
  Proxies.below(
    proxy,
    Effect.fnUntraced(function*(raw: object) {
      const { at, number, type } = yield* Proxies.living(raw)
      const lease = yield* Proxies.hold(
        at,
        type,
        (as) => at.session.call(contracts.retain.method, { lease: number, as }) as Effect.Effect<void, RemoteError>
      )
      return Proxies.make(Object.getPrototypeOf(raw) as object, lease)
    })
  )
