/**
 * CPython's frames, cut out of a stream of bytes: a length in 4 bytes, signed and big-endian, or -1 and the length in 8
 * bytes, then so many bytes.
 *
 * Bytes wait in one buffer until somebody takes a message, so that nothing is lost when the reader changes, and what
 * waits is bounded: a full buffer stops the carrier. A long message is read straight into memory of its own, once its
 * length has been checked.
 */
import { Loan, Memory } from "../../wire/internal/memory.ts"
import type { Receiver } from "../../wire/Transport.ts"

/** a message, or why there is none; `undefined` while it has not arrived entirely */
export type Taken = Uint8Array<ArrayBuffer> | Flaw | undefined

/** Why the stream cannot be read any further. */
export type Flaw =
  | { readonly _tag: "Ended" }
  | { readonly _tag: "Truncated"; readonly received: number; readonly expected: number | undefined }
  | { readonly _tag: "Broken"; readonly error: NodeJS.ErrnoException }
  | { readonly _tag: "TooLong"; readonly size: number }
  | { readonly _tag: "Garbage"; readonly detail: string }

export const isMessage = (taken: Taken): taken is Uint8Array<ArrayBuffer> => taken instanceof Uint8Array

/** bytes; longer messages, and those that the buffer cannot hold, get memory of their own once their length is known */
const shortMessage = 32 << 10

/** bytes of the buffer as long as nobody is known at the other end, and after that */
export const strangersBuffer = 1 << 10
export const fullBuffer = 64 << 10

const nothing = (): void => {}

interface Long {
  readonly header: number
  readonly buffer: Buffer<ArrayBuffer>
  at: number
}

export class FrameReader implements Receiver {
  /** bytes of the longest message that is accepted */
  limit: number
  /** whether anything has arrived */
  hasHeard = false
  private main: Buffer<ArrayBuffer>
  private start = 0
  private end = 0
  /** where the carrier was told to put the next bytes; what is taken meanwhile may move the place where they belong */
  private lent: Uint8Array<ArrayBuffer> | undefined
  /** chunks that arrived although there was no room */
  private readonly beyond: Array<Uint8Array> = []
  private long: Long | undefined
  /** made with the first long message */
  private memory: Memory | undefined
  private over: Flaw | undefined
  private paused = false
  /** the buffer becomes larger when it is full for the first time */
  private mayGrow = false
  private arrived: () => void = nothing
  private flow: (on: boolean) => void = nothing

  constructor(limit: number) {
    this.limit = limit
    // Of the memory that small Buffers share: most connections of a busy listener are short.
    this.main = Buffer.allocUnsafe(strangersBuffer)
  }

  /**
   * `arrived` is called when something has arrived, or the end; `flow` stops the carrier, and lets it go on. They are
   * arguments, since V8 puts functions that are assigned to somebody else's property where only a full collection finds
   * them, with all that they know: here a whole connection.
   */
  attach(arrived: () => void, flow = this.flow): void {
    this.arrived = arrived
    this.flow = flow
  }

  /** The peer is known: it may have more memory. */
  trust(limit: number): void {
    this.limit = limit
    this.mayGrow = true
    this.growIfFull()
    this.refill()
  }

  private growIfFull(): void {
    const { end, main, start } = this
    if (!this.mayGrow || end < main.length) return
    this.mayGrow = false
    this.main = Buffer.allocUnsafeSlow(fullBuffer)
    main.copy(this.main, 0, start, end)
    this.start = 0
    this.end = end - start
  }

  // ---------------------------------------------------------------------------------------------- from the carrier

  readonly buffer = (): Uint8Array<ArrayBuffer> => {
    const { long } = this
    if (long !== undefined && long.at < long.buffer.length) return this.lent = long.buffer.subarray(long.at)
    this.makeRoom()
    // Never empty: what comes although the carrier was stopped must go somewhere.
    return this.lent = this.end < this.main.length
      ? this.main.subarray(this.end)
      : Buffer.allocUnsafeSlow(strangersBuffer)
  }

  readonly received = (n: number): void => {
    if (this.over !== undefined) return
    const lent = this.lent!
    const { end, long, main } = this
    if (long !== undefined && long.at < long.buffer.length) {
      if (lent.buffer !== long.buffer.buffer) return this.push(lent.subarray(0, n))
      long.at += n
    } else {
      if (lent.buffer !== main.buffer || lent.byteOffset !== main.byteOffset + end) {
        return this.push(lent.subarray(0, n))
      }
      this.end += n
    }
    this.settle()
  }

  readonly push = (bytes: Uint8Array): void => {
    if (this.over !== undefined) return
    if (this.beyond.length > 0) this.beyond.push(new Uint8Array(bytes))
    else this.absorb(bytes)
    this.settle()
  }

  readonly closed = (error: Error | undefined): void => {
    this.over ??= error === undefined ? { _tag: "Ended" } : { _tag: "Broken", error }
    this.memory?.close()
    this.arrived()
  }

  private settle(): void {
    this.hasHeard = true
    this.growIfFull()
    this.beginLong()
    if (!this.paused && this.isFull) {
      this.paused = true
      this.flow(false)
    }
    this.arrived()
  }

  private get isFull(): boolean {
    if (this.beyond.length > 0) return true
    const { long } = this
    return long === undefined ? this.end - this.start === this.main.length : long.at === long.buffer.length
  }

