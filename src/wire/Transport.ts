/**
 * What carries a `Session`: a duplex of bytes.
 *
 * The inherited socket of a child, an authenticated connection, a `MessagePort` and a pair in memory are all
 * Transports, so everything above this module is the same for each of them.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { Duplex } from "node:stream"

/**
 * Where a `Transport` delivers what arrives.
 *
 * **Details**
 *
 * A carrier that can be told where to put bytes asks `buffer()` before each read and calls `received(n)` after it, so
 * that large values are read into their final place. One that delivers chunks calls `push`. Exactly one `closed`
 * follows the last byte.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Receiver {
  /** where the next bytes go; never empty, valid until the next call of `received` or `push` */
  readonly buffer: () => Uint8Array<ArrayBuffer>
  /** `n` bytes have been put at the start of the last `buffer()` */
  readonly received: (n: number) => void
  /** bytes in the carrier's own memory, which are copied before the call returns */
  readonly push: (bytes: Uint8Array) => void
  /** nothing more will arrive and nothing more can be sent; `error` is why, when something broke */
  readonly closed: (error: Error | undefined) => void
}

/**
 * A duplex of bytes that carries one `Session`.
 *
 * **Gotchas**
 *
 * Chunks are sent by reference: nobody may change them until they are taken.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Transport {
  /** how messages of errors name the other end, for example `resizer (pid 4711)` */
  readonly peer: string
  /** starts delivery; what had been read before comes first. Called once */
  readonly start: (receiver: Receiver) => void
  /** sends the chunks in order, as one system call where possible; after the end it does nothing */
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => void
  /** bytes that have been written and that the carrier has not taken yet */
  readonly unsent: () => number
  /** calls back once all that has been written so far is taken, or never will be; never before `taken` returns */
  readonly taken: (callback: () => void) => void
  /** sends what has been written, then the end */
  readonly end: () => void
  /** ends at once; what is unsent is lost */
  readonly destroy: () => void
}

/**
 * What stands between a socket's `onread` option, which must be given when the socket is made, and whoever reads at
 * the moment. `internal/inlet.ts` makes one.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Inlet {
  /** hands the socket over: what has been read and not consumed comes first, by `push` */
  readonly redirect: (receiver: Receiver) => void
}

/**
 * A socket of `node:net`, or another duplex of `node:stream`, as a `Transport`.
 *
 * **Details**
 *
 * With `inlet`, the socket was made with that inlet's `onread`, and bytes are read straight into the session's
 * buffers. Without it the socket's `data` events are used. `leftover` are bytes that had been read before the session took over.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const fromSocket = (
  socket: Duplex,
  options: {
    readonly peer: string
    readonly inlet?: Inlet | undefined
    readonly leftover?: Uint8Array | undefined
  }
): Transport => {
  let failure: Error | undefined
  let ended = false
  socket.on("error", (error) => {
    failure ??= error
  })
  const taken = (callback: () => void): void => {
    // On a socket that is gone not before the event loop has turned: node calls back within the loop that empties its
    // queue, and who asks again and again must not keep the socket's own end from being heard of.
    const gone = (): void => void setImmediate(callback)
    if (ended || socket.destroyed) gone()
    else socket.write(EMPTY, (error) => error ? gone() : callback())
  }
  return {
    peer: options.peer,
    start: (receiver) => {
      // A socket that is already gone emits no event any more.
      if (socket.closed) {
        process.nextTick(receiver.closed, failure)
        return
      }
      // The peer's end is the end, also while the kernel cannot deliver what this side still has to send.
      let open = true
      const closed = (): void => {
        if (open) receiver.closed(failure)
        open = false
      }
      socket.once("end", closed)
      socket.once("close", closed)
      if (options.leftover !== undefined && options.leftover.length > 0) receiver.push(options.leftover)
      if (options.inlet === undefined) socket.on("data", receiver.push)
      else options.inlet.redirect(receiver)
      socket.resume()
    },
    write: (chunks) => {
      if (ended || socket.destroyed) return
      if (chunks.length === 1) {
        socket.write(chunks[0]!)
        return
      }
      socket.cork()
      for (const chunk of chunks) socket.write(chunk)
      socket.uncork()
    },
    unsent: () => socket.writableLength,
    taken,
    end: () => {
      if (ended) return
      ended = true
      socket.end()
    },
    destroy: () => {
      ended = true
      socket.destroy()
    }
  }
}

const EMPTY = new Uint8Array(0)
