/**
 * A listening socket, and whoever knocks at it: strangers first, each for a limited time, and those who have shown the
 * key until somebody takes them.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import type { Duplex } from "node:stream"
import { Expectation } from "../../wire/internal/expectation.ts"
import type { Inlet } from "../../wire/internal/inlet.ts"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import * as Address from "../Address.ts"
import { ConnectionClosed, ConnectionError, type ConnectionErrorReason, HandshakeTimeout } from "../ConnectionError.ts"
import type { Options } from "../Listener.ts"
import { adopt } from "./adopt.ts"
import { FrameReader } from "./frameReader.ts"
import { authenticate, Handshake } from "./handshake.ts"
import { Link, owned } from "./link.ts"
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
  function*(
    options: Options,
    reception?: Reception,
    carry?: Carry
  ): Effect.fn.Return<Doorway, ConnectionError, Scope.Scope> {
    // First of all: from when on there is a socket, somebody may come.
    const receive = options.tls === undefined ? undefined : yield* Secure.receive(nameOf(options), options.tls)
    const { address, resolved, server } = yield* listen(options)
    const hall = new Hall(
      Address.format(address),
      options,
      resolved,
      receive,
      yield* FiberSet.makeRuntime<never>(),
      reception,
      carry
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

/** Something else that the bytes of a socket, of which none has been read, go through; undefined where that is not possible. */
export type Carry = (socket: Net.Socket) => Duplex | undefined

const nameOf = ({ address = "the listener" }: Options): string =>
  typeof address === "string" ? address : Address.format(address)

/** One who has not shown the key, over TLS not even a certificate. */
class Stranger {
  readonly peer: string
  /** takes back the deadline */
  relent: () => void = nothing
  private drop: () => void = nothing
  private socket: Duplex
  private link: Link | undefined

  constructor(socket: Net.Socket, peer: string) {
    this.socket = socket
    this.peer = peer
  }

  /** It speaks from now on, on this socket. */
  meet(socket: Duplex, inlet?: Inlet, reader?: FrameReader): Link {
    this.socket = socket
    return this.link = new Link(socket, this.peer, strangersLimit, inlet, reader)
  }

  /** It speaks from now on, without TLS. */
  meetPlainly(carry: Carry | undefined): Link {
    const accepted = this.socket as Net.Socket
    const carried = carry?.(accepted)
    if (carried !== undefined) return this.meet(carried)
    const reader = new FrameReader(strangersLimit)
    return this.meet(accepted, adopt(accepted, reader), reader)
  }

  /** `drop` gives up what is being done for it. */
  attend(drop: () => void): void {
    this.drop = drop
  }

  turnAway(): void {
    this.relent()
    this.drop()
    if (this.link === undefined) this.socket.destroy()
    else this.link.destroy()
  }
}

const nothing = (): void => {}

type Run = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

class Hall {
  private readonly name: string
  private readonly resolved: Resolved
  private readonly receive: Secure.Receive | undefined
  private readonly mostPending: number
  private readonly refused: (error: ConnectionError) => Effect.Effect<void>
  private readonly run: Run
  private readonly reception: Reception | undefined
  private readonly carry: Carry | undefined
  /** in the order in which they came */
  private readonly strangers = new Set<Stranger>()
  private readonly guests: Array<Link> = []
  private readonly hosts = new Set<() => void>()
  /** whether one comes after the other */
  private readonly next = new Expectation()
  private isOpen = true
  private count = 0

  constructor(
    name: string,
    options: Options,
    resolved: Resolved,
    receive: Secure.Receive | undefined,
    run: Run,
    reception: Reception | undefined,
    carry: Carry | undefined
  ) {
    this.name = name
    this.resolved = resolved
    this.receive = receive
    this.mostPending = options.pending ?? defaultPending
    this.refused = options.onRefused ?? ((error) => Effect.logDebug(error.message))
    this.run = run
    this.reception = reception
    this.carry = carry
  }

