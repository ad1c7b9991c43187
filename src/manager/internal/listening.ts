/** The address of a manager, where processes become its clients. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectionError } from "../../connection/ConnectionError.ts"
import type * as Listener from "../../connection/Listener.ts"
import * as Serve from "../../remote/internal/serve.ts"
import type { AuthKey } from "../../wire/AuthKey.ts"
import * as CurrentProcess from "../../wire/internal/currentProcess.ts"
import type { Server } from "./server.ts"

/**
 * Where and how a manager can be reached. What is not said here is as for a `Listener`.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ListenOptions extends Omit<Listener.Options, "authKey" | "onRefused"> {
  /** what clients must have; default the key of this process, which its descendants share */
  readonly authKey?: AuthKey | "none" | undefined
  /** bytes of the longest message of a call, both ways; default 256 MiB */
  readonly limit?: number | undefined
  /** clients at a time; one more is told so (`ServerFull`). Default any number */
  readonly maxClients?: number | undefined
  /** calls of one client that run or wait here; those beyond wait at the client. Default 65,536 */
  readonly calls?: number | undefined
  /** for what runs for a client that has gone, and for its finalizers. Default 5 seconds */
  readonly closeTimeout?: Duration.Input | undefined
  /**
   * a client that is silent for so long is asked whether it is there, and gone if it is silent again. Infinite: never.
   * Default 10 seconds for TCP, and never for other addresses, where the system knows
   */
  readonly pingInterval?: Duration.Input | undefined
}

export const open = (
  server: Server,
  epoch: string,
  options: ListenOptions
): Effect.Effect<Serve.Serving, ConnectionError, Scope.Scope> =>
  Serve.open(
    { ...options, epoch, authKey: options.authKey ?? CurrentProcess.get().authKey },
    (peer) => server.attend(peer)
  )
