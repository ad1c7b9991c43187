/**
 * Messages between two processes: CPython's `multiprocessing.connection`, interruptible, bounded and typed.
 *
 * Frames and handshake are CPython's, byte for byte, so a Python process can be the other end.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type * as Net from "node:net"
import type { Checked } from "../wire/internal/checked.ts"
import * as Memory from "../wire/internal/memory.ts"
import type * as Address from "./Address.ts"
import type { Credentials } from "./Authentication.ts"
import type { ConnectionError } from "./ConnectionError.ts"
import * as Claims_ from "./internal/claims.ts"
import { dial } from "./internal/dial.ts"
import * as Half from "./internal/half.ts"
import { Link, owned } from "./internal/link.ts"
import { type Common, defaultLimit, resolve } from "./internal/options.ts"
import * as Secure from "./internal/secure.ts"
import * as Wait from "./internal/wait.ts"
import type { Listener } from "./Listener.ts"

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
 * What was sent may still be lost with the peer: an answer is the only proof that it was read. Bytes of 16 KiB and more
 * are sent from where they are: whoever interrupts a `send` of them changes them only after a `flush`.
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
  Effect.uninterruptibleMask((restore) => {
    const resolved = resolve(input, options)
    if (Result.isFailure(resolved)) return Effect.fail(resolved.failure)
    const { success } = resolved
    const { address } = success
    // An address that TLS is spoken at is one of TCP.
    const dialed = options.tls === undefined || address._tag !== "Tcp"
      ? dial(success, undefined)
      : Effect.flatMap(Secure.dial(address, options.tls), (secure) => dial(success, secure))
    return Effect.tap(restore(dialed), owned)
  })

// ---------------------------------------------------------------------------------------------- pipes

/**
 * How a pipe is made.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface PipeOptions {
  /** whether both ends go both ways; default true */
  readonly duplex?: boolean | undefined
  /** bytes of the longest message; default 256 MiB */
  readonly limit?: number | undefined
}

/**
 * Two connected ends in this process: CPython's `multiprocessing.Pipe`.
 *
 * **When to use**
 *
 * To let two processes that this one knows talk to each other, or a child to this one: send an end, with `schema`, in a
 * payload, a result or a message. Within one process a `Queue` is simpler.
 *
 * **Details**
 *
 * The Scope owns both ends, and closes those that have not been sent away. They are in memory, and cost no descriptor,
 * until one is. With `duplex: false` the first end can only receive and the second one only send; the wrong use fails
 * with `WrongDirection`.
 *
 * **Example** (A child that reports its progress)
 *
 * ```ts
 * Effect.gen(function*() {
 *   const [reports, reporter] = yield* Connection.pipe({ duplex: false })
 *   const indexer = yield* Indexer
 *   const running = yield* Effect.forkScoped(indexer.index({ folder, reporter }))
 *   yield* Stream.runForEach(Connection.values(reports, Progress), Console.log)
 * })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const pipe = (
  options: PipeOptions = {}
): Effect.Effect<readonly [Connection, Connection], never, Scope.Scope> => {
  const { duplex = true, limit = defaultLimit } = options
  const make = Effect.sync(() => {
    const [first, second] = Half.pair()
    const end = (stream: typeof first, ways: { readonly readable: boolean; readonly writable: boolean }) => {
      const link = new Link(stream, "the other end of a pipe", limit)
      link.trust(limit, ways)
      return link
    }
    return [
      end(first, { readable: true, writable: duplex }),
      end(second, { readable: duplex, writable: true })
    ] as const
  })
  // Together: each may wait for the other to read.
  return Effect.acquireRelease(make, (ends) => Effect.forEach(ends, (end) => end.close, { concurrency: 2 }))
}

/**
 * Lets ends of connections travel in messages: what `schema` needs, in the process that sends one and in the one that
 * receives it.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class Claims extends Context.Service<Claims, Claims_.Claims>()("effect-multiprocessing/Connection/Claims") {}

/**
 * How `layerClaimsWith` lets ends travel.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ClaimsOptions {
  /** how long an end that was sent waits for its receiver; then its other side sees `EndOfStream`. Default 1 minute */
  readonly expiry?: Duration.Input | undefined
  /** bytes of the longest message of an end that was received; default 256 MiB */
  readonly limit?: number | undefined
}

