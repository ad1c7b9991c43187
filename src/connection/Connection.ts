/**
 * Messages between two processes: CPython's `multiprocessing.connection`, interruptible, bounded and typed.
 *
 * Frames and handshake are CPython's, byte for byte, so a Python process can be the other end.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as RealTime from "../wire/internal/realTime.ts"
import * as Address from "./Address.ts"
import type { Credentials } from "./Authentication.ts"
import { ConnectionError, HandshakeTimeout } from "./ConnectionError.ts"
import { authenticate } from "./internal/handshake.ts"
import { Link } from "./internal/link.ts"
import * as Open from "./internal/open.ts"
import { type Common, resolve, strangersLimit } from "./internal/options.ts"
import * as OwnAddresses from "./internal/ownAddresses.ts"
import * as Secure from "./internal/secure.ts"

/**
 * How a message is received.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ReceiveOptions {
  /** bytes; a longer message fails with `MessageTooLong` and waits on. Default the connection's limit */
  readonly limit?: number | undefined
}

/**
 * How a typed value becomes bytes.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ValueOptions {
  /**
   * `"msgpack"`: fast, keeps bytes, bigints and Dates as they are. `"json"`: UTF-8 text, for peers that have no msgpack.
   * Default `"msgpack"`
   */
  readonly format?: "msgpack" | "json" | undefined
}

/**
 * One end of a connection.
 *
 * **Details**
 *
 * Messages arrive whole and in order. What is received is nobody else's. A `send` completes when its message is on its
 * way: it waits while more than 1 MiB is unsent, and for messages of 16 KiB and more until the kernel has taken them.
 * Interrupting a `receive` or a `poll` loses nothing; an interrupted `send` has sent all of its message or nothing.
 *
 * **Gotchas**
 *
 * What was sent may still be lost with the peer: an answer is the only proof that it was read.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /** how errors name the other end */
  readonly peer: string
  /** whether this end can receive; false for one end of a one-way pipe */
  readonly readable: boolean
  /** whether this end can send; false for the other end of a one-way pipe */
  readonly writable: boolean
  /** Sends one message, which may be empty. */
  readonly sendBytes: (bytes: Uint8Array) => Effect.Effect<void, ConnectionError>
  /**
   * The next message. Fails with `EndOfStream` when the peer has closed, with `Truncated` when it ended in the middle
   * of a message.
   */
  readonly receiveBytes: (options?: ReceiveOptions) => Effect.Effect<Uint8Array<ArrayBuffer>, ConnectionError>
  /** Sends a value by its Schema; fails with `NotEncodable` before anything is sent. */
  readonly send: <S extends Schema.Top>(
    schema: S,
    value: S["Type"],
    options?: ValueOptions
  ) => Effect.Effect<void, ConnectionError, S["EncodingServices"]>
  /** The next message as a value; one that does not fit fails with `NotDecodable`, and is consumed. */
  readonly receive: <S extends Schema.Top>(
    schema: S,
    options?: ReceiveOptions & ValueOptions
  ) => Effect.Effect<S["Type"], ConnectionError, S["DecodingServices"]>
  /** Whether a message, or the end, is there or comes within that time; takes none of it. Default: do not wait */
  readonly poll: (limit?: Duration.Input) => Effect.Effect<boolean, ConnectionError>
  /** Completes when the kernel has taken all that was sent so far, or the connection is gone. */
  readonly flush: Effect.Effect<void>
  /** Sends what is left, and the end; waits no longer than 5 seconds for a peer that does not read. Again is nothing. */
  readonly close: Effect.Effect<void>
}

/**
 * TLS, as the side that connects has it.
 *
 * **Details**
 *
 * The listener must show a certificate of an authority in `ca` (default: those that Node.js knows) for the name that was
 * connected to. `cert` and `key`, or `pfx`, are what this side shows where the listener asks for it.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface TlsOptions extends Credentials {
  /** the name that the listener's certificate must have; default the host of the address */
  readonly servername?: string | undefined
}

/**
 * How a connection is made.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ConnectOptions extends Common {
  /** speaks TLS, which takes an address of TCP and a listener that does so too; default clear text */
  readonly tls?: TlsOptions | undefined
  /** until it is there and the peer has shown its key; default 10 seconds */
  readonly timeout?: Duration.Input | undefined
  /** tries again when nobody can be reached (`ConnectFailed`), or the peer goes away meanwhile; default never */
  readonly retry?: Schedule.Schedule<unknown, ConnectionError> | undefined
}

