import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Net from "node:net"
import * as Inlet from "../../wire/internal/inlet.ts"
import type { Receiver } from "../../wire/Transport.ts"
import * as Address from "../Address.ts"
import { ConnectFailed, ConnectionError, type ConnectionErrorReason } from "../ConnectionError.ts"
import * as Secure from "./secure.ts"

/** bytes of a read when a socket's Link is gone and who has it next does not read yet */
export const unread = 512

/** A socket that is being connected. */
export class Opening {
  readonly socket: Net.Socket
  readonly inlet: Inlet.Inlet | undefined
  /** calls back when it is connected, or why it is not; the result takes that back */
  readonly whenConnected: WhenConnected

  constructor(socket: Net.Socket, inlet: Inlet.Inlet | undefined, whenConnected: WhenConnected) {
    this.socket = socket
    this.inlet = inlet
    this.whenConnected = whenConnected
  }
}

type WhenConnected = (callback: (failure: ConnectionErrorReason | undefined) => void) => () => void

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

/** `receiver` reads it from its first byte on. */
export const connect = (address: Address.Address, dial: Secure.Dial | undefined, receiver: Receiver): Opening => {
  const inlet = Inlet.make(unread, receiver)
  const peer = Address.format(address)
  const failed = ({ code = "EUNKNOWN", message: detail }: NodeJS.ErrnoException) =>
    new ConnectFailed({ address: peer, code, detail })
  if (dial === undefined) {
    const options: Net.NetConnectOpts = { ...target(address), onread: inlet.onread }
    const socket = Net.connect(options)
    // Node.js keeps them in an array that may be where only a full collection finds it.
    delete options.onread
    return new Opening(socket, inlet, established(socket, "connect", failed))
  }
  const socket = dial(inlet.onread)
  let reached = false
  socket.once("connect", () => {
    reached = true
  })
  const either = (error: Error) => reached ? Secure.failed(peer, error) : failed(error)
  return new Opening(socket, inlet, established(socket, "secureConnect", either))
}

const established = (
  socket: Net.Socket,
  event: string,
  failure: (error: Error) => ConnectionErrorReason
): WhenConnected =>
(callback) => {
  const done = (): void => {
    socket.off("error", failed)
    callback(undefined)
  }
  const failed = (error: Error): void => {
    socket.off(event, done)
    callback(failure(error))
  }
  socket.once(event, done).once("error", failed)
  return () => void socket.off(event, done).off("error", failed)
}

/** Completes when it is connected. */
export const connected = ({ whenConnected }: Opening): Effect.Effect<void, ConnectionError> =>
  Effect.callback((resume) => {
    const leave = whenConnected((reason) =>
      resume(reason === undefined ? Exit.void : Exit.fail(new ConnectionError({ reason })))
    )
    return Effect.sync(leave)
  })
