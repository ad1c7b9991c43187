import type { Receiver, Transport } from "../../src/wire/Transport.ts"

/** One end of a pair, with what a test may do to it. */
export interface MemoryTransport extends Transport {
  /** what the other end has sent stays in the pipe, as with a process that is stopped */
  readonly pause: () => void
  readonly resume: () => void
  /** bytes that arrive as if the other end had sent them */
  readonly inject: (bytes: Uint8Array) => void
  /** bytes that have been delivered here so far */
  readonly arrived: () => number
  /** what has been written so far, when the pair was made with `record` */
  readonly written: () => Buffer
}

/** Two ends connected by pipes of so many bytes, which deliver at most `slice` bytes at a time and never at once. */
export const pair = (options?: {
  readonly capacity?: number
  readonly slice?: () => number
  readonly record?: boolean
}): [MemoryTransport, MemoryTransport] => {
  const capacity = options?.capacity ?? 200 << 10
  const slice = options?.slice ?? (() => Number.POSITIVE_INFINITY)
  const a = new End("b", capacity, slice, options?.record === true)
  const b = new End("a", capacity, slice, options?.record === true)
  a.other = b
  b.other = a
  return [a, b]
}

class End implements MemoryTransport {
  other!: End
  /** written here, not in the pipe yet */
  private queue: Array<Buffer | (() => void)> = []
  private queued = 0
  /** in the pipe to this end */
  private pipe: Array<Buffer> = []
  private piped = 0
  private receiver: Receiver | undefined
  private paused = false
  private ending = false
  /** the other end will send nothing more */
  private finished = false
  private closed = false
  private scheduled = false
  private delivered = 0
  private readonly log: Array<Buffer> = []
  readonly peer: string
  private readonly capacity: number
  private readonly slice: () => number
  private readonly record: boolean

  constructor(peer: string, capacity: number, slice: () => number, record: boolean) {
    this.peer = peer
    this.capacity = capacity
    this.slice = slice
    this.record = record
  }

  readonly start = (receiver: Receiver): void => {
    this.receiver = receiver
    this.schedule()
  }

  readonly write = (chunks: ReadonlyArray<Uint8Array>): void => {
    if (this.ending || this.closed) return
    for (const chunk of chunks) {
      const bytes = Buffer.from(chunk)
      if (this.record) this.log.push(bytes)
      this.queue.push(bytes)
      this.queued += bytes.length
    }
    this.fill()
  }

  readonly unsent = (): number => this.queued

  readonly taken = (callback: () => void): void => {
    if (this.closed) {
      setImmediate(callback)
      return
    }
    this.queue.push(callback)
    this.fill()
  }

  readonly end = (): void => {
    this.ending = true
    this.fill()
  }

  readonly destroy = (): void => {
    if (this.closed) return
    this.ending = true
    const waiting = this.queue.splice(0)
    this.queued = 0
    this.other.finish()
    this.close()
    for (const item of waiting) if (typeof item === "function") setImmediate(item)
  }

  readonly pause = (): void => {
    this.paused = true
  }

  readonly resume = (): void => {
    this.paused = false
    this.schedule()
  }

  readonly inject = (bytes: Uint8Array): void => {
    this.take(Buffer.from(bytes))
  }

  readonly arrived = (): number => this.delivered

  readonly written = (): Buffer => Buffer.concat(this.log)

  private take(bytes: Buffer): void {
    this.pipe.push(bytes)
    this.piped += bytes.length
    this.schedule()
  }

  /** moves what fits into the pipe */
  private fill(): void {
    const { other } = this
    while (this.queue.length > 0) {
      const first = this.queue[0]!
      if (typeof first === "function") {
        this.queue.shift()
        setImmediate(first)
        continue
      }
      const room = this.capacity - other.piped
      if (room <= 0) return
      const part = first.subarray(0, room)
      if (part.length === first.length) this.queue.shift()
      else this.queue[0] = first.subarray(room)
      this.queued -= part.length
      other.take(part)
    }
    if (this.ending) other.finish()
  }

  private finish(): void {
    this.finished = true
    this.schedule()
  }

  private close(): void {
    if (this.closed) return
    this.closed = true
    this.pipe = []
    const { receiver } = this
    setImmediate(() => receiver?.closed(undefined))
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      this.deliver()
    })
  }

  private deliver(): void {
    if (this.paused || this.closed || this.receiver === undefined) return
    const bytes = Buffer.concat(this.pipe.splice(0))
    this.piped = 0
    for (let at = 0; at < bytes.length && !this.closed;) {
      const n = Math.min(bytes.length - at, this.slice())
      const into = this.receiver.buffer()
      const count = Math.min(n, into.length)
      into.set(bytes.subarray(at, at + count))
      this.receiver.received(count)
      at += count
      this.delivered += count
    }
    this.other.fill()
    if (this.finished && this.pipe.length === 0) {
      this.other.finish()
      this.close()
    }
  }
}