/**
 * Connects to a `Listener`, or to a CPython `Listener`, and shows that this side has the key as the other side must.
 *
 * **When to use**
 *
 * To exchange messages with a process that is not a child, or not even an Effect program. For typed calls use
 * `RemoteClient`.
 *
 * **Details**
 *
 * The Scope owns the connection. An address that is not of this machine needs `insecure: true` or TLS.
 *
 * **Example** (A message each way)
 *
 * ```ts
 * Effect.gen(function*() {
 *   const authKey = yield* AuthKey.config("APP_AUTHKEY")
 *   const connection = yield* Connection.connect("/run/app.sock", { authKey })
 *   yield* connection.send(Schema.String, "hello", { format: "json" })
 *   return yield* connection.receive(Schema.String, { format: "json" })
 * }).pipe(Effect.scoped)
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const connect = (
  address: Address.Input,
  options: ConnectOptions
): Effect.Effect<Connection, ConnectionError, Scope.Scope> => connectLink(address, options)

/** `connect`, for who makes something else of the connection. @internal */
export const connectLink = (
  address: Address.Input,
  options: ConnectOptions
): Effect.Effect<Link, ConnectionError, Scope.Scope> => {
  const once = connectOnce(address, options)
  return options.retry === undefined ? once : Effect.retry(once, { schedule: options.retry, while: isTransient })
}

const transient = new Set<string>(["ConnectFailed", "EndOfStream", "Truncated", "ConnectionBroken"])

const isTransient = ({ reason }: ConnectionError): boolean =>
  transient.has(reason._tag) || (reason._tag === "TlsFailed" && reason.code === "ECONNRESET")

const connectOnce = (input: Address.Input, options: ConnectOptions) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const { address, authKey, limit, policy, timeout } = yield* resolve(input, options)
      const peer = Address.format(address)
      // An address that TLS is spoken at is one of TCP.
      const dial = options.tls === undefined || address._tag !== "Tcp"
        ? undefined
        : yield* Secure.dial(address, options.tls)
      const { connected, inlet, socket } = Open.connect(address, dial)
      const link = new Link(socket, { peer, limit: strangersLimit, inlet })
      const role = OwnAddresses.has(address) ? "client-of-self" : "client"
      const plainly = authKey === "none" ? Effect.void : authenticate(link, role, authKey, policy)
      const shown = dial === undefined ? plainly : Secure.explained(link, plainly)
      const exit = yield* Effect.exit(restore(RealTime.within(Effect.andThen(connected, shown), timeout)))
      if (Exit.isFailure(exit) || Option.isNone(exit.value)) {
        link.destroy()
        if (Exit.isFailure(exit)) return yield* Exit.failCause(exit.cause)
        return yield* new ConnectionError({ reason: new HandshakeTimeout({ peer, timeout }) })
      }
      link.trust(limit)
      yield* Effect.addFinalizer(() => link.close)
      return link
    })
  )

// ---------------------------------------------------------------------------------------------- views

/**
 * The messages of a connection as a Stream, which ends where the connection does. A connection that ends in the middle
 * of a message, or breaks, fails it.
 *
 * @stability unstable
 * @category streams
 * @since 0.1.0
 */
export const bytes = (connection: Connection): Stream.Stream<Uint8Array<ArrayBuffer>, ConnectionError> =>
  untilEnd(connection.receiveBytes())

/**
 * As `bytes`, with each message as a value.
 *
 * @stability unstable
 * @category streams
 * @since 0.1.0
 */
export const values = <S extends Schema.Top>(
  connection: Connection,
  schema: S,
  options?: ReceiveOptions & ValueOptions
): Stream.Stream<S["Type"], ConnectionError, S["DecodingServices"]> => untilEnd(connection.receive(schema, options))

const untilEnd = <A, R>(receive: Effect.Effect<A, ConnectionError, R>): Stream.Stream<A, ConnectionError, R> =>
  Stream.fromPull(Effect.succeed(
    Effect.catchReason(
      Effect.map(receive, (message) => [message] as const),
      "ConnectionError",
      "EndOfStream",
      () => Cause.done()
    )
  ))

/**
 * A Sink that sends each of its elements as one message.
 *
 * @stability unstable
 * @category sinks
 * @since 0.1.0
 */
export const sink = <S extends Schema.Top>(
  connection: Connection,
  schema: S,
  options?: ValueOptions
): Sink.Sink<void, S["Type"], never, ConnectionError, S["EncodingServices"]> =>
  Sink.forEach((value: S["Type"]) => connection.send(schema, value, options))

/**
 * A Sink that sends each chunk of bytes as one message.
 *
 * @stability unstable
 * @category sinks
 * @since 0.1.0
 */
export const bytesSink = (connection: Connection): Sink.Sink<void, Uint8Array, never, ConnectionError> =>
  Sink.forEach((bytes: Uint8Array) => connection.sendBytes(bytes))
