/** Two ends of a session in one process. What is written is delivered when the event loop has turned. */
import type { Receiver, Transport } from "../Transport.ts"

export const pair = (names: readonly [string, string]): readonly [Transport, Transport] => {
  const [a, b] = [new End(names[1]), new End(names[0])]
  a.connect(b)
  b.connect(a)
  return [a, b]
}

class End implements Transport {
  readonly peer: string
  private other!: End
  private receiver: Receiver | undefined
  /** for the other end, and who wants to know when it has what came before */
  private readonly queue: Array<Uint8Array | (() => void)> = []
  private queued = 0
  private scheduled = false
  private ended = false
  private closed = false

  constructor(peer: string) {
    this.peer = peer
  }

  connect(other: End): void {
    this.other = other
  }

  readonly start = (receiver: Receiver): void => {
    this.receiver = receiver
    this.other.schedule()
  }

  readonly write = (chunks: ReadonlyArray<Uint8Array>): void => {
    if (this.ended) return
    for (const chunk of chunks) {
      this.queue.push(chunk)
      this.queued += chunk.length
    }
    this.schedule()
  }

  readonly unsent = (): number => this.queued

  readonly taken = (callback: () => void): void => {
    if (this.closed) return void setImmediate(callback)
    this.queue.push(callback)
    this.schedule()
  }

  readonly end = (): void => {
    this.ended = true
    this.schedule()
  }

  readonly destroy = (): void => {
    if (this.closed) return
    this.ended = true
    this.close()
    this.other.end()
    this.other.close()
  }

  private schedule(): void {
    if (this.scheduled || this.other.receiver === undefined) return
    this.scheduled = true
    setImmediate(this.deliver)
  }

  private readonly deliver = (): void => {
    this.scheduled = false
    const { other } = this
    for (const item of this.queue.splice(0)) {
      if (typeof item === "function") item()
      else {
        this.queued -= item.length
        if (!other.closed) other.receiver!.push(item)
      }
    }
    // The other end's last words are still on their way to this one.
    if (this.ended && this.queue.length === 0) other.close()
  }

  /** Nothing more arrives here. */
  private close(): void {
    if (this.closed) return
    this.closed = true
    for (const item of this.queue.splice(0)) if (typeof item === "function") setImmediate(item)
    this.queued = 0
    setImmediate(() => this.receiver?.closed(undefined))
  }
}
