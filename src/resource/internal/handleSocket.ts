/**
 * A Unix socket whose bytes are a stream, and that carries descriptors between them as CPython's `send_handle` does: one
 * byte that says how many there are, and the descriptors with it. Node.js's own sockets drop what comes with a byte.
 */
import * as Fs from "node:fs"
import { Duplex } from "node:stream"
import { most } from "./sharer.ts"
import type { Sockets } from "./sockets.ts"

const readSize = 64 << 10

export class HandleSocket extends Duplex {
  private readonly sockets: Sockets
  private readonly descriptor: number
  private stopReading: (() => void) | undefined
  private stopWriting: (() => void) | undefined
  private ended = false
  /** received together, and taken by nobody yet */
  private readonly handles: Array<ReadonlyArray<number>> = []
  private readonly watchers = new Set<() => void>()

  /** Owns the descriptor, of a connected socket that does not block. */
  constructor(sockets: Sockets, descriptor: number) {
    // Whoever is done with it ends it: the other side may still have something to say.
    super({ allowHalfOpen: true, readableHighWaterMark: readSize })
    this.sockets = sockets
    this.descriptor = descriptor
  }

  override _read(): void {
    this.stopReading ??= this.sockets.whenReadable(this.descriptor, () => {
      this.stopReading = undefined
      this.receive()
    })
  }

  private receive(): void {
    if (this.destroyed) return
    let received
    try {
      received = this.sockets.receive(this.descriptor, readSize, most)
    } catch (error) {
      return void this.destroy(error as Error)
    }
    if (received === undefined) return this._read()
    const { bytes, descriptors } = received
    // The kernel gives no byte behind those that descriptors came with.
    const plain = descriptors.length > 0 ? bytes.subarray(0, -1) : bytes
    if (descriptors.length > 0) this.handles.push(descriptors)
    this.ended = bytes.length === 0
    if (descriptors.length > 0 || this.ended) { for (const watcher of this.watchers) watcher() }
    if (this.ended) this.push(null)
    else if (plain.length > 0) this.push(plain)
    else this._read()
  }

  override _write(chunk: Uint8Array, _: unknown, done: (error?: Error | null) => void): void {
    let left = chunk
    const go = (): void => {
      this.stopWriting = undefined
      try {
        while (left.length > 0) {
          const sent = this.sockets.send(this.descriptor, left, [])
          if (sent === 0) {
            this.stopWriting = this.sockets.whenWritable(this.descriptor, go)
            return
          }
          left = left.subarray(sent)
        }
      } catch (error) {
        return done(error as Error)
      }
      done()
    }
    go()
  }

  override _final(done: (error?: Error | null) => void): void {
    try {
      this.sockets.shutdown(this.descriptor)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.ended = true
    this.stopReading?.()
    this.stopWriting?.()
    for (const descriptors of this.handles.splice(0)) descriptors.forEach((fd) => Fs.closeSync(fd))
    Fs.closeSync(this.descriptor)
    for (const watcher of this.watchers) watcher()
    done(error)
  }

  /** Sends descriptors behind all that has been written; false while not all of that has left. */
  sendHandles(descriptors: ReadonlyArray<number>): boolean {
    if (this.destroyed) throw Object.assign(new Error("EPIPE: sendmsg"), { code: "EPIPE", syscall: "sendmsg" })
    return this.writableLength === 0 &&
      this.sockets.send(this.descriptor, Uint8Array.of(descriptors.length & 0xff), descriptors) > 0
  }

  /** whether `takeHandles` would not say "later" */
  get hasHandles(): boolean {
    return this.ended || this.handles.length > 0
  }

  /** Those that came next, whose taker closes them; whether there will be some. */
  takeHandles(): ReadonlyArray<number> | "later" | "never" {
    return this.handles.shift() ?? (this.ended ? "never" : "later")
  }

  /** Calls back when `takeHandles` may say something else. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => void this.watchers.delete(watcher)
  }
}
