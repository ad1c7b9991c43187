/**
 * Services at an address, for many client processes on this machine or another.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Address from "../connection/Address.ts"
import type { ConnectionError } from "../connection/ConnectionError.ts"
import type * as Listener from "../connection/Listener.ts"
import { RemoteError, Unavailable } from "../wire/RemoteError.ts"
import * as Caller from "./internal/caller.ts"
import * as Implementation from "./internal/implementation.ts"
import * as Offer from "./internal/offer.ts"
import * as Serve from "./internal/serve.ts"
import type * as Remote from "./Remote.ts"

/**
 * How services are served. What is not said here is as for a `Listener`.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options<S extends ReadonlyArray<Remote.Any>> extends Listener.Options {
  /** the services and functions that clients may call; their implementations are what the server needs */
  readonly services: S
  /** bytes of the longest message of a call, both ways; default 256 MiB */
  readonly limit?: number | undefined
  /** clients at a time; one more is told so (`ServerFull`). Default any number */
  readonly maxClients?: number | undefined
  /** calls of one client that run or wait here; those beyond wait at the client. Default 65,536 */
  readonly calls?: number | undefined
  /**
   * when the Scope ends, or a client has gone: how long its handlers and their finalizers may take; what still runs
   * then is left to itself, and its connection is cut. Default 5 seconds
   */
  readonly closeTimeout?: Duration.Input | undefined
  /**
   * a client that is silent for so long is asked whether it is there, and gone if it is silent again. Infinite: never.
   * Default 10 seconds for TCP, and never for other addresses, where the system knows
   */
  readonly pingInterval?: Duration.Input | undefined
  /** how long an interrupted call of what a client serves waits for the client to let go. Default 5 seconds */
  readonly interruptTimeout?: Duration.Input | undefined
  /** told of each peer that was refused, or broke the protocol; default a debug message in the log */
  readonly onRefused?: ((error: ConnectionError) => Effect.Effect<void>) | undefined
}

/**
 * What serves at an address.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class RemoteServer extends Context.Service<RemoteServer, {
  /** where it can be reached; with the port that the system chose */
  readonly address: Address.Address
  /** new for every start of a server: a client that sees another one knows that what was in memory is gone */
  readonly epoch: string
  /** how many clients there are; one that has gone counts until its handlers have ended */
  readonly clients: Effect.Effect<number>
}>()("effect-multiprocessing/RemoteServer") {}

/**
 * Serves what its Context implements, for as long as the Scope is open.
 *
 * **Details**
 *
 * Each client has a session of its own. When it ends, for whatever reason, the handlers that run for it are interrupted
 * and their finalizers run; other clients do not notice.
 *
 * When the Scope closes, nobody is let in any more and every client is told; what runs is interrupted, and has
 * `closeTimeout` for its finalizers. The address can be used again at once.
 *
 * Fails if the address cannot be listened at, as a `Listener` does, and with `InvalidOption` if two of the services, or
 * their methods, have the same id.
 *
 * **Gotchas**
 *
 * All clients share the one instance of each service. Whoever has the key may call everything that is served.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <const S extends readonly [Remote.Any, ...Array<Remote.Any>]>(
  options: Options<S>
): Effect.Effect<RemoteServer["Service"], ConnectionError, Scope.Scope | Remote.Provided<S[number]>> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const offer = yield* Effect.fromResult(Offer.make("services", options.services, context))
    const { address, clients, epoch } = yield* Serve.open(options, () => ({ serve: offer }))
    return { address, epoch, clients: Effect.sync(clients) }
  })

/**
 * `make`, as a Layer: needs the services that it serves.
 *
 * **Example** (A program that serves)
 *
 * ```ts
 * const Served = RemoteServer.layer({
 *   address: "/run/numbers.sock",
 *   services: [Numbers],
 *   authKey
 * })
 *
 * Layer.launch(Served).pipe(Effect.provide(NumbersLive), NodeRuntime.runMain)
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = <const S extends readonly [Remote.Any, ...Array<Remote.Any>]>(
  options: Options<S>
): Layer.Layer<RemoteServer, ConnectionError, Remote.Provided<S[number]>> => Layer.effect(RemoteServer, make(options))

/**
 * Within a handler: a service of the client whose call it answers, for calls in the other direction.
 *
 * **When to use**
 *
 * For progress, questions, and whatever else concerns the one client that called. The client serves it by the option
 * `serve` of `RemoteClient.layer`.
 *
 * **Details**
 *
 * Fails with `Unavailable` where nobody called over a connection: in-process, in a child. A client that does not serve
 * it makes its calls fail with `UnknownMethod`, and with `Disconnected` when it has gone.
 *
 * **Example** (A handler that reports to its caller)
 *
 * ```ts
 * const IndexerLive = Indexer.toLayer({
 *   index: ({ files }) =>
 *     Effect.gen(function*() {
 *       const { done } = yield* RemoteServer.client(Progress)
 *       yield* Effect.forEach(files, (file) => Effect.andThen(indexOne(file), done({ file })))
 *     })
 * })
 * ```
 *
 * @stability unstable
 * @category calling back
 * @since 0.1.0
 */
export const client = <D extends Remote.AnyService>(
  service: D
): Effect.Effect<Context.Service.Shape<D>, RemoteError> =>
  Effect.flatMap(Caller.current, (caller) => {
    if (caller !== undefined) return Effect.succeed(caller.shapeOf(Implementation.declarationOf(service)) as any)
    const detail = "nobody called over a connection here"
    return Effect.fail(new RemoteError({ reason: new Unavailable({ method: service.key, detail }) }))
  })
