/**
 * An accepted socket that is read straight into place.
 *
 * `node:net` takes an `onread` only when it makes a socket, and makes those that a server accepts itself. So another one
 * is made around the handle, which is no public way: where Node.js does not go along, the socket stays as it is.
 */
import * as Net from "node:net"
import * as Inlet from "../../wire/internal/inlet.ts"
import type { Receiver } from "../../wire/Transport.ts"
import { unread } from "./open.ts"

interface Inside {
  _handle: object | null
  _server: object | null
}

export interface Adopted {
  readonly socket: Net.Socket
  /** absent where it is read by its `data` events */
  readonly inlet: Inlet.Inlet | undefined
}

/** Of a socket that has not been read from yet, and that nobody else has; `receiver` reads it from its first byte on. */
export const adopt = (accepted: Net.Socket, receiver: Receiver): Adopted => {
  const old = accepted as unknown as Inside
  const { _handle: handle, _server: server } = old
  if (!isHandle(handle)) return { socket: accepted, inlet: undefined }
  const inlet = Inlet.make(unread, receiver)
  const options: object = { handle, pauseOnCreate: true, onread: inlet.onread }
  const socket = new Net.Socket(options)
  const made = socket as unknown as Inside
  if (made._handle !== handle) {
    socket.destroy()
    return { socket: accepted, inlet: undefined }
  }
  // The server counts it until it is closed.
  made._server = server
  old._server = null
  old._handle = null
  return { socket, inlet }
}

const isHandle = (handle: unknown): handle is object =>
  typeof handle === "object" && handle !== null && "readStart" in handle && "useUserBuffer" in handle
