/** Two ends of a duplex in memory, which end as those of a socket do. */
import { Duplex } from "node:stream"

export class Half extends Duplex {
  private other: Half = this
  /** where all that this half reads is carried */
  private target: Duplex | undefined
  /** tells the other half's writer that there is room here */
  private room: (() => void) | undefined

  constructor() {
    super({ allowHalfOpen: false })
  }

  static pair(): readonly [Duplex, Duplex] {
    const a = new Half()
    const b = new Half()
    a.other = b
    b.other = a
    return [a, b]
  }

  /** All that this half reads goes there, and does not wait here if nothing else does. */
  carryTo(target: Duplex): void {
    this.target = target
  }

  /** Writes bytes that are nobody else's; false if there is no more room, and then calls back when there is. */
  give(bytes: Uint8Array, room: () => void): boolean {
    const { other } = this
    if (this.writableLength > 0 || this.writableEnded || this.destroyed) {
      if (this.write(bytes)) return true
      this.once("drain", room)
      return false
    }
    if (other.destroyed || other.push(bytes)) return true
    other.room = room
    return false
  }

  /** What is written to an end that is gone is lost, as in a kernel's buffer. */
  override _write(chunk: Buffer, _: BufferEncoding, taken: () => void): void {
    const { other } = this
    const { target } = other
    if (target !== undefined && other.readableLength === 0 && !target.destroyed && !target.writableEnded) {
      return void target.write(chunk, () => taken())
    }
    // A copy: the writer may change its own as soon as it is taken.
    if (chunk.length === 0 || other.destroyed || other.push(Buffer.from(chunk))) taken()
    else other.room = taken
  }

  override _read(): void {
    const { room } = this
    this.room = undefined
    room?.()
  }

  override _final(done: () => void): void {
    this.other.ended()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error === null) this.other.ended()
    else this.other.destroy(error)
    this._read()
    done(error)
  }

  private ended(): void {
    if (!this.destroyed) this.push(null)
  }
}

export const pair: () => readonly [Duplex, Duplex] = Half.pair
