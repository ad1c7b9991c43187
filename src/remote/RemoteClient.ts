/**
 * Services that are served at an address, as if they were here.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Address from "../connection/Address.ts"
import type { ConnectOptions } from "../connection/Connection.ts"
import type { ConnectionError, ConnectionErrorReason } from "../connection/ConnectionError.ts"
import * as Hosted from "./internal/hosted.ts"
import * as Implementation from "./internal/implementation.ts"
import * as Line from "./internal/line.ts"
import * as Offer from "./internal/offer.ts"
import type * as Remote from "./Remote.ts"

/**
 * How a client reaches the services. What is not said here is as for `Connection.connect`.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options<
  S extends ReadonlyArray<Remote.Any>,
  C extends ReadonlyArray<Remote.Any> = readonly []
> extends ConnectOptions {
  readonly address: Address.Input
  /** the services and functions that are asked for */
  readonly services: S
  /** what this end serves: its implementations are needed, and handlers of the server call them by `RemoteServer.client` */
  readonly serve?: C | undefined
  /** bytes of the longest message of a call, both ways; default 256 MiB */
  readonly limit?: number | undefined
  /** tries again when the first connection fails; default never, as for `Connection.connect` */
  readonly retry?: ConnectOptions["retry"]
  /**
   * when to try again after a connection was lost; the first try is at once. `false`: never. Default `reconnection`,
   * which has no end
   */
  readonly reconnect?: Schedule.Schedule<unknown, ConnectionError> | false | undefined
  /**
   * how long a call that is made while there is no connection waits for one; then it fails with `Unavailable`. A method's
   * own `timeout` may be shorter. Default 30 seconds
   */
  readonly waitTimeout?: Duration.Input | undefined
  /**
   * how long an interrupted call waits for the server to let go of it, that is for its finalizers; then it goes on, and
   * so does the server. Infinite: as long as it takes. Default 5 seconds
   */
  readonly interruptTimeout?: Duration.Input | undefined
  /** at the end: how long the handlers of what this end serves may take. Default 5 seconds */
  readonly closeTimeout?: Duration.Input | undefined
  /**
   * a server that is silent for so long is asked whether it is there, and gone if it is silent again. Infinite: never.
   * Default 10 seconds for TCP, and never for other addresses, where the system knows
   */
  readonly pingInterval?: Duration.Input | undefined
}

/**
 * How it is with the connection.
 *
 * **Details**
 *
 * - `Connected`: calls go to the server; `epoch` is new for each start of it.
 * - `Disconnected`: calls wait, and the next connection is tried; `reason` is why there is none.
 * - `GivenUp`: there will be no other connection.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type State =
  | { readonly _tag: "Connected"; readonly epoch: string }
  | { readonly _tag: "Disconnected"; readonly reason: ConnectionErrorReason }
  | { readonly _tag: "GivenUp"; readonly reason: ConnectionErrorReason }

/**
 * A client that `make` made.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteClient<Provided> {
  readonly address: Address.Address
  /** the services, and the handlers of functions */
  readonly context: Context.Context<Provided>
  readonly state: Effect.Effect<State>
  /** the state as it is, and each that follows. One whose `epoch` differs from the one before is another server */
  readonly changes: Stream.Stream<State>
}

/**
 * When a lost connection is tried again by default: after 0.1 seconds, then each time after twice as long, but no longer
 * than 5 seconds; some of it by chance, so that the clients of a server do not come all at once. It has no end.
 *
 * @stability unstable
 * @category constants
 * @since 0.1.0
 */
export const reconnection: Schedule.Schedule<unknown> = Schedule.jittered(
  Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])
)

/**
 * Connects to what a `RemoteServer` serves at an address, for as long as the Scope is open.
 *
 * **When to use**
 *
 * When the state of the connection, or the server's epoch, matters to the program. Else use `layer`.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  const S extends readonly [Remote.Any, ...Array<Remote.Any>],
  const C extends ReadonlyArray<Remote.Any> = readonly []
>(
  options: Options<S, C>
): Effect.Effect<
  RemoteClient<Remote.Provided<S[number]>>,
  ConnectionError,
  Scope.Scope | Remote.Provided<C[number]>
> =>
  Effect.gen(function*() {
    const { reconnect = reconnection, serve = [] } = options
    const context = yield* Effect.context<never>()
    const offer = yield* Effect.fromResult(Offer.make("serve", serve, context))
    const wants = options.services.map(Implementation.declarationOf)
    const address = yield* Effect.fromResult(Address.fromInput(options.address))
    const line = yield* Line.make(
      {
        ...options,
        address,
        reconnect: reconnect === false ? undefined : reconnect
      },
      wants,
      offer
    )
    return {
      address,
      context: Hosted.context<Remote.Provided<S[number]>>(wants, line),
      state: SubscriptionRef.get(line.state),
      changes: SubscriptionRef.changes(line.state)
    }
  })

/**
 * Provides services that a `RemoteServer` serves at an address.
 *
 * **When to use**
 *
 * Instead of the Layer of their implementation: the program that uses them stays the same.
 *
 * **Details**
 *
 * The Layer is there when the peer has shown the key and offers every method that is asked for, with the same Schemas;
 * else it fails with a `ConnectionError`: with `NotServed` where the contracts differ.
 *
 * A call runs at most once. When the connection breaks, the calls under way fail with `Disconnected`; those of methods
 * that are declared `idempotent` are asked again. Calls that are made while there is no connection wait for the next
 * one, up to `waitTimeout`. A server that closes in order interrupts what it runs: `RemoteInterrupted`.
 *
 * After a reconnection methods are checked one by one, when they are called: what a newer server does not have fails
 * with `UnknownMethod` or `ContractMismatch`.
 *
 * **Gotchas**
 *
 * Nobody can be killed at an address: an interrupted call whose handler does not let go is left to the server after
 * `interruptTimeout`.
 *
 * **Example** (The program of the README, at an address)
 *
 * ```ts
 * const NumbersThere = RemoteClient.layer({
 *   address: "/run/numbers.sock",
 *   services: [Numbers],
 *   authKey
 * })
 *
 * program.pipe(Effect.provide(NumbersThere), NodeRuntime.runMain)
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = <
  const S extends readonly [Remote.Any, ...Array<Remote.Any>],
  const C extends ReadonlyArray<Remote.Any> = readonly []
>(
  options: Options<S, C>
): Layer.Layer<Remote.Provided<S[number]>, ConnectionError, Remote.Provided<C[number]>> =>
  Layer.effectContext(Effect.map(make(options), ({ context }) => context))
