/**
 * The `onread` of a socket, redirectable: first a bootstrap reads frames, then a `Session` takes over.
 *
 * `node:net` wants the callbacks when the socket is made, and asks for the next buffer as soon as it has delivered the
 * last one; so bytes may arrive in a buffer of the former reader after a hand-over. They are passed on, and none is
 * lost. The file imports nothing, because a child loads it before it has found its copy of `effect`.
 */
import type { Receiver } from "../Transport.ts"

export interface Inlet {
  /** the option of `new net.Socket` or `net.connect` */
  readonly onread: {
    readonly buffer: () => Uint8Array
    readonly callback: (n: number) => boolean
  }
  /** whoever reads from now on; what nobody has read yet comes first, by `push` */
  readonly redirect: (receiver: Receiver) => void
  /** nobody reads for now; `rest` is what the last reader was given and had no use for */
  readonly hold: (rest: Uint8Array) => void
}

/** bytes; more is not read ahead while nobody reads, until `socket.resume()` */
const mostHeld = 1 << 20

/** `size`: bytes of a read while nobody reads; `first`: who reads from the beginning. */
export const make = (size = 64 << 10, first?: Receiver): Inlet => {
  let own: Uint8Array | undefined
  let held: Uint8Array = empty
  let receiver = first
  let given: Uint8Array = empty
  let givenBy: Receiver | undefined
  return {
    onread: {
      buffer: () => {
        givenBy = receiver
        return given = receiver === undefined ? (own ??= new Uint8Array(size)) : receiver.buffer()
      },
      callback: (n) => {
        if (receiver === undefined) held = concat(held, given.subarray(0, n))
        else if (receiver === givenBy) receiver.received(n)
        else receiver.push(given.subarray(0, n))
        return held.length < mostHeld
      }
    },
    redirect: (next) => {
      receiver = next
      const first = held
      held = empty
      if (first.length > 0) next.push(first)
    },
    hold: (rest) => {
      receiver = undefined
      held = rest.slice()
    }
  }
}

const empty = new Uint8Array(0)

export const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
