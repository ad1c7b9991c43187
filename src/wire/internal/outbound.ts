/**
 * Records out, and who may send when.
 *
 * The records of a tick go into one buffer and leave in one write; where there are many, and the peer waits for them, the
 * first leave before the others are made, so that it works meanwhile. While more than the budget is unsent, senders wait
 * in a queue and nothing is encoded for them; what controls the session (interrupts, credits) is small, bounded by the
 * calls there are, and never waits. Records above 256 KiB leave in fragments, no more at a time than the budget allows, so
 * that others pass between them. Reading does not depend on any of this: two ends that flood each other cannot deadlock.
 */
import type { HelloBody } from "../Message.ts"
import type { Transport } from "../Transport.ts"
import type { Expectation } from "./expectation.ts"
import * as Records from "./records.ts"
import { Writer } from "./writer.ts"

/** bytes of the tick that are sent without waiting for its end: in the buffer, and with those by reference */
const flushBufferAt = 56 << 10
const flushAllAt = 128 << 10

/** records of the tick after which those that there are leave, if the peer is waiting for them; then twice as many */
const firstRecords = 24

/** long records that may be encoded and under way at a time, however long they are */
const fewLong = 4

const pieceSize = Records.longestRecord - Records.headerSize

/** Somebody who waits until there is room. */
export interface Waiter {
  /** there is room: tries again */
  go(): void
}

/** A record above 256 KiB on its way. */
export interface Long {
  readonly id: number
  readonly flags: number
  readonly size: number
  /** what of it is not in the output yet */
  readonly chunks: Array<Uint8Array>
  /** called when the last fragment is in the output; never before the tick's end */
  sent: (() => void) | undefined
  begun: boolean
}

export interface Encodes {
  readonly write: (writer: Writer, wire: unknown) => void
}

/**
 * `"sent"`; or nothing was written because the payload is longer than it may be for now (`"over"`), or longer than
 * 256 KiB while enough of such are under way (`"full"`), or longer than the peer accepts (its bytes); or it is under way.
 */
export type Put = "sent" | "over" | "full" | number | Long

export class Outbound {
  /** bytes of the longest record that the peer accepts */
  maxRecord = Records.longestHello
  /** bytes of the payload that `put` saw last, and of the context before it */
  payloadSize = 0
  private readonly transport: Transport
  private readonly budget: number
  /** begins when something is given to the carrier */
  private readonly expected: Expectation
  private readonly writer = new Writer()
  open = true
  /** a codec is writing: it may meet a getter of the user's, which may do anything */
  private encoding = false
  private scheduled = false
  /** that have not left */
  private records = 0
  private atOnce = firstRecords
  private armed = false
  private waking = false
  private readonly waiting = new Set<Waiter>()
  private readonly waitingLong = new Set<Waiter>()
  private readonly longs: Array<Long> = []
  private longBytes = 0
  /** bytes of the long records whose first fragment is sent: the peer holds memory for them */
  private begunBytes = 0
  private leases: Array<number> = []
  private pong = -1
  private untaken: Array<() => void> = []

  constructor(transport: Transport, budget: number, expected: Expectation) {
    this.transport = transport
    this.expected = expected
    this.budget = budget
  }

  // ---------------------------------------------------------------------------------------------- waiting for room

  /** Whether a sender has to wait. */
  get full(): boolean {
    return (this.waiting.size > 0 && !this.waking) || this.pending > this.budget || this.encoding
  }

  /** bytes that have not left */
  get pending(): number {
    return this.transport.unsent() + this.writer.unflushed
  }

  wait(waiter: Waiter): void {
    this.waiting.add(waiter)
    this.schedule()
  }

  /** Waits for long records to leave, without holding up senders of short ones. */
  waitForLong(waiter: Waiter): void {
    this.waitingLong.add(waiter)
    this.schedule()
  }

  leave(waiter: Waiter): void {
    this.waiting.delete(waiter)
    this.waitingLong.delete(waiter)
  }

  private arm(): void {
    if (this.armed) return
    this.armed = true
    this.transport.taken(this.onTaken)
  }

  private readonly onTaken = (): void => {
    this.armed = false
    if (!this.open) return
    // Neither may starve the other: a piece of a long record, then whoever waits, then the rest.
    if (this.longs.length > 0) this.putPiece()
    this.waking = true
    for (const waiter of this.waiting) {
      if (this.pending > this.budget || !this.open) break
      this.waiting.delete(waiter)
      waiter.go()
    }
    this.waking = false
    this.flush()
  }

