/**
 * An accepted socket that is read straight into place.
 *
 * `node:net` takes an `onread` only when it makes a socket, and makes those that a server accepts itself. So it is put
 * where `node:net` would have put it, which is no public way: where Node.js does not go along, the socket is left alone.
 */
import type * as Net from "node:net"
import * as Inlet from "../../wire/internal/inlet.ts"
import type { Receiver } from "../../wire/Transport.ts"
import { unread } from "./open.ts"

interface Handle {
  readonly useUserBuffer: (buffer: Uint8Array) => void
}

/** under what a socket keeps its `onread`: the next buffer, what is called back, and what gives buffers; null without */
interface Keys {
  readonly buffer: symbol
  readonly callback: symbol
  readonly generator: symbol
}

let keys: Keys | "unknown" | undefined

const keysOf = (socket: object): Keys | "unknown" => {
  const own = Object.getOwnPropertySymbols(socket)
  const named = (name: string) => own.find(({ description }) => description === name)
  const buffer = named("kBuffer")
  const callback = named("kBufferCb")
  const generator = named("kBufferGen")
  return buffer === undefined || callback === undefined || generator === undefined
    ? "unknown"
    : { buffer, callback, generator }
}

/**
 * Of a socket that was accepted paused, and has not been read from yet; `receiver` reads it from its first byte on.
 * Undefined where it is read by its `data` events.
 */
export const adopt = (accepted: Net.Socket, receiver: Receiver): Inlet.Inlet | undefined => {
  const socket = accepted as unknown as Record<symbol, unknown> & { readonly _handle: unknown }
  const handle = socket._handle
  if (!isHandle(handle)) return undefined
  keys ??= keysOf(socket)
  if (keys === "unknown" || socket[keys.buffer] !== null) return undefined
  const inlet = Inlet.make(unread, receiver)
  const { buffer, callback } = inlet.onread
  const first = buffer()
  socket[keys.buffer] = first
  socket[keys.callback] = callback
  socket[keys.generator] = buffer
  handle.useUserBuffer(first)
  return inlet
}

const isHandle = (handle: unknown): handle is Handle =>
  typeof handle === "object" && handle !== null && "useUserBuffer" in handle
