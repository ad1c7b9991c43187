/**
 * The memory of long records, and when it may be read into again.
 *
 * Fresh memory for each costs far more than the copying: its pages must be made, it is in no cache, and V8 collects
 * garbage for every few of them. So what nobody has a view of any more is kept for the next record: at once when the
 * record held no bytes, and where it did, when whoever has the bytes gives them back. They are detached then: a view that
 * somebody has kept nevertheless is empty, and never shows another record.
 */

/** bytes kept at most, a value of 16 MiB with what is around it; and how long after the last record, in milliseconds */
const mostKept = (16 << 20) + (64 << 10)
const keptFor = 2000

export class Memory {
  private readonly free: Array<ArrayBuffer> = []
  private kept = 0
  private idle: NodeJS.Timeout | undefined
  private open = true

  take(size: number): Buffer<ArrayBuffer> {
    const at = this.free.findLastIndex(({ byteLength }) => byteLength >= size && byteLength <= size * 2)
    if (at < 0) return Buffer.allocUnsafeSlow(size)
    const [memory] = this.free.splice(at, 1)
    this.kept -= memory!.byteLength
    // Whoever is given views of this record can see all of it.
    new Uint8Array(memory!, size).fill(0)
    return Buffer.from(memory!, 0, size)
  }

  /** Nobody has a view of it. */
  give(memory: ArrayBuffer): void {
    const { byteLength } = memory
    if (!this.open || byteLength > mostKept) return
    this.free.push(memory)
    this.kept += byteLength
    while (this.kept > mostKept) this.kept -= this.free.shift()!.byteLength
    if (this.idle === undefined) this.idle = setTimeout(this.empty, keptFor).unref()
    else this.idle.refresh()
  }

  /** Lets go of everything, and keeps nothing any more. */
  close(): void {
    this.open = false
    clearTimeout(this.idle)
    this.empty()
  }

  private readonly empty = (): void => {
    this.idle = undefined
    this.free.length = 0
    this.kept = 0
  }
}

/** by their memory: who can be told that bytes are not needed any more */
const loans = new WeakMap<ArrayBufferLike, Loan>()

/** The memory of one record, while it is read and for as long as somebody has its bytes. */
export class Loan {
  private readonly memory: Memory
  private readonly buffer: ArrayBuffer
  private views = 0
  private held = false
  private givenBack = false

  constructor(memory: Memory, buffer: ArrayBuffer) {
    this.memory = memory
    this.buffer = buffer
  }

  /** Whether somebody was given bytes of the record. */
  get lent(): boolean {
    return this.views > 0
  }

  lend(at: number, length: number): Uint8Array<ArrayBuffer> {
    if (this.views++ === 0) loans.set(this.buffer, this)
    return new Uint8Array(this.buffer, at, length)
  }

  /** The record was a call's, whose answer may be made of its bytes: they stay until `release`. */
  hold(): void {
    this.held = true
  }

  release(): void {
    this.held = false
    if (this.givenBack) this.reclaim()
  }

  giveBack(): void {
    this.givenBack = true
    if (!this.held) this.reclaim()
  }

  private reclaim(): void {
    // Of several values that lie in one record the others may still be needed.
    if (this.views !== 1 || this.buffer.detached) return
    this.memory.give(this.buffer.transfer())
  }
}

/** Whoever has these bytes does not need them any more. Nothing happens if they are not all of a long record's. */
export const giveBack = (bytes: Uint8Array): void => loans.get(bytes.buffer)?.giveBack()
