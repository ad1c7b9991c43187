/**
 * A listening socket, and whoever knocks at it: strangers first, each for a limited time, and those who have shown the
 * key until somebody takes them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as RealTime from "../../wire/internal/realTime.ts"
import * as Address from "../Address.ts"
import { ConnectionClosed, ConnectionError, HandshakeTimeout } from "../ConnectionError.ts"
import type { Options } from "../Listener.ts"
import { authenticate } from "./handshake.ts"
import { Link } from "./link.ts"
import { listen } from "./listen.ts"
import { type Resolved, strangersLimit } from "./options.ts"
import * as OwnAddresses from "./ownAddresses.ts"
import * as Secure from "./secure.ts"

const defaultPending = 256

/** authenticated connections that wait to be taken */
const mostWaiting = 1024

export interface Doorway {
  readonly address: Address.Address
  readonly accept: Effect.Effect<Link, ConnectionError, Scope.Scope>
  readonly arrival: Effect.Effect<void>
}

/** What becomes of those who come, where they are not to be accepted. */
export interface Reception {
  /** Fails if it is not one of those who may come in. */
  readonly known: (link: Link) => Effect.Effect<void, ConnectionError>
  /** It is yours. */
  readonly welcome: (link: Link) => void
}

export const open = Effect.fnUntraced(
  function*(options: Options, reception?: Reception): Effect.fn.Return<Doorway, ConnectionError, Scope.Scope> {
    // First of all: from when on there is a socket, somebody may come.
    const receive = options.tls === undefined ? undefined : yield* Secure.receive(nameOf(options), options.tls)
    const { address, resolved, server } = yield* listen(options)
    const hall = new Hall(
      Address.format(address),
      options,
      resolved,
      receive,
      yield* FiberSet.makeRuntime<never>(),
      reception
    )
    // Before the fibers of the handshakes are interrupted: nobody comes in any more.
    yield* Effect.addFinalizer(() => hall.close)
    yield* Effect.acquireRelease(
      Effect.sync(() => OwnAddresses.add(address)),
      () => Effect.sync(() => OwnAddresses.remove(address))
    )
    server.on("connection", hall.enter)
    return { address, accept: hall.accept, arrival: hall.arrival }
  }
)

const nameOf = ({ address = "the listener" }: Options): string =>
  typeof address === "string" ? address : Address.format(address)

/** One who has not shown the key, over TLS not even a certificate. */
class Stranger {
  readonly peer: string
  private socket: Net.Socket
  private link: Link | undefined

  constructor(socket: Net.Socket, peer: string) {
    this.socket = socket
    this.peer = peer
  }

  /** It speaks from now on, on this socket. */
  meet(socket: Net.Socket): Link {
    this.socket = socket
    return this.link = new Link(socket, { peer: this.peer, limit: strangersLimit })
  }

  destroy(): void {
    if (this.link === undefined) this.socket.destroy()
    else this.link.destroy()
  }
}

class Hall {
  private readonly name: string
  private readonly resolved: Resolved
  private readonly receive: Secure.Receive | undefined
  private readonly mostPending: number
  private readonly refused: (error: ConnectionError) => Effect.Effect<void>
  private readonly run: (effect: Effect.Effect<void>) => unknown
  private readonly reception: Reception | undefined
  /** in the order in which they came */
  private readonly strangers = new Set<Stranger>()
  private readonly guests: Array<Link> = []
  private readonly hosts = new Set<() => void>()
  private isOpen = true
  private count = 0

  constructor(
    name: string,
    options: Options,
    resolved: Resolved,
    receive: Secure.Receive | undefined,
    run: (effect: Effect.Effect<void>) => unknown,
    reception: Reception | undefined
  ) {
    this.name = name
    this.resolved = resolved
    this.receive = receive
    this.mostPending = options.pending ?? defaultPending
    this.refused = options.onRefused ?? ((error) => Effect.logDebug(error.message))
    this.run = run
    this.reception = reception
  }

