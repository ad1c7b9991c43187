/** What is behind a proxy: a lease, under a number of this process's own, at a session with the object's manager. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { ObjectGone, RemoteError } from "../../wire/RemoteError.ts"
import type { Session } from "../../wire/Session.ts"

/** One session may be known as two, of which neither may use the other's numbers: they are the process's. */
let lastNumber = 0

/**
 * One session with a manager. The numbers of its leases are chosen on this side, so that one which was asked for can be
 * given back whether or not the answer has been heard.
 */
export class ManagerSession {
  /** new for every start of a manager */
  readonly manager: string
  /** where others reach it; empty where only this process can */
  readonly address: () => string
  readonly session: Session
  /** keeps the session open as long as the Scope, where it would else end with the last of its leases */
  readonly pin: Effect.Effect<unknown, RemoteError, Scope.Scope>

  constructor(
    manager: string,
    address: () => string,
    session: Session,
    pin: Effect.Effect<unknown, RemoteError, Scope.Scope> = Effect.void
  ) {
    this.manager = manager
    this.address = address
    this.session = session
    this.pin = pin
  }

  number(): number {
    return ++lastNumber
  }
}

/** A lease as the proxy that was made for it holds it. */
export interface Lease {
  readonly at: ManagerSession
  readonly number: number
  readonly type: string
  ended: boolean
}

const LeaseId: unique symbol = Symbol.for("effect-multiprocessing/Remote/Lease")

/** Proxies have nothing of their own but this: their methods are their class's. */
export const make = <Self extends object>(prototype: Self, lease: Lease): Self =>
  Object.defineProperty(Object.create(prototype), LeaseId, { value: lease })

export const leaseOf = (proxy: unknown): Lease | undefined =>
  typeof proxy === "object" && proxy !== null
    ? (proxy as { readonly [LeaseId]?: Lease })[LeaseId]
    : undefined

export const LaidOverId: unique symbol = Symbol.for("effect-multiprocessing/Remote/LaidOver")

/** Other methods over a proxy's, as those that know a Schema of what is in the object. */
export interface LaidOver {
  readonly raw: object
  readonly again: (raw: object) => object
}

export const layOver = <A extends object>(raw: object, again: LaidOver["again"], methods: A): A =>
  Object.defineProperty(methods, LaidOverId, { value: { raw, again } satisfies LaidOver })

const laidOver = (value: unknown): LaidOver | undefined =>
  typeof value === "object" && value !== null
    ? (value as { readonly [LaidOverId]?: LaidOver })[LaidOverId]
    : undefined

/** The proxy below, or nothing where that is all there is. */
export const rawOf = (value: unknown): object | undefined => laidOver(value)?.raw

/** Does to a proxy what makes another one, below the methods that were put over it. */
export const below = <Self extends object, E, R>(
  proxy: Self,
  f: (raw: object) => Effect.Effect<object, E, R>
): Effect.Effect<Self, E, R> => {
  const over = laidOver(proxy)
  return Effect.map(f(over?.raw ?? proxy), (raw) => (over === undefined ? raw : over.again(raw)) as Self)
}

export const gone = ({ type }: { readonly type: string }, detail: string): RemoteError =>
  new RemoteError({ reason: new ObjectGone({ type, detail }) })

/** The lease of a proxy, if it still has one. */
export const living = (proxy: object): Effect.Effect<Lease, RemoteError> => {
  const lease = leaseOf(proxy)
  return lease === undefined || lease.ended ? notLiving(lease) : Effect.succeed(lease)
}

export const notLiving = (lease: Lease | undefined): Effect.Effect<never, RemoteError> =>
  Effect.fail(
    lease === undefined
      ? gone({ type: "?" }, "it is no proxy")
      : gone(lease, "the Scope of this proxy has closed")
  )

/**
 * A lease for as long as the Scope is open. It is given back by its number however `obtain` ends: an answer that nobody
 * waited for would else be a lease that nobody knows of.
 */
export const hold = <E, R>(
  at: ManagerSession,
  type: string,
  obtain: (number: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<Lease, E | RemoteError, R | Scope.Scope> =>
  Effect.flatMap(Effect.andThen(at.pin, Effect.scope), (scope) => {
    const lease: Lease = { at, number: at.number(), type, ended: false }
    // A Scope that closes meanwhile has given back what was not there yet.
    const again = Effect.sync(() => {
      if (lease.ended) at.session.release(lease.number)
    })
    return Scope.addFinalizer(scope, end(lease)).pipe(
      Effect.andThen(obtain(lease.number)),
      Effect.ensuring(again),
      Effect.as(lease)
    )
  })

/** By itself, since it is there as long as the lease: what was asked for that is not. */
const end = (lease: Lease): Effect.Effect<void> =>
  Effect.sync(() => {
    lease.ended = true
    lease.at.session.release(lease.number)
  })
