/**
 * A Unix socket whose bytes are a stream, and that carries descriptors between them as CPython's `send_handle` does: one
 * byte that says how many there are, and the descriptors with it. Node.js's own sockets drop what comes with a byte.
 */
import * as Fs from "node:fs"
import { Duplex } from "node:stream"
import type { Sockets } from "./sockets.ts"

const readSize = 64 << 10

/** messages with descriptors that are held until somebody takes them: of a stranger, and of a peer that is known */
const mostOfStranger = 1
const mostOfPeer = 64

/** descriptors of such a message that are received; more than one is an error, and the kernel closes the others */
const roomForDescriptors = 4

/** What came with one byte. */
export interface Handles {
  /** how many there were, as the sender said */
  readonly count: number
  readonly descriptors: ReadonlyArray<number>
}

export class HandleSocket extends Duplex {
  private readonly sockets: Sockets
  private readonly descriptor: number
  private stopReading: (() => void) | undefined
  private stopWriting: (() => void) | undefined
  private ended = false
  /** received, and taken by nobody yet */
  private readonly handles: Array<Handles> = []
  private most = mostOfStranger
  /** nothing is read until some of them are taken */
  private held = false
  private readonly watchers = new Set<() => void>()

  /** Owns the descriptor, of a connected socket that does not block. */
  constructor(sockets: Sockets, descriptor: number) {
    // Whoever is done with it ends it: the other side may still have something to say.
    super({ allowHalfOpen: true, readableHighWaterMark: readSize })
    this.sockets = sockets
    this.descriptor = descriptor
  }

  /** The peer has shown that it has the key. */
  trust(): void {
    this.most = mostOfPeer
    this.goOn()
  }

  private goOn(): void {
    if (this.destroyed || !this.held || this.handles.length >= this.most) return
    this.held = false
    this._read()
  }

  override _read(): void {
    if (this.handles.length >= this.most) {
      this.held = true
      return
    }
    this.stopReading ??= this.sockets.whenReadable(this.descriptor, () => {
      this.stopReading = undefined
      this.receive()
    })
  }

  private receive(): void {
    if (this.destroyed) return
    let received
    try {
      received = this.sockets.receive(this.descriptor, readSize, roomForDescriptors)
    } catch (error) {
      return void this.destroy(error as Error)
    }
    if (received === undefined) return this._read()
    const { bytes, descriptors } = received
    // The kernel gives no byte behind those that descriptors came with.
    const plain = descriptors.length > 0 ? bytes.subarray(0, -1) : bytes
    if (descriptors.length > 0) this.handles.push({ count: bytes.at(-1)!, descriptors })
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
    for (const { descriptors } of this.handles.splice(0)) descriptors.forEach((fd) => Fs.closeSync(fd))
    Fs.closeSync(this.descriptor)
    for (const watcher of this.watchers) watcher()
    done(error)
  }

  /** Sends a descriptor behind all that has been written; false while there is no room for it. */
  sendHandle(descriptor: number): boolean {
    if (this.destroyed) throw Object.assign(new Error("EPIPE: sendmsg"), { code: "EPIPE", syscall: "sendmsg" })
    return this.writableLength === 0 && this.sockets.send(this.descriptor, Uint8Array.of(1), [descriptor]) > 0
  }

  /** Calls back when there may be room, or it is gone. */
  whenRoom(callback: () => void): () => void {
    const unwatch = this.watch(callback)
    const stop = this.sockets.whenWritable(this.descriptor, callback)
    return () => {
      unwatch()
      stop()
    }
  }

  /** whether `takeHandles` would not say "later" */
  get hasHandles(): boolean {
    return this.ended || this.handles.length > 0
  }

  /** Those that came next, whose taker closes them; whether there will be some. */
  takeHandles(): Handles | "later" | "never" {
    const handles = this.handles.shift()
    if (handles !== undefined) this.goOn()
    return handles ?? (this.ended ? "never" : "later")
  }

  /** Calls back when `takeHandles` may say something else. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => void this.watchers.delete(watcher)
  }
}
