/**
 * Records in: what the carrier delivers, cut into records and given to the sink.
 *
 * One buffer is read into again and again; no record on the wire is longer than 256 KiB. Records that travel in fragments
 * are joined in memory of their own, into which the carrier reads directly. Their length is checked before that memory
 * is allocated, and all that are under way together never have more than the longest record.
 */
import type { Receiver } from "../Transport.ts"
import type { Expectation } from "./expectation.ts"
import { Loan, Memory } from "./memory.ts"
import { Reader } from "./reader.ts"
import { checkHeader, deliver, headerSize, kind, longestHello, longestRecord, ofAnswer, type Sink } from "./records.ts"
import { Violation } from "./records.ts"
import * as Tally from "./tally.ts"

/** bytes read at a time; it grows when a record is longer */
const mainSize = 64 << 10

/** bytes asked for where the header of a fragment is expected, so that little of its piece must be copied */
const aHeaderAndLittleMore = 4 << 10

interface Assembly {
  readonly key: number
  readonly buffer: Buffer<ArrayBuffer>
  at: number
}

export class Inbound implements Receiver {
  /** whether the peer's Hello has arrived: nothing else is accepted before it */
  greeted = false
  /** whether anything has arrived since this was last set to false */
  heard = false
  /** cleared when the session ends; what arrives later is ignored */
  open = true

  private main = Buffer.allocUnsafeSlow(mainSize)
  private mainView = new DataView(this.main.buffer)
  /** bytes of an incomplete record at the start of `main` */
  private end = 0
  private readonly reader = new Reader()

  private readonly assemblies = new Map<number, Assembly>()
  private assembling = 0
  private readonly memory = new Memory()
  /** the fragment whose piece is being read straight into its place, and what of the piece is missing */
  private current: Assembly | undefined
  private missing = 0

  private readonly sink: Sink
  private readonly maxRecord: number
  private readonly broken: (detail: string) => void
  private readonly expected: Expectation
  readonly closed: (error: Error | undefined) => void

  constructor(options: {
    readonly sink: Sink
    readonly maxRecord: number
    readonly broken: (detail: string) => void
    readonly closed: (error: Error | undefined) => void
    /** ends when something arrives */
    readonly expected: Expectation
  }) {
    this.sink = options.sink
    this.expected = options.expected
    this.maxRecord = options.maxRecord
    this.broken = options.broken
    this.closed = options.closed
  }

  // Carriers call these without `this`.

  readonly buffer = (): Uint8Array<ArrayBuffer> => {
    const { current, end, main } = this
    if (current !== undefined) {
      return current.buffer.subarray(current.at, current.at + this.missing)
    }
    if (end > 0) return main.subarray(end)
    return this.assemblies.size > 0 ? main.subarray(0, aHeaderAndLittleMore) : main
  }

  readonly received = (n: number): void => {
    if (!this.open) return
    this.heard = true
    this.expected.end()
    Tally.beginReading()
    try {
      if (this.current === undefined) {
        this.end += n
        this.parse()
      } else {
        this.missing -= n
        this.advance(this.current, n)
        if (this.missing === 0) this.current = undefined
      }
    } catch (error) {
      this.broken(error instanceof Violation ? error.message : String(error))
    } finally {
      Tally.endReading()
    }
  }