  readonly enter = (socket: Net.Socket): void => {
    if (!this.isOpen) return void socket.destroy()
    this.next.end()
    const peer = socket.remoteAddress === undefined || socket.remotePort === undefined
      ? `client ${++this.count} of ${this.name}`
      : Address.format(Address.tcp(socket.remotePort, socket.remoteAddress))
    const stranger = new Stranger(socket, peer)
    this.strangers.add(stranger)
    if (this.strangers.size > this.mostPending) {
      for (const oldest of this.strangers) {
        this.turnAway(oldest, new ConnectionClosed({ peer: oldest.peer }))
        break
      }
    }
    const { timeout } = this.resolved
    stranger.relent = RunningTime.after(
      timeout,
      () => this.turnAway(stranger, new HandshakeTimeout({ peer, timeout }))
    )
    if (this.receive === undefined && this.reception === undefined) {
      this.shake(stranger, stranger.meetPlainly(this.carry))
    } else this.greet(stranger, socket)
  }

  private shake(stranger: Stranger, link: Link): void {
    const { authKey, policy } = this.resolved
    if (authKey === "none") return this.welcome(stranger, link)
    const handshake = new Handshake(link, "listener", authKey, policy, (failure) => {
      if (failure === undefined) this.welcome(stranger, link)
      else this.turnAway(stranger, failure)
    })
    stranger.attend(() => handshake.stop())
    handshake.begin()
  }

  /** As `shake`, where there is more to it. */
  private greet(stranger: Stranger, socket: Net.Socket): void {
    const shown = this.receive === undefined
      ? this.known(stranger.meetPlainly(this.carry))
      : Effect.flatMap(this.receive(socket, stranger.peer), (secure) => {
        const link = stranger.meet(secure)
        return Effect.mapError(
          this.known(link),
          ({ reason }) => new ConnectionError({ reason: Secure.explained(link, reason) })
        )
      })
    const fiber = this.run(Effect.matchEffect(shown, {
      onFailure: ({ reason }) => Effect.sync(() => this.turnAway(stranger, reason)),
      onSuccess: (link) => Effect.sync(() => this.welcome(stranger, link))
    }))
    stranger.attend(() => fiber.interruptUnsafe())
  }

  /** Has shown the key. */
  private known(link: Link): Effect.Effect<Link, ConnectionError> {
    if (this.reception !== undefined) return Effect.as(this.reception.known(link), link)
    const { authKey, policy } = this.resolved
    return authKey === "none" ? Effect.succeed(link) : Effect.as(authenticate(link, "listener", authKey, policy), link)
  }

  private turnAway(stranger: Stranger, reason: ConnectionErrorReason): void {
    if (!this.strangers.delete(stranger)) return
    stranger.turnAway()
    this.run(this.refused(new ConnectionError({ reason })))
  }

  /** Whoever waits for a guest goes on within this call, and may close all of it. */
  private welcome(stranger: Stranger, link: Link): void {
    const { peer } = link
    if (!this.isOpen || !link.isOpen || this.guests.length >= mostWaiting) {
      return this.turnAway(stranger, new ConnectionClosed({ peer }))
    }
    this.strangers.delete(stranger)
    stranger.relent()
    link.trust(this.resolved.limit)
    if (this.reception !== undefined) return this.reception.welcome(link)
    this.next.begin()
    this.guests.push(link)
    for (const host of this.hosts) host()
  }

  readonly accept: Effect.Effect<Link, ConnectionError, Scope.Scope> = Effect.uninterruptibleMask((restore) => {
    const take: Effect.Effect<Link, ConnectionError> = Effect.suspend(() => {
      if (!this.isOpen) return Effect.fail(new ConnectionError({ reason: new ConnectionClosed({ peer: this.name }) }))
      const guest = this.guests.shift()
      return guest === undefined ? Effect.andThen(restore(this.arrival), take) : Effect.succeed(guest)
    })
    return Effect.tap(take, owned)
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
    for (const stranger of this.strangers) this.turnAway(stranger, new ConnectionClosed({ peer: stranger.peer }))
    for (const guest of this.guests.splice(0)) guest.destroy()
    for (const host of this.hosts) host()
  })
}
