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
export const make = (size = 64 << 10, first?: Receiver): Inlet => new Redirectable(size, first)

/**
 * By a constructor, as all that a connection consists of. Object literals that survive often are made by V8 where only a
 * full collection finds them, and all that they know survives with them, so that they survive all the more.
 */
class Redirectable implements Inlet {
  readonly onread: Onread
  private readonly size: number
  private own: Uint8Array | undefined
  private held: Uint8Array = empty
  private receiver: Receiver | undefined
  private given: Uint8Array = empty
  private givenBy: Receiver | undefined

  constructor(size: number, first: Receiver | undefined) {
    this.size = size
    this.receiver = first
    this.onread = new Onread(() => this.lend(), (n) => this.take(n))
  }

  private lend(): Uint8Array {
    const { receiver } = this
    this.givenBy = receiver
    return this.given = receiver === undefined ? (this.own ??= new Uint8Array(this.size)) : receiver.buffer()
  }

  private take(n: number): boolean {
    const { given, receiver } = this
    if (receiver === undefined) this.held = concat(this.held, given.subarray(0, n))
    else if (receiver === this.givenBy) receiver.received(n)
    else receiver.push(given.subarray(0, n))
    return this.held.length < mostHeld
  }

  redirect(next: Receiver): void {
    this.receiver = next
    const first = this.held
    this.held = empty
    if (first.length > 0) next.push(first)
  }

  hold(rest: Uint8Array): void {
    this.receiver = undefined
    this.held = rest.slice()
  }
}

class Onread {
  readonly buffer: () => Uint8Array
  readonly callback: (n: number) => boolean

  constructor(buffer: () => Uint8Array, callback: (n: number) => boolean) {
    this.buffer = buffer
    this.callback = callback
  }
}

const empty = new Uint8Array(0)

export const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