  readonly push = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length && this.open;) {
      const into = this.buffer()
      const n = Math.min(into.length, bytes.length - at)
      into.set(bytes.subarray(at, at + n))
      at += n
      this.received(n)
    }
  }

  /** The session has ended: lets go of all memory that a peer made us hold. */
  close(): void {
    this.open = false
    this.end = 0
    this.current = undefined
    this.assemblies.clear()
    this.memory.close()
    this.reader.clear()
  }

  private parse(): void {
    const { main, mainView } = this
    let at = 0
    let next = 0
    while (this.open && this.end - at >= headerSize) {
      const size = mainView.getUint32(at, true) + 4
      if (size < headerSize || size > this.longest()) throw new Violation(`a record of ${size} bytes`)
      if (!this.greeted) this.expectHello(main[at + 4]!)
      if (this.end - at < size) {
        if (main[at + 4] !== kind.fragment || !this.stream(at, size)) {
          next = size
          break
        }
        at = this.end
      } else {
        deliver(this.sink, this.reader, main, mainView, at, at + size, undefined)
        at += size
      }
    }
    if (!this.open) return
    if (next > main.length) this.grow()
    if (at < this.end && (at > 0 || main !== this.main)) main.copy(this.main, 0, at, this.end)
    this.end -= at
  }

  private grow(): void {
    this.main = Buffer.allocUnsafeSlow(longestRecord)
    this.mainView = new DataView(this.main.buffer)
  }

  private longest(): number {
    return this.greeted ? Math.min(longestRecord, this.maxRecord) : longestRecord
  }

  private expectHello(found: number): void {
    if (found !== kind.hello && found !== kind.fragment) throw new Violation(`a record of kind ${found} before Hello`)
  }

  // ---------------------------------------------------------------------------------------------- fragments

  /** A whole fragment. */
  fragment(id: number, answer: boolean, piece: Reader): void {
    const bytes = piece.buffer.subarray(piece.position, piece.end)
    const assembly = this.assembly(id, answer, bytes, bytes.length)
    assembly.buffer.set(bytes, assembly.at)
    this.advance(assembly, bytes.length)
  }

  /** A fragment that has not arrived entirely: the rest of its piece is read into its place. */
  private stream(at: number, size: number): boolean {
    const bytes = this.main.subarray(at + headerSize, this.end)
    const id = this.mainView.getUint32(at + 8, true)
    const answer = this.main[at + 5] === ofAnswer
    const isFirst = !this.assemblies.has(keyOf(id, answer))
    if (isFirst && bytes.length < headerSize && size >= 2 * headerSize) return false
    checkHeader(this.mainView, at)
    const assembly = this.assembly(id, answer, bytes, size - headerSize)
    assembly.buffer.set(bytes, assembly.at)
    this.current = assembly
    this.missing = size - headerSize - bytes.length
    this.advance(assembly, bytes.length)
    return true
  }

  cut(id: number, answer: boolean): void {
    const assembly = this.assemblies.get(keyOf(id, answer))
    if (assembly === undefined) throw new Violation("the end of fragments that never began")
    this.forget(assembly)
  }

  private assembly(id: number, answer: boolean, piece: Uint8Array, size: number): Assembly {
    const key = keyOf(id, answer)
    const assembly = this.assemblies.get(key) ?? this.start(key, id, answer, piece)
    if (size > assembly.buffer.length - assembly.at) throw new Violation("fragments longer than their record")
    return assembly
  }

  private start(key: number, id: number, answer: boolean, piece: Uint8Array): Assembly {
    if (piece.length < headerSize) throw new Violation("a first fragment without the header of its record")
    const view = new DataView(piece.buffer, piece.byteOffset, headerSize)
    checkHeader(view, 0)
    const size = view.getUint32(0, true) + 4
    const inner = view.getUint8(4)
    if (!this.greeted) this.expectHello(inner === kind.fragment ? kind.cut : inner)
    if ((answer ? !answers.has(inner) : !questions.has(inner)) || view.getUint32(8, true) !== id) {
      throw new Violation(`fragments of a record of kind ${inner}`)
    }
    if (size <= longestRecord) throw new Violation(`fragments of a record of only ${size} bytes`)
    const limit = this.greeted ? this.maxRecord : longestHello
    if (size > limit - this.assembling) throw new Violation(`a record of ${size} bytes, the limit is ${limit}`)
    const assembly = { key, buffer: this.memory.take(size), at: 0 }
    this.assemblies.set(key, assembly)
    this.assembling += size
    return assembly
  }

  private advance(assembly: Assembly, n: number): void {
    assembly.at += n
    const { buffer } = assembly
    if (assembly.at < buffer.length) return
    this.forget(assembly)
    const loan = new Loan(this.memory, buffer.buffer)
    deliver(this.sink, this.reader, buffer, new DataView(buffer.buffer), 0, buffer.length, loan)
    this.reader.clear()
    if (!loan.lent) this.memory.give(buffer.buffer)
  }

  private forget(assembly: Assembly): void {
    this.assemblies.delete(assembly.key)
    this.assembling -= assembly.buffer.length
  }
}

/** what may travel in fragments, in each direction of a call */
const questions = new Set<number>([kind.hello, kind.call])
const answers = new Set<number>([kind.ok, kind.fail, kind.reject, kind.chunk])

const keyOf = (id: number, answer: boolean): number => id * 2 + (answer ? 1 : 0)
