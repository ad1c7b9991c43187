/**
 * Where other processes connect to this one: CPython's `multiprocessing.connection.Listener`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Address from "./Address.ts"
import type { Credentials } from "./Authentication.ts"
import type { Connection } from "./Connection.ts"
import type { ConnectionError } from "./ConnectionError.ts"
import * as Doorway from "./internal/doorway.ts"
import type { Common } from "./internal/options.ts"

/**
 * TLS, as a listener has it: `cert` and `key`, or `pfx`, are what it shows.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export type TlsOptions =
  & Credentials
  & (
    /** only peers with a certificate of an authority in `ca` come in */
    | { readonly requestCert: true; readonly ca: NonNullable<Credentials["ca"]> }
    | { readonly requestCert?: false | undefined }
  )

/**
 * How a `Listener` works.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options extends Common {
  /** default a fresh path in a directory that only this user can enter */
  readonly address?: Address.Input | undefined
  /** speaks TLS, which takes an address of TCP; default clear text */
  readonly tls?: TlsOptions | undefined
  /** until a peer has shown its key, TLS included; then it is closed. Default 10 seconds */
  readonly timeout?: Duration.Input | undefined
  /** peers that are in their handshake at a time; the oldest gives way to a new one. Default 256 */
  readonly pending?: number | undefined
  /** connections that the system holds until this process looks at them; default 511 */
  readonly backlog?: number | undefined
  /** of the socket's file; default `0o600` */
  readonly mode?: number | undefined
  /** told of each peer that was refused; default a debug message in the log */
  readonly onRefused?: ((error: ConnectionError) => Effect.Effect<void>) | undefined
}

/**
 * Accepts authenticated connections.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class Listener extends Context.Service<Listener, {
  /** where it can be reached; with the port that the system chose */
  readonly address: Address.Address
  /** The next peer that has shown its key. The Scope owns the connection. */
  readonly accept: Effect.Effect<Connection, ConnectionError, Scope.Scope>
  /** Completes when `accept` has not to wait; accepts nobody. */
  readonly arrival: Effect.Effect<void>
  /** Runs a handler for each of them, each in a fiber and a Scope of its own; ends with the listener. */
  readonly run: <R>(
    handler: (connection: Connection) => Effect.Effect<unknown, unknown, R>
  ) => Effect.Effect<never, ConnectionError, Exclude<R, Scope.Scope>>
}>()("effect-multiprocessing/Listener") {}

/**
 * Listens at an address for as long as the Scope is open.
 *
 * **Details**
 *
 * Each handshake has a fiber and a deadline of its own, so a peer that is silent holds up nobody. A peer that cannot
 * show the key is closed, and can have made this process allocate next to nothing. The socket's file is gone when the
 * Scope closes, and also after this process was killed; the address can be used again at once.
 *
 * **Example** (An echo)
 *
 * ```ts
 * Effect.gen(function*() {
 *   const { run } = yield* Listener.make({ address: "/run/echo.sock", authKey })
 *   yield* run((connection) => Stream.run(Connection.bytes(connection), Connection.bytesSink(connection)))
 * }).pipe(Effect.scoped)
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Listener["Service"], ConnectionError, Scope.Scope> =>
  Effect.map(Doorway.open(options), ({ accept, address, arrival }) => ({
    address,
    accept,
    arrival,
    run: (handler) =>
      Effect.scoped(Effect.gen(function*() {
        const fibers = yield* FiberSet.make()
        const next = Effect.uninterruptibleMask((restore) =>
          Effect.gen(function*() {
            const own = yield* Scope.make()
            const connection = yield* Effect.onError(
              restore(Scope.provide(accept, own)),
              (cause) => Scope.close(own, Exit.failCause(cause))
            )
            const handled = Effect.onExit(
              Scope.provide(Effect.suspend(() => handler(connection)), own),
              (exit) => Scope.close(own, exit)
            )
            yield* FiberSet.run(
              fibers,
              Effect.catchCause(handled, (cause) => Effect.logDebug(`a handler of ${connection.peer} failed`, cause))
            )
          })
        )
        return yield* Effect.forever(next)
      }))
  }))

/**
 * `make`, as a Layer.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Listener, ConnectionError> => Layer.effect(Listener, make(options))
