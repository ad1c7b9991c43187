/**
 * Connections between whose messages descriptors travel, as CPython's `reduction.send_handle` and `recv_handle` have it:
 * a Python process can be the other end.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as Address from "../connection/Address.ts"
import type { Connection, ConnectOptions } from "../connection/Connection.ts"
import { ConnectFailed, ConnectionError, HandshakeTimeout } from "../connection/ConnectionError.ts"
import * as Doorway from "../connection/internal/doorway.ts"
import { authenticate } from "../connection/internal/handshake.ts"
import { Link } from "../connection/internal/link.ts"
import { resolve, strangersLimit } from "../connection/internal/options.ts"
import * as OwnAddresses from "../connection/internal/ownAddresses.ts"
import type * as Listener from "../connection/Listener.ts"
import * as RealTime from "../wire/internal/realTime.ts"
import { attempt, fail } from "./internal/because.ts"
import * as Handles from "./internal/handles.ts"
import { HandleSocket } from "./internal/handleSocket.ts"
import type { Sockets } from "./internal/sockets.ts"
import { Native } from "./Native.ts"
import { Descriptor } from "./Reduction.ts"
import { HandleMissing, NotShareable, type ResourceError } from "./ResourceError.ts"

/**
 * A connection, and the descriptors between its messages.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface HandleConnection {
  /** for messages */
  readonly connection: Connection
  /**
   * Sends a duplicate of a descriptor, behind the messages that were sent before; the caller may close its own at once.
   * CPython's `send_handle`.
   */
  readonly sendHandle: (descriptor: number) => Effect.Effect<void, ResourceError>
  /** The next descriptor, which belongs to the Scope. CPython's `recv_handle`. */
  readonly receiveHandle: Effect.Effect<Descriptor, ResourceError, Scope.Scope>
}

const make = (link: Link, socket: HandleSocket): HandleConnection => {
  const { peer } = link
  socket.trust()
  const room = Effect.callback<void>((resume) => {
    if (socket.destroyed) return resume(Effect.void)
    const stop = socket.whenRoom(() => {
      stop()
      resume(Effect.void)
    })
    return Effect.sync(stop)
  })
  const send = (descriptor: number): Effect.Effect<void, ResourceError> =>
    Effect.flatMap(
      Effect.andThen(link.flush, attempt(() => socket.sendHandle(descriptor))),
      (sent) => sent ? Effect.void : Effect.andThen(room, send(descriptor))
    )
  const arrival = Effect.callback<void>((resume) => {
    const look = (): void => {
      if (!socket.hasHandles) return
      stop()
      resume(Effect.void)
    }
    const stop = socket.watch(look)
    look()
    return Effect.sync(stop)
  })
  const take: Effect.Effect<number, ResourceError> = Effect.suspend(() => {
    const handles = socket.takeHandles()
    if (handles === "later") return Effect.andThen(Effect.interruptible(arrival), take)
    if (handles === "never") return fail(new HandleMissing({ peer, detail: "the connection has ended" }))
    const { count, descriptors: [descriptor, ...others] } = handles
    if (count === 1 && others.length === 0) return Effect.succeed(descriptor!)
    for (const other of [descriptor!, ...others]) new Descriptor(other).close()
    return fail(new HandleMissing({ peer, detail: `${count} came together where one was expected` }))
  })
  return {
    connection: link,
    sendHandle: send,
    receiveHandle: Effect.acquireRelease(
      Effect.map(take, (descriptor) => new Descriptor(descriptor)),
      (descriptor) => Effect.sync(() => descriptor.close())
    )
  }
}

/**
 * Connects to a Unix socket at which descriptors are sent or received, and shows the key.
 *
 * **When to use**
 *
 * With a program in Python. Between programs of this library `Reduction` puts descriptors into messages, which needs no
 * order between the two.
 *
 * **Details**
 *
 * Descriptors keep their place between messages. Each message must be complete when one is sent: as CPython has it, they
 * are bytes of the same stream. At most 64 wait here to be taken; then nothing more is read, and the sender waits.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const connect = (
  address: Address.Input,
  options: Omit<ConnectOptions, "tls" | "retry">
): Effect.Effect<HandleConnection, ConnectionError | ResourceError, Native | Scope.Scope> =>
  Effect.gen(function*() {
    const { system: { sockets } } = yield* Native
    const { address: found, authKey, limit, policy, timeout } = yield* Effect.fromResult(resolve(address, options))
    const peer = Address.format(found)
    if (found._tag !== "Unix") return yield* notUnix(peer)
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const socket = yield* open(sockets, found.path, peer)
        const link = new Link(socket, peer, strangersLimit)
        const role = OwnAddresses.has(found) ? "client-of-self" : "client"
        const shown = authKey === "none" ? Effect.void : authenticate(link, role, authKey, policy)
        const exit = yield* Effect.exit(restore(RealTime.within(shown, timeout)))
        if (Exit.isFailure(exit) || Option.isNone(exit.value)) {
          link.destroy()
          return yield* Exit.isFailure(exit)
            ? Exit.failCause(exit.cause)
            : Effect.fail(new ConnectionError({ reason: new HandshakeTimeout({ peer, timeout }) }))
        }
        link.trust(limit)
        yield* Effect.addFinalizer(() => link.close)
        return make(link, socket)
      })
    )
  })

const notUnix = (peer: string) =>
  fail(new NotShareable({ resource: "a descriptor", detail: `${peer} is no Unix socket` }))

const open = (sockets: Sockets, path: string, peer: string): Effect.Effect<HandleSocket, ConnectionError> =>
  Effect.suspend(() => {
    const failed = (code: string, detail: string) =>
      Effect.fail(new ConnectionError({ reason: new ConnectFailed({ address: peer, code, detail }) }))
    try {
      const descriptor = sockets.connect(path)
      return descriptor === undefined
        ? failed("EAGAIN", "its backlog is full")
        : Effect.succeed(new HandleSocket(sockets, descriptor))
    } catch (error) {
      const { code = "EUNKNOWN", message } = error as NodeJS.ErrnoException
      return failed(code, message)
    }
  })

/**
 * Listens at a Unix socket at which descriptors are sent or received: each `accept` is as one of `Listener.make`.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const listen = (
  options: Omit<Listener.Options, "tls">
): Effect.Effect<
  {
    readonly address: Address.Address
    readonly accept: Effect.Effect<HandleConnection, ConnectionError | ResourceError, Scope.Scope>
  },
  ConnectionError,
  Native | Scope.Scope
> =>
  Effect.gen(function*() {
    const { system: { sockets } } = yield* Native
    const carry = (accepted: Net.Socket): HandleSocket | undefined => {
      const descriptor = Handles.ofSocket(accepted)?.fd
      if (descriptor === undefined || accepted.remoteAddress !== undefined) return undefined
      const socket = new HandleSocket(sockets, sockets.duplicate(descriptor))
      accepted.destroy()
      return socket
    }
    const doorway = yield* Doorway.open(options, undefined, carry)
    return {
      address: doorway.address,
      accept: Effect.flatMap(doorway.accept, (link) => {
        const socket = link.carrier
        return socket instanceof HandleSocket ? Effect.succeed(make(link, socket)) : notUnix(link.peer)
      })
    }
  })
