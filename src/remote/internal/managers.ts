/**
 * The managers that this process can reach: those that it runs, has started or has connected to; and others by the
 * address in a message, for as long as something is leased from them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as RcMap from "effect/RcMap"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Address from "../../connection/Address.ts"
import type { ConnectOptions } from "../../connection/Connection.ts"
import type { ConnectionError } from "../../connection/ConnectionError.ts"
import * as CurrentProcess from "../../wire/internal/currentProcess.ts"
import { RemoteError, Unavailable } from "../../wire/RemoteError.ts"
import type { Session } from "../../wire/Session.ts"
import { contracts, declaration, type Ref } from "./control.ts"
import * as Line from "./line.ts"
import * as Proxies from "./proxies.ts"

/** How this process shows itself to a manager that a message names. */
export interface Credentials {
  readonly find: (address: Address.Address) => ConnectOptions
}

/** A process and its descendants share a key; what others have must be said. */
export const Credentials: Context.Reference<Credentials> = Context.Reference(
  "effect-multiprocessing/Manager/Credentials",
  { defaultValue: (): Credentials => ({ find: () => ({ authKey: CurrentProcess.get().authKey }) }) }
)

export type Reach = Effect.Effect<Proxies.ManagerSession, RemoteError>

/** each by all the ways that there are to it */
const known = new Map<string, ReadonlyArray<Reach>>()

/** Lets messages that name a manager find it by what this process has of it already. */
export const register = (manager: string, reach: Reach): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => void known.set(manager, [...(known.get(manager) ?? []), reach])),
    () =>
      Effect.sync(() => {
        const ways = known.get(manager)!
        const others = ways.toSpliced(ways.lastIndexOf(reach), 1)
        if (others.length === 0) known.delete(manager)
        else known.set(manager, others)
      })
  )

/** A manager and how it is reached; two messages of one manager mean one connection. */
class Key implements Equal.Equal {
  readonly manager: string
  readonly address: Address.Address
  readonly options: ConnectOptions

  constructor(manager: string, address: Address.Address, options: ConnectOptions) {
    this.manager = manager
    this.address = address
    this.options = options
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof Key && that.manager === this.manager
  }

  [Hash.symbol](): number {
    return Hash.string(this.manager)
  }
}

const connect = Effect.fnUntraced(function*(key: Key): Effect.fn.Return<
  Proxies.ManagerSession,
  RemoteError | ConnectionError,
  Scope.Scope
> {
  const { address, manager, options } = key
  const line = yield* Line.make({ ...options, address, reconnect: undefined, waitTimeout: 0 }, [declaration], [])
  const { session } = yield* line.pick("connect", undefined)
  return yield* identified(session, Address.format(address), { meant: manager, pin: connected(key) })
})

/** Nothing is left open in here when nothing is leased: its Scope is the process. */
const connections = RcMap.make({ lookup: connect }).pipe(
  Effect.provideService(Scope.Scope, Scope.makeUnsafe()),
  Effect.runSync
)

/** A failure is of who asked, and not of whoever asks next. */
const shared = (key: Key) => Effect.tapError(RcMap.get(connections, key), () => RcMap.invalidate(connections, key))

/** The connection that there is, or a new one where that has broken. */
const connected = (key: Key): Effect.Effect<Proxies.ManagerSession, RemoteError, Scope.Scope> =>
  Effect.mapError(
    Effect.flatMap(shared(key), (at) =>
      at.session.isOpen()
        ? Effect.succeed(at)
        : Effect.andThen(RcMap.invalidate(connections, key), shared(key))),
    (error) =>
      error instanceof RemoteError
        ? error
        : new RemoteError({ reason: new Unavailable({ method: declaration.id, detail: error.message }) })
  )

/** The session with a manager, known to be the one that is meant if one is. */
export const identified = Effect.fnUntraced(function*(
  session: Session,
  address: string | undefined,
  { meant, pin }: { readonly meant?: string; readonly pin?: Proxies.ManagerSession["pin"] } = {}
): Effect.fn.Return<Proxies.ManagerSession, RemoteError> {
  const about = (yield* session.call(contracts.about.method, undefined) as Effect.Effect<unknown, RemoteError>) as {
    readonly manager: string
    readonly address: string
  }
  const reachable = address ?? about.address
  const at = new Proxies.ManagerSession(about.manager, () => reachable, session, pin)
  return meant === undefined ? at : yield* meantAs(meant, at)
})

/** Another start of a manager counts its tickets anew. */
const meantAs = (
  manager: string,
  at: Proxies.ManagerSession
): Effect.Effect<Proxies.ManagerSession, RemoteError> =>
  at.manager === manager
    ? Effect.succeed(at)
    : Effect.fail(Proxies.gone({ type: declaration.id }, `another start of it is at ${at.address()}`))

/** A session with the manager that a message names, for as long as the Scope is open. */
export const reach = (ref: Ref): Effect.Effect<Proxies.ManagerSession, RemoteError, Scope.Scope> => {
  const { address, manager, type } = ref
  const own = known.get(manager)?.at(-1)
  if (own !== undefined) return Effect.flatMap(own, (at) => meantAs(manager, at))
  const unavailable = (detail: string) => new RemoteError({ reason: new Unavailable({ method: type, detail }) })
  if (address === "") return Effect.fail(unavailable("its manager has no address, and is not in this process"))
  return Effect.gen(function*() {
    const parsed = yield* Effect.fromResult(
      Result.mapError(Address.fromInput(address), ({ message }) => unavailable(message))
    )
    const { find } = yield* Credentials
    return yield* connected(new Key(manager, parsed, find(parsed)))
  })
}