/**
 * `Claims`, with options.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerClaimsWith = (options: ClaimsOptions): Layer.Layer<Claims> =>
  Layer.effect(
    Claims,
    Claims_.make({ expiry: Duration.toMillis(options.expiry ?? "1 minute"), limit: options.limit })
  )

/**
 * `Claims`, to be provided at the edge of a program and in the module of a child.
 *
 * **Details**
 *
 * The Layer owns the ends that this process has received, and carries the bytes of those that it has sent: it must
 * outlive both. The first end that is sent makes a Unix domain socket, where its receiver fetches it; a process that
 * only receives has none.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerClaims: Layer.Layer<Claims> = layerClaimsWith({})

const Ticket = Schema.Struct({
  path: Schema.String,
  token: Schema.Uint8Array,
  readable: Schema.Boolean,
  writable: Schema.Boolean
})

const orIssue = <A>(
  effect: Effect.Effect<A, ConnectionError, Claims>,
  // what the issue shows, which must not be the token
  shown: string
): Effect.Effect<A, SchemaIssue.Issue, Claims> =>
  Effect.mapError(effect, ({ message }) => new SchemaIssue.InvalidValue({ message }, shown, undefined))

/**
 * The Schema of a connection, with which one end of it is sent to another process of this user and machine.
 *
 * **When to use**
 *
 * In a method's payload or result, or in the Schema of a message. An end of a `pipe`, or any other connection.
 *
 * **Details**
 *
 * To encode it takes the end away from this process: whoever still uses it here fails with `ConnectionMoved`. To decode
 * it fetches it: what was sent to it meanwhile arrives, and messages go both ways. It may travel on from there. What
 * travels is a ticket that is good once, and for a minute: a second claim fails, as `DecodeFailed` or `NotDecodable`. An
 * end that nobody claims is closed.
 *
 * The bytes of an end that was sent pass through the process that has sent it, unless the other end is in that process.
 * If it ends, so does the connection.
 *
 * **Gotchas**
 *
 * A ticket is a secret: whoever sees the message can take the end. The receiver's `Claims` owns the end, not the Scope of
 * a call: close it when it is done with.
 *
 * In-process services hand the end on as it is: nothing is encoded, and nothing taken away.
 *
 * **Example** (A message with an end in it)
 *
 * ```ts
 * class Indexer extends Remote.Service<Indexer>()("app/Indexer", {
 *   index: { payload: { folder: Schema.String, reporter: Connection.schema } }
 * }) {}
 * ```
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Checked<Connection, typeof Ticket.Encoded, Claims, Claims> = Ticket.pipe(
  Schema.decodeTo(
    Schema.declare((value): value is Connection => value instanceof Link, {
      identifier: "Connection",
      expected: "a connection"
    }),
    SchemaTransformation.transformEffect({
      decode: (ticket: typeof Ticket.Type) =>
        orIssue(Effect.flatMap(Claims, ({ claim }) => claim(ticket)), `unix:${ticket.path}`),
      encode: (connection: Connection) =>
        orIssue(Effect.flatMap(Claims, ({ offer }) => offer(connection)), connection.peer)
    })
  )
)

// ---------------------------------------------------------------------------------------------- waiting

/**
 * What can be waited for: something to receive, or the end, of a connection or a socket; somebody to accept; the end of
 * an Effect, such as a process's `sentinel`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Waitable<R = any> =
  | Connection
  | Listener["Service"]
  | Net.Socket
  | Effect.Effect<unknown, unknown, R>

type ServicesOf<W> = W extends Effect.Effect<unknown, unknown, infer R> ? R : never

/**
 * All of these that are ready, in the order in which they were given: CPython's `multiprocessing.connection.wait`.
 *
 * **When to use**
 *
 * Where one fiber looks after many connections; with a fiber each, `Stream.mergeAll` of their messages is simpler.
 *
 * **Details**
 *
 * Waits until at least one is ready, or the time is over: then the result is empty. With a `timeout` of 0 it looks once,
 * after a turn of the event loop. Nothing is received, accepted or read. Effects are run for as long as this waits, and
 * are ready when they have ended, however that was; they are interrupted, and run again by the next `wait`.
 *
 * **Gotchas**
 *
 * A socket must be paused, or have no reader yet: one that flows is empty whenever this looks.
 *
 * @stability unstable
 * @category waiting
 * @since 0.1.0
 */
export const wait = <const W extends ReadonlyArray<Waitable>>(
  waitables: W,
  options?: { readonly timeout?: Duration.Input | undefined }
): Effect.Effect<Array<W[number]>, never, ServicesOf<W[number]>> =>
  Wait.wait(waitables, options?.timeout === undefined ? Number.POSITIVE_INFINITY : Duration.toMillis(options.timeout))

// ---------------------------------------------------------------------------------------------- views

/**
 * Gives the memory of a received message back, so that the next ones are read into it.
 *
 * **When to use**
 *
 * Where many long messages (more than 32 KiB) are received as bytes and done with soon: sent on, written to a file. Fresh
 * memory for each costs more than the transfer itself.
 *
 * **Details**
 *
 * The bytes become empty: whoever has kept a view of them finds nothing in it, and never what arrived later. A message
 * that is sent on may be given back when `sendBytes` has completed. It does nothing to other bytes.
 *
 * @stability unstable
 * @category utils
 * @since 0.1.0
 */
export const giveBack = (message: Uint8Array): Effect.Effect<void> => Effect.sync(() => Memory.giveBack(message))

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
