/**
 * CPython's frames out: those of a tick leave in one write, and whoever sends waits while more than a budget is unsent.
 */
import type { Duplex } from "node:stream"
import { Writer } from "../../wire/internal/writer.ts"

/** bytes that may be written and unsent before senders wait */
const budget = 1 << 20

/** bytes of the tick that leave without waiting for its end */
const flushAt = 56 << 10

/** bytes of the buffer as long as nobody is known at the other end */
const strangersBuffer = 512

/** bytes of the longest message whose length is written in 4 bytes */
const longestShort = 0x7fff_ffff

/** as the Writer's little-endian fields have it */
const bigEndian = (value: number): number =>
  ((value >>> 24) | ((value >>> 8) & 0xff00) | ((value << 8) & 0xff_0000) | (value << 24)) >>> 0

export class Outlet {
  private readonly socket: Duplex
  /** called when something was given to the socket */
  private readonly sent: () => void
  private writer = new Writer(strangersBuffer)
  private readonly waiting = new Set<() => void>()
  private scheduled = false
  private armed = false
  private waking = false
  /** the buffer becomes larger with the first tick that has several messages */
  private mayGrow = false

  constructor(socket: Duplex, sent: () => void) {
    this.socket = socket
    this.sent = sent
  }

  /** The peer is known: it may have more memory. */
  trust(): void {
    this.mayGrow = true
  }

  private grow(): void {
    this.mayGrow = false
    const begun = this.writer.take()
    this.writer = new Writer()
    this.writer.begin(0)
    for (const chunk of begun) this.writer.raw(chunk)
    this.writer.finish()
  }

  get full(): boolean {
    return (this.waiting.size > 0 && !this.waking) || this.pending > budget
  }

  private get pending(): number {
    return this.socket.writableLength + this.writer.unflushed
  }

  /** Calls back when there is room, or the socket is gone; what is put within the call goes before who waits on. */
  wait(go: () => void): () => void {
    this.waiting.add(go)
    this.flush()
    this.arm()
    return () => this.waiting.delete(go)
  }

  /**
   * One message, written by `write` without a break; gives its length. Nothing was written if that is more than `limit`,
   * or if `write` throws. Unless it `leaves` with the tick it waits for a `flush`.
   */
  put(limit: number, write: (writer: Writer) => void, leaves = true): number {
    if (this.mayGrow && this.writer.unflushed > 0) this.grow()
    const { writer } = this
    writer.begin(4)
    try {
      write(writer)
    } catch (error) {
      writer.rollback()
      throw error
    }
    const length = writer.recordSize() - 4
    if (length > limit) {
      writer.rollback()
      return length
    }
    if (length <= longestShort) {
      writer.patchUint32(0, bigEndian(length))
      writer.finish()
    } else this.veryLong(length)
    if (this.writer.unflushed > flushAt) this.flush()
    else if (leaves) this.schedule()
    return length
  }

  private veryLong(length: number): void {
    const { writer } = this
    const payload = writer.detach()
    const header = Buffer.allocUnsafeSlow(12)
    header.writeInt32BE(-1, 0)
    header.writeBigUInt64BE(BigInt(length), 4)
    writer.begin(0)
    writer.raw(header)
    for (const chunk of payload) writer.raw(chunk)
    writer.finish()
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    process.nextTick(this.onTick)
  }

  private readonly onTick = (): void => {
    this.scheduled = false
    this.flush()
  }

  flush(): void {
    const { socket, writer } = this
    const chunks = writer.take()
    if (socket.destroyed || socket.writableEnded) return
    if (chunks.length === 1) socket.write(chunks[0]!)
    else if (chunks.length > 1) {
      socket.cork()
      for (const chunk of chunks) socket.write(chunk)
      socket.uncork()
    }
    if (chunks.length > 0) this.sent()
    if (socket.writableLength === 0) writer.reuse()
  }

  /** Calls back when the kernel has taken all that was written, or, with `false`, the socket is gone. */
  taken(callback: (isTaken: boolean) => void): void {
    this.flush()
    const { socket } = this
    if (socket.destroyed || socket.writableEnded) setImmediate(callback, false)
    else if (socket.writableLength === 0) callback(true)
    else socket.write(nothing, (error) => callback(error === null || error === undefined))
  }

  private arm(): void {
    if (this.armed) return
    this.armed = true
    this.taken(() => {
      this.armed = false
      this.wake()
    })
  }

  private wake(): void {
    const gone = this.socket.destroyed
    this.waking = true
    for (const go of this.waiting) {
      if (!gone && this.pending > budget) break
      this.waiting.delete(go)
      go()
    }
    this.waking = false
    if (this.waiting.size > 0) this.arm()
  }

  /** The socket is gone: nobody waits for it. */
  stop(): void {
    for (const go of this.waiting) {
      this.waiting.delete(go)
      go()
    }
  }
}

const nothing = new Uint8Array(0)