  private wakeLong(): void {
    for (const waiter of this.waitingLong) {
      if (!this.roomForLong || !this.open) return
      this.waitingLong.delete(waiter)
      waiter.go()
    }
  }

  // ---------------------------------------------------------------------------------------------- records

  hello(body: HelloBody): void {
    Records.writeHello(this.writer, body)
    if (this.writer.recordSize() > Records.longestRecord) this.long(Records.kind.hello, 0, Records.version, 0)
    else this.finish()
  }

  /**
   * Writes a record whose payload is `wire` as `codec` writes it. Throws what the codec throws, and then no trace of it
   * remains. `most`: bytes that the payload may have for now.
   */
  put(
    kind: number,
    method: number,
    id: number,
    timeout: number,
    codec: Encodes,
    wire: unknown,
    most: number,
    context?: Uint8Array
  ): Put {
    const { writer } = this
    if (!this.open) return "sent"
    if (writer.unflushed > flushBufferAt) this.flush()
    // Who asks after having given something back is answered as one who has.
    if (this.leases.length > 0) this.putLeases()
    const flags = (timeout >= 0 ? Records.timed : 0) | (context === undefined ? 0 : Records.inContext)
    Records.begin(writer, kind, flags, method, id)
    this.encoding = true
    try {
      if (flags !== 0) Records.writePreface(writer, timeout, context)
      codec.write(writer, wire)
    } catch (error) {
      writer.rollback()
      throw error
    } finally {
      this.encoding = false
    }
    const size = writer.recordSize()
    this.payloadSize = size - Records.headerSize - (timeout >= 0 ? 4 : 0)
    if (size <= this.maxRecord && this.payloadSize <= most) {
      if (size <= Records.longestRecord) {
        this.finish()
        return "sent"
      }
      if (this.roomForLong) return this.long(kind, flags, method, id)
    }
    writer.rollback()
    return size > this.maxRecord ? size : this.payloadSize > most ? "over" : "full"
  }

  /** A record that is nothing but its header. */
  bare(kind: number, flags: number, id: number): void {
    this.control(() => Records.writeBare(this.writer, kind, flags, id))
  }

  credit(id: number, elements: number, bytes: number): void {
    this.control(() => Records.writeCredit(this.writer, id, elements, bytes))
  }

  close(deadline: number): void {
    this.control(() => Records.writeClose(this.writer, deadline))
  }

  private control(write: () => void): void {
    if (!this.open) return
    if (this.encoding) {
      queueMicrotask(() => this.control(write))
      return
    }
    write()
    this.schedule()
  }

  /** Gives a lease back; those of a tick leave together. */
  release(id: number): void {
    if (!this.open) return
    this.leases.push(id)
    this.schedule()
  }

  /** Answers the last ping: a peer that pings and never reads gets one answer. */
  answerPing(id: number): void {
    this.pong = id
    this.schedule()
  }

  private finish(): void {
    Records.finish(this.writer)
    this.records++
    if (this.records >= this.atOnce && this.expected.lively) {
      this.atOnce *= 2
      this.flush()
    } else if (this.writer.unflushed > flushAllAt) this.flush()
    else this.schedule()
  }

  // ---------------------------------------------------------------------------------------------- long records

  private get roomForLong(): boolean {
    return this.longBytes < this.budget || this.longs.length < fewLong
  }

  private long(kind: number, flags: number, method: number, id: number): Long {
    const size = this.writer.recordSize()
    const chunks = this.writer.detach()
    chunks.unshift(Records.headerOf(size, kind, flags, method, id))
    const answer = kind !== Records.kind.call && kind !== Records.kind.hello
    const long: Long = { id, flags: answer ? Records.ofAnswer : 0, size, chunks, sent: undefined, begun: false }
    this.longs.push(long)
    this.longBytes += size
    this.schedule()
    return long
  }

  /** Stops a long record: the peer forgets what it has of it, and never saw any of it. */
  cut(long: Long): void {
    const at = this.longs.indexOf(long)
    if (at < 0) return
    if (long.begun) this.bare(Records.kind.cut, long.flags, long.id)
    this.remove(at)
  }

  private remove(at: number): void {
    const [long] = this.longs.splice(at, 1)
    this.longBytes -= long!.size
    if (long!.begun) this.begunBytes -= long!.size
    this.schedule()
  }