  readonly enter = (socket: Net.Socket): void => {
    if (!this.isOpen) return void socket.destroy()
    const peer = socket.remoteAddress === undefined || socket.remotePort === undefined
      ? `client ${++this.count} of ${this.name}`
      : Address.format(Address.tcp(socket.remotePort, socket.remoteAddress))
    const stranger = new Stranger(socket, peer)
    this.strangers.add(stranger)
    if (this.strangers.size > this.mostPending) {
      for (const oldest of this.strangers) {
        this.strangers.delete(oldest)
        oldest.destroy()
        break
      }
    }
    this.run(this.greet(
      stranger,
      this.receive === undefined
        ? this.known(stranger.meet(socket))
        : Effect.flatMap(this.receive(socket, peer), (secure) => {
          const link = stranger.meet(secure)
          return Secure.explained(link, this.known(link))
        })
    ))
  }

  /** Has shown the key. */
  private known(link: Link): Effect.Effect<Link, ConnectionError> {
    if (this.reception !== undefined) return Effect.as(this.reception.known(link), link)
    const { authKey, policy } = this.resolved
    return authKey === "none" ? Effect.succeed(link) : Effect.as(authenticate(link, "listener", authKey, policy), link)
  }

  private greet(stranger: Stranger, shown: Effect.Effect<Link, ConnectionError>): Effect.Effect<void> {
    const { timeout } = this.resolved
    const inTime = Effect.flatMap(
      RealTime.within(shown, timeout),
      Option.match({
        onNone: () =>
          Effect.fail(new ConnectionError({ reason: new HandshakeTimeout({ peer: stranger.peer, timeout }) })),
        onSome: Effect.succeed
      })
    )
    return Effect.uninterruptibleMask((restore) =>
      Effect.matchCauseEffect(restore(inTime), {
        onFailure: (cause) => this.turnAway(stranger, cause),
        onSuccess: (link) => this.welcome(stranger, link)
      })
    ).pipe(Effect.catch(this.refused))
  }

  private turnAway(stranger: Stranger, cause: Cause.Cause<ConnectionError>): Effect.Effect<never, ConnectionError> {
    this.strangers.delete(stranger)
    stranger.destroy()
    return Effect.failCause(cause)
  }

  /** Whoever waits for a guest goes on within this call, and may close all of it. */
  private welcome(stranger: Stranger, link: Link): Effect.Effect<void, ConnectionError> {
    if (!this.isOpen || !link.isOpen || this.guests.length >= mostWaiting) {
      const reason = new ConnectionClosed({ peer: link.peer })
      return this.turnAway(stranger, Cause.fail(new ConnectionError({ reason })))
    }
    this.strangers.delete(stranger)
    link.trust(this.resolved.limit)
    if (this.reception !== undefined) {
      this.reception.welcome(link)
      return Effect.void
    }
    this.guests.push(link)
    for (const host of this.hosts) host()
    return Effect.void
  }

  readonly accept: Effect.Effect<Link, ConnectionError, Scope.Scope> = Effect.uninterruptibleMask((restore) => {
    const take: Effect.Effect<Link, ConnectionError> = Effect.suspend(() => {
      if (!this.isOpen) return Effect.fail(new ConnectionError({ reason: new ConnectionClosed({ peer: this.name }) }))
      const guest = this.guests.shift()
      return guest === undefined ? Effect.andThen(restore(this.arrival), take) : Effect.succeed(guest)
    })
    return Effect.tap(take, (link) => Effect.addFinalizer(() => link.close))
  })

  /** Completes when `accept` would not wait. */
  readonly arrival: Effect.Effect<void> = Effect.callback((resume) => {
    const host = (): void => {
      if (this.isOpen && this.guests.length === 0) return
      this.hosts.delete(host)
      resume(Effect.void)
    }
    this.hosts.add(host)
    host()
    return Effect.sync(() => this.hosts.delete(host))
  })

  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.isOpen = false
    for (const stranger of this.strangers) stranger.destroy()
    for (const guest of this.guests.splice(0)) guest.destroy()
    for (const host of this.hosts) host()
  })
}
