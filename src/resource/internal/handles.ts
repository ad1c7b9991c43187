/**
 * Which descriptor a socket of Node.js has. There is no public way to ask: what is asked here is looked for with care,
 * and its absence is an answer.
 */
import type * as Dgram from "node:dgram"
import type * as Net from "node:net"

interface Handle {
  readonly fd?: unknown
}

const descriptor = (handle: Handle | null | undefined): number | undefined => {
  const fd = handle?.fd
  return typeof fd === "number" && fd >= 0 ? fd : undefined
}

/** `undefined` where it has none, or none yet, or is closed. */
export const ofSocket = (socket: Net.Socket | Net.Server): number | undefined =>
  descriptor((socket as { readonly _handle?: Handle | null })._handle)

/** As `ofSocket`. Its handle is behind a symbol; the property that is not is deprecated, and says so. */
export const ofDatagramSocket = (socket: Dgram.Socket): number | undefined => {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol")
  if (state === undefined) return undefined
  return descriptor((socket as unknown as Record<symbol, { readonly handle?: Handle | null }>)[state]?.handle)
}