  /** The next fragment, of each long record in turn. */
  private putPiece(): void {
    const at = this.nextLong()
    const long = this.longs[at]!
    if (!long.begun) {
      long.begun = true
      this.begunBytes += long.size
    }
    Records.writeFragment(this.writer, long.id, long.flags, takePiece(long.chunks))
    if (long.chunks.length === 0) {
      this.remove(at)
      long.sent?.()
    } else if (this.longs.length > 1) {
      this.longs.splice(at, 1)
      this.longs.push(long)
    }
  }

  /**
   * What the peer holds of all of them must not be more than its longest record. A record that must wait for that goes
   * before those that came later.
   */
  private nextLong(): number {
    let mayBegin = true
    return this.longs.findIndex((long) => {
      if (long.begun) return true
      mayBegin &&= this.begunBytes === 0 || this.begunBytes + long.size <= this.maxRecord
      return mayBegin
    })
  }

  // ---------------------------------------------------------------------------------------------- leaving

  private schedule(): void {
    if (this.scheduled || !this.open) return
    this.scheduled = true
    process.nextTick(this.onTick)
  }

  private readonly onTick = (): void => {
    this.scheduled = false
    this.atOnce = firstRecords
    this.flush()
  }

  flush(): void {
    if (!this.open || this.encoding) return
    const { records, transport, writer } = this
    this.records = 0
    if (this.leases.length > 0) this.putLeases()
    if (this.pong >= 0 && this.pending <= this.budget) {
      Records.writeBare(writer, Records.kind.pong, 0, this.pong)
      this.pong = -1
    }
    while (this.longs.length > 0 && this.pending <= this.budget) this.putPiece()
    const chunks = writer.take()
    if (chunks.length > 0) {
      transport.write(chunks)
      this.expected.begin(records)
    }
    if (this.untaken.length > 0) this.tell()
    if (transport.unsent() === 0) writer.reuse()
    if (this.waiting.size > 0 || this.longs.length > 0 || this.leases.length > 0 || this.pong >= 0) this.arm()
    if (this.waitingLong.size > 0) this.wakeLong()
  }

  /** Calls back when the carrier has taken all records that have been put so far; never if the session ends before. */
  whenTaken(callback: () => void): void {
    this.untaken.push(callback)
    this.schedule()
  }

  private tell(): void {
    const callbacks = this.untaken
    this.untaken = []
    const tell = () => {
      for (const callback of callbacks) callback()
    }
    if (this.transport.unsent() === 0) tell()
    else this.transport.taken(tell)
  }

  private putLeases(): void {
    let at = 0
    for (; at < this.leases.length && this.pending <= this.budget; at += Records.leasesPerRecord) {
      Records.writeRelease(this.writer, this.leases, at, Math.min(this.leases.length, at + Records.leasesPerRecord))
    }
    this.leases = this.leases.slice(at)
  }

  /** Calls back when the carrier has taken everything, also of those who wait for room now. */
  drain(callback: () => void): void {
    this.flush()
    const more = this.waiting.size > 0 || this.longs.length > 0 || this.waitingLong.size > 0
    this.transport.taken(() => {
      if (more && this.open) this.drain(callback)
      else callback()
    })
  }

  /** The last record, behind what has been written. */
  goodbye(detail: string): void {
    if (!this.open || this.encoding) return
    Records.writeGoodbye(this.writer, detail)
    this.longs.length = 0
    this.flush()
  }

  /** Nothing is written any more; whoever waited for room is told to look again. */
  stop(): void {
    this.open = false
    this.longs.length = 0
    this.leases = []
    this.untaken = []
    for (const waiters of [this.waiting, this.waitingLong]) {
      for (const waiter of waiters) {
        waiters.delete(waiter)
        waiter.go()
      }
    }
  }
}

/** The first bytes of the chunks, as much as fits into a fragment. */
const takePiece = (chunks: Array<Uint8Array>): Array<Uint8Array> => {
  const piece: Array<Uint8Array> = []
  let room = pieceSize
  while (room > 0 && chunks.length > 0) {
    const chunk = chunks[0]!
    if (chunk.length > room) {
      piece.push(chunk.subarray(0, room))
      chunks[0] = chunk.subarray(room)
      return piece
    }
    piece.push(chunk)
    chunks.shift()
    room -= chunk.length
  }
  return piece
}