  /** Puts bytes where they belong; what has no room waits as it is. */
  private absorb(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      const { long } = this
      if (long !== undefined && long.at < long.buffer.length) {
        const n = Math.min(long.buffer.length - long.at, bytes.length - at)
        long.buffer.set(n === bytes.length ? bytes : bytes.subarray(at, at + n), long.at)
        long.at += n
        at += n
        continue
      }
      this.makeRoom()
      const n = Math.min(this.main.length - this.end, bytes.length - at)
      if (n === 0) {
        this.beyond.unshift(new Uint8Array(bytes.subarray(at)))
        return
      }
      this.main.set(n === bytes.length ? bytes : bytes.subarray(at, at + n), this.end)
      this.end += n
      at += n
      this.beginLong()
    }
  }

  private makeRoom(): void {
    this.growIfFull()
    const { end, main, start } = this
    if (start === 0) return
    if (start < end) main.copyWithin(0, start, end)
    this.start = 0
    this.end = end - start
  }

  /** Something was taken: what waited outside comes in, and the carrier goes on. */
  private refill(): void {
    this.beginLong()
    for (let before = 0; this.beyond.length > 0 && this.beyond.length !== before;) {
      before = this.beyond.length
      this.absorb(this.beyond.shift()!)
    }
    if (!this.paused || this.isFull) return
    this.paused = false
    this.flow(true)
  }

  // ---------------------------------------------------------------------------------------------- messages

  /** The length of the message at the front, and of its header, when so much of it has arrived. */
  private front(): { readonly header: number; readonly length: number } | undefined {
    const { main, start } = this
    const available = this.end - start
    if (available < 4) return undefined
    const short = main.readInt32BE(start)
    if (short !== -1) return { header: 4, length: short }
    return available < 12 ? undefined : { header: 12, length: Number(main.readBigUInt64BE(start + 4)) }
  }

  private beginLong(): void {
    if (this.long !== undefined) return
    const front = this.front()
    if (front === undefined || front.length > this.limit) return
    const { header, length } = front
    if (length <= shortMessage && header + length <= this.main.length) return
    this.memory ??= new Memory()
    const buffer = this.memory.take(length)
    const at = Math.min(length, this.end - this.start - header)
    this.main.copy(buffer, 0, this.start + header, this.start + header + at)
    this.start += header + at
    this.long = { header, buffer, at }
  }

  /** Why nothing can be read any more, besides what is there. */
  get flaw(): Flaw | undefined {
    return this.over
  }

  /** Bytes of the next message, when its header has arrived. */
  get nextSize(): number | undefined {
    return this.long === undefined ? this.front()?.length : this.long.buffer.length
  }

  /** Whether `take` would give something: a message, or the end. */
  get isReady(): boolean {
    if (this.over !== undefined) return true
    const { long } = this
    if (long !== undefined) return long.at === long.buffer.length
    const front = this.front()
    return front !== undefined &&
      (front.length < 0 || front.length > this.limit || this.end - this.start >= front.header + front.length)
  }

  /** The next message, of which nothing is shared with the reader. */
  take(): Taken {
    const { long } = this
    if (long !== undefined) {
      if (long.at < long.buffer.length) return this.unfinished(long.header + long.at, long.header + long.buffer.length)
      this.long = undefined
      this.refill()
      return new Loan(this.memory!, long.buffer.buffer).lend(0, long.buffer.length)
    }
    const front = this.front()
    if (front === undefined) return this.unfinished(this.end - this.start, undefined)
    const { header, length } = front
    if (length < 0) return this.fault({ _tag: "Garbage", detail: `a message of ${length} bytes` })
    if (length > this.limit) return this.fault({ _tag: "TooLong", size: length })
    const available = this.end - this.start
    if (available < header + length) return this.unfinished(available, header + length)
    const from = this.start + header
    const message = Buffer.from(this.main.subarray(from, from + length)) as Buffer<ArrayBuffer>
    this.start = from + length
    if (this.start === this.end) this.start = this.end = 0
    if (this.paused) this.refill()
    return message
  }

  private unfinished(received: number, expected: number | undefined): Flaw | undefined {
    if (this.over?._tag !== "Ended" || received === 0) return this.over
    return this.fault({ _tag: "Truncated", received, expected })
  }

  /** Nothing is read any more, whatever still arrives. */
  private fault(flaw: Flaw): Flaw {
    if (this.over === undefined && !this.paused) {
      this.paused = true
      this.flow(false)
    }
    this.forget()
    return this.over = flaw
  }

  private forget(): void {
    this.start = this.end = 0
    this.beyond.length = 0
    this.long = undefined
  }

  /** All that has been read and not taken, for whoever reads from now on. */
  release(): Uint8Array {
    const { beyond, end, long, main, start } = this
    const begun = long === undefined ? [] : [headerOf(long), long.buffer.subarray(0, long.at)]
    const rest = Buffer.concat([...begun, main.subarray(start, end), ...beyond])
    this.forget()
    return rest
  }
}

/** The header of a message whose bytes have begun to arrive, as it was. */
const headerOf = ({ buffer, header }: Long): Buffer => {
  const bytes = Buffer.alloc(header)
  if (header === 4) bytes.writeInt32BE(buffer.length)
  else {
    bytes.writeInt32BE(-1)
    bytes.writeBigUInt64BE(BigInt(buffer.length), 4)
  }
  return bytes
}
