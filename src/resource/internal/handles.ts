/**
 * Which handle, and with it which descriptor, a socket of Node.js has. There is no public way to ask: what is asked here is looked for with care,
 * and its absence is an answer.
 */
import type * as Dgram from "node:dgram"
import type * as Net from "node:net"
import type { Handle } from "../../process/internal/handleRelay.ts"

/** With a descriptor. */
const open = (handle: Partial<Handle> | null | undefined): Handle | undefined =>
  typeof handle?.fd === "number" && handle.fd >= 0 ? handle as Handle : undefined

/** `undefined` where it has none, or none yet, or is closed. */
export const ofSocket = (socket: Net.Socket | Net.Server): Handle | undefined =>
  open((socket as { readonly _handle?: Partial<Handle> | null })._handle)

/** As `ofSocket`. It is behind a symbol; the property that is not is deprecated, and says so. */
export const ofDatagramSocket = (socket: Dgram.Socket): Handle | undefined => {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol")
  if (state === undefined) return undefined
  return open((socket as unknown as Record<symbol, { readonly handle?: Partial<Handle> | null }>)[state]?.handle)
}

/** Nothing is read from it any more, and the socket is as if closed; as Node.js does it to send one. */
export const takeFromSocket = (socket: Net.Socket, handle: Handle): Handle => {
  const stream = Object.assign(handle as Handle & { readonly readStop: () => void }, {
    onread: () => {},
    reading: false
  })
  stream.readStop()
  Object.assign(socket.setTimeout(0), { _handle: null })
  return stream
}
