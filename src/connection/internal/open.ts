import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as Inlet from "../../wire/internal/inlet.ts"
import * as Address from "../Address.ts"
import { ConnectFailed, ConnectionError } from "../ConnectionError.ts"
import * as Secure from "./secure.ts"

/** bytes of a buffer that nobody reads into */
const unused = 16

/** A socket that is being connected. */
export interface Opening {
  readonly socket: Net.Socket
  readonly inlet: Inlet.Inlet | undefined
  /** completes when it is connected */
  readonly connected: Effect.Effect<void, ConnectionError>
}

/** Where a socket is found, in the words of `node:net`. */
export const target = (address: Address.Address): { readonly path: string } | {
  readonly host: string
  readonly port: number
} => {
  switch (address._tag) {
    case "Unix":
      return { path: address.path }
    case "Abstract":
      return { path: `\0${address.name}` }
    case "Pipe":
      return { path: `\\\\.\\pipe\\${address.name}` }
    case "Tcp":
      return { host: address.host, port: address.port }
  }
}

export const connect = (address: Address.Address, dial: Secure.Dial | undefined): Opening => {
  // A Link reads into memory of its own from the beginning.
  const inlet = Inlet.make(unused)
  const peer = Address.format(address)
  const failed = ({ code = "EUNKNOWN", message: detail }: NodeJS.ErrnoException) =>
    new ConnectionError({ reason: new ConnectFailed({ address: peer, code, detail }) })
  if (dial === undefined) {
    const socket = Net.connect({ ...target(address), onread: inlet.onread })
    return { socket, inlet, connected: established(socket, "connect", failed) }
  }
  const socket = dial(inlet.onread)
  let reached = false
  socket.once("connect", () => {
    reached = true
  })
  const either = (error: Error) => reached ? Secure.failed(peer, error) : failed(error)
  return { socket, inlet, connected: established(socket, "secureConnect", either) }
}

const established = (
  socket: Net.Socket,
  event: string,
  failure: (error: Error) => ConnectionError
): Effect.Effect<void, ConnectionError> =>
  Effect.callback((resume) => {
    const done = (): void => {
      socket.off("error", failed)
      resume(Effect.void)
    }
    const failed = (error: Error): void => {
      socket.off(event, done)
      resume(Effect.fail(failure(error)))
    }
    socket.once(event, done).once("error", failed)
    return Effect.sync(() => socket.off(event, done).off("error", failed))
  })
