/**
 * The output of a session: records written one after another into one growing buffer, taken out once a tick.
 *
 * Nothing is copied: a full buffer is closed as a chunk and another one opened, and large bytes become a chunk of their
 * own. The values are standard msgpack, with what msgpackr adds for JavaScript: `undefined` is extension 0, a bigint
 * beyond 64 bits is extension 0x42. A `Date` is msgpack's timestamp.
 *
 * Life of a record: `begin`, the payload, then one of `finish`, `rollback`, `detach`. Life of the output: `take`, hand
 * the chunks to the kernel, and `reuse` if it took all of them at once. Without `reuse` the writer goes on behind what
 * it gave away, so forgetting it costs memory, never bytes.
 */
import { maxDepth, refusal, tooDeep, Unencodable } from "./unencodable.ts"

/** bytes from here on are sent by reference, as a chunk of their own */
export const segmentSize = 16 << 10

const defaultSize = 64 << 10

/** bytes of a record that leaves out of line, besides those sent by reference, which are copied rather than kept */
const littleEnough = 4 << 10

/** up to here copying ASCII is faster than a call into Node; 31 is the longest that has a header of one byte */
const shortString = 20

export class Writer {
  /** where the next byte goes: `buffer[position]`; compiled codecs write there themselves */
  buffer: Buffer
  view: DataView
  position = 0

  private readonly size: number
  /** bytes of `buffer` before this one are in `chunks`, or already taken */
  private start = 0
  private chunks: Array<Uint8Array> = []
  private chunkBytes = 0

  private open = false
  private headerSize = 0
  /** the state at `begin`, also the place of the header: the record may have moved on to other buffers since */
  private recordBuffer: Buffer
  private recordView: DataView
  private recordPosition = 0
  private recordStart = 0
  private recordChunks = 0
  private recordChunkBytes = 0

  constructor(size = defaultSize) {
    this.size = size
    this.buffer = size < defaultSize ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
    this.view = new DataView(this.buffer.buffer, this.buffer.byteOffset, size)
    this.recordBuffer = this.buffer
    this.recordView = this.view
  }

  // ---------------------------------------------------------------------------------------------- records

  /** Opens a record, reserving `headerSize` bytes, zero until the caller fills them with `patch*`. */
  begin(headerSize: number): void {
    if (this.open) throw new Error("the last record is still open")
    this.room(headerSize)
    this.open = true
    this.headerSize = headerSize
    this.recordBuffer = this.buffer
    this.recordView = this.view
    this.recordPosition = this.position
    this.recordStart = this.start
    this.recordChunks = this.chunks.length
    this.recordChunkBytes = this.chunkBytes
    const end = this.position + headerSize
    for (let at = this.position; at < end; at++) this.buffer[at] = 0
    this.position = end
  }

  /** Bytes of the open record so far, with its header and its segments. */
  recordSize(): number {
    return this.total() - this.totalAtBegin()
  }

  patchUint8(offsetInHeader: number, value: number): void {
    this.recordView.setUint8(this.recordPosition + offsetInHeader, value)
  }

  patchUint16(offsetInHeader: number, value: number): void {
    this.recordView.setUint16(this.recordPosition + offsetInHeader, value, true)
  }

  patchUint32(offsetInHeader: number, value: number): void {
    this.recordView.setUint32(this.recordPosition + offsetInHeader, value, true)
  }

  /** Closes the record: it is now part of what `take` gives. */
  finish(): void {
    this.open = false
  }

  /** Forgets the record: no byte of it, no segment and no buffer that it needed remains. */
  rollback(): void {
    this.open = false
    this.chunks.length = this.recordChunks
    this.restore()
  }

  /**
   * Takes the open record out of line and gives its payload, without the header, which is lost. The chunks stay valid
   * for as long as they are held: the writer goes on in another buffer, or has copied the little that was in this one.
   */
  detach(): Array<Uint8Array> {
    const { buffer, start, position, recordBuffer, recordPosition, recordStart } = this
    const payload = this.chunks.splice(this.recordChunks)
    if (position > start) payload.push(buffer.subarray(start, position))
    const before = recordPosition - recordStart
    this.open = false
    this.restore()
    const first = payload[0]!.subarray(before + this.headerSize)
    if (first.length === 0) payload.shift()
    else payload[0] = first
    if (buffer === recordBuffer && position - recordPosition <= littleEnough) {
      return payload.map((chunk) => chunk.buffer === buffer.buffer ? new Uint8Array(chunk) : chunk)
    }
    if (before > 0) this.close()
    this.fresh(this.size)
    return payload
  }

  // ---------------------------------------------------------------------------------------------- output

  /** Bytes of finished records that were not taken yet. */
  get unflushed(): number {
    return this.open ? this.totalAtBegin() : this.total()
  }

  /** The bytes of all finished records, in order and not copied. Not while a record is open. */
  take(): Array<Uint8Array> {
    if (this.open) throw new Error("a record is still open")
    if (this.position > this.start) this.close()
    const { chunks } = this
    this.chunks = []
    this.chunkBytes = 0
    return chunks
  }

  /**
   * Says that nobody reads any more what `take` ever gave (the kernel has taken it), so that the buffer is written from
   * its beginning again. What was written since the last `take` stays.
   */
  reuse(): void {
    if (this.open || this.position > this.start || this.chunkBytes > 0) return
    if (this.buffer.length !== this.size) this.fresh(this.size)
    this.position = this.start = 0
  }

  // ---------------------------------------------------------------------------------------------- bytes as they are

  /** Makes sure that `bytes` more fit behind `position`. */
  room(bytes: number): void {
    if (this.position + bytes > this.buffer.length) this.grow(bytes)
  }

  /** Bytes as they are, without a msgpack header: by reference from 16 KiB on. They must not change until they are sent. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes
    if (length >= segmentSize) {
      this.close()
      this.chunks.push(bytes)
      this.chunkBytes += length
      return
    }
    this.room(length)
    this.buffer.set(bytes, this.position)
    this.position += length
  }

  private grow(bytes: number): void {
    this.close()
    this.fresh(Math.max(this.size, bytes))
  }

  private fresh(size: number): void {
    this.buffer = Buffer.allocUnsafeSlow(size)
    this.view = new DataView(this.buffer.buffer)
    this.position = this.start = 0
  }

  /** what was written since `start` becomes a chunk */
  private close(): void {
    const { start, position } = this
    if (position === start) return
    this.chunks.push(this.buffer.subarray(start, position))
    this.chunkBytes += position - start
    this.start = position
  }

  private restore(): void {
    this.chunkBytes = this.recordChunkBytes
    this.buffer = this.recordBuffer
    this.view = this.recordView
    this.start = this.recordStart
    this.position = this.recordPosition
  }

  private total(): number {
    return this.chunkBytes + this.position - this.start
  }

  private totalAtBegin(): number {
    return this.recordChunkBytes + this.recordPosition - this.recordStart
  }

  // ---------------------------------------------------------------------------------------------- msgpack

  nil(): void {
    this.room(1)
    this.buffer[this.position++] = 0xc0
  }

  /** msgpackr's `undefined`: extension 0, which other readers show as an extension with one zero byte. */
  undefined(): void {
    this.room(3)
    const { buffer, position } = this
    buffer[position] = 0xd4
    buffer[position + 1] = 0
    buffer[position + 2] = 0
    this.position = position + 3
  }

  boolean(value: boolean): void {
    this.room(1)
    this.buffer[this.position++] = value ? 0xc3 : 0xc2
  }

  /** Integers of 32 bits as integers, all else as float64, so that -0, NaN and 2 ** 53 are read as what they were. */
  number(value: number): void {
    this.room(9)
    this.numberInRoom(value)
  }

  /** `number` where 9 bytes of room are known to be. */
  numberInRoom(value: number): void {
    const { buffer, position } = this
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < 0x80) {
        buffer[position] = value
        this.position = position + 1
      } else if (value >= 0 && value < 0x1_0000) {
        buffer[position] = 0xcd
        buffer[position + 1] = value >> 8
        buffer[position + 2] = value
        this.position = position + 3
      } else {
        buffer[position] = 0xd2
        this.view.setInt32(position + 1, value)
        this.position = position + 5
      }
    } else {
      buffer[position] = 0xcb
      this.view.setFloat64(position + 1, value)
      this.position = position + 9
    }
  }

  /** As int64 or uint64; what does not fit as msgpackr's extension 0x42, two's complement and big-endian. */
  bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.room(9)
      this.buffer[this.position] = 0xd3
      this.view.setBigInt64(this.position + 1, value)
      this.position += 9
    } else if (BigInt.asUintN(64, value) === value) {
      this.room(9)
      this.buffer[this.position] = 0xcf
      this.view.setBigUint64(this.position + 1, value)
      this.position += 9
    } else {
      this.largeBigint(value)
    }
  }

  private largeBigint(value: bigint): void {
    const magnitude = (value < 0n ? ~value : value).toString(16)
    // one digit more than needed, so that the highest bit is free for the sign
    const size = (magnitude.length >> 1) + 1
    const hex = (value < 0n ? BigInt.asUintN(size * 8, value).toString(16) : magnitude).padStart(size * 2, "0")
    this.room(6)
    this.buffer[this.position] = 0xc9
    this.view.setUint32(this.position + 1, size)
    this.buffer[this.position + 5] = 0x42
    this.position += 6
    this.raw(Buffer.from(hex, "hex"))
  }

  /** As UTF-8. Half of a surrogate pair becomes U+FFFD, as in every UTF-8 encoder of the platform. */
  string(value: string): void {
    const { length } = value
    if (length < shortString) {
      this.room(2 + shortString * 3)
      const { buffer, position } = this
      let at = position + 1
      for (let i = 0; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code > 0x7f) {
          const written = buffer.write(value, position + 2, "utf8")
          buffer[position] = 0xd9
          buffer[position + 1] = written
          this.position = position + 2 + written
          return
        }
        buffer[at++] = code
      }
      buffer[position] = 0xa0 | length
      this.position = at
    } else if (length * 3 < 0x100) {
      this.room(2 + length * 3)
      const { buffer, position } = this
      const written = buffer.write(value, position + 2, "utf8")
      buffer[position] = 0xd9
      buffer[position + 1] = written
      this.position = position + 2 + written
    } else if (length * 3 <= segmentSize) {
      this.room(3 + length * 3)
      const { buffer, position } = this
      const written = buffer.write(value, position + 3, "utf8")
      buffer[position] = 0xda
      buffer[position + 1] = written >> 8
      buffer[position + 2] = written
      this.position = position + 3 + written
    } else {
      const bytes = Buffer.from(value, "utf8")
      this.lengthOf32(0xdb, bytes.length)
      this.raw(bytes)
    }
  }

  bytes(value: Uint8Array): void {
    const { length } = value
    if (length < 0x100) {
      this.room(2 + length)
      const { buffer, position } = this
      buffer[position] = 0xc4
      buffer[position + 1] = length
      buffer.set(value, position + 2)
      this.position = position + 2 + length
    } else {
      this.lengthOf32(0xc6, length)
      this.raw(value)
    }
  }

  /** msgpack's timestamp, in its shortest form; an invalid Date as msgpackr writes it. */
  date(value: Date): void {
    this.room(15)
    const { buffer, view, position } = this
    const millis = value.getTime()
    const seconds = Math.floor(millis / 1000)
    const nanos = (millis - seconds * 1000) * 1_000_000
    if (Number.isNaN(millis)) {
      buffer[position] = 0xd4
      buffer[position + 1] = buffer[position + 2] = 0xff
      this.position = position + 3
    } else if (nanos === 0 && seconds >= 0 && seconds <= 0xffff_ffff) {
      buffer[position] = 0xd6
      buffer[position + 1] = 0xff
      view.setUint32(position + 2, seconds)
      this.position = position + 6
    } else if (seconds >= 0 && seconds <= 0x3_ffff_ffff) {
      buffer[position] = 0xd7
      buffer[position + 1] = 0xff
      view.setUint32(position + 2, nanos * 4 + Math.floor(seconds / 0x1_0000_0000))
      view.setUint32(position + 6, seconds)
      this.position = position + 10
    } else {
      buffer[position] = 0xc7
      buffer[position + 1] = 12
      buffer[position + 2] = 0xff
      view.setUint32(position + 3, nanos)
      view.setBigInt64(position + 7, BigInt(seconds))
      this.position = position + 15
    }
  }

  arrayHeader(length: number): void {
    this.room(5)
    this.headerInRoom(0x90, 0xdc, length)
  }

  mapHeader(entries: number): void {
    this.room(5)
    this.headerInRoom(0x80, 0xde, entries)
  }

  private headerInRoom(short: number, long: number, count: number): void {
    const { buffer, position } = this
    if (count < 16) {
      buffer[position] = short | count
      this.position = position + 1
    } else if (count < 0x1_0000) {
      buffer[position] = long
      buffer[position + 1] = count >> 8
      buffer[position + 2] = count
      this.position = position + 3
    } else {
      this.lengthOf32(long + 1, count)
    }
  }

  private lengthOf32(tag: number, length: number): void {
    if (length > 0xffff_ffff) throw new Unencodable(`${length} bytes in one piece cannot be sent`)
    this.room(5)
    this.buffer[this.position] = tag
    this.view.setUint32(this.position + 1, length)
    this.position += 5
  }

  /** Any value that msgpack can hold; throws `Unencodable` for another. `depth`: the containers it is in. */
  any(value: unknown, depth = 0): void {
    switch (typeof value) {
      case "string":
        return this.string(value)
      case "number":
        return this.number(value)
      case "boolean":
        return this.boolean(value)
      case "undefined":
        return this.undefined()
      case "bigint":
        return this.bigint(value)
      case "object":
        if (value === null) return this.nil()
        if (Array.isArray(value)) return this.array(value, depth)
        if (value instanceof Uint8Array) return this.bytes(value)
        if (value instanceof Date) return this.date(value)
    }
    const detail = refusal(value)
    if (detail !== undefined) throw new Unencodable(detail)
    this.object(value as Record<string, unknown>, depth)
  }

  private array(value: ReadonlyArray<unknown>, depth: number): void {
    if (depth >= maxDepth) throw tooDeep()
    const { length } = value
    this.arrayHeader(length)
    for (let i = 0; i < length; i++) this.any(value[i], depth + 1)
  }

  private object(value: Record<string, unknown>, depth: number): void {
    if (depth >= maxDepth) throw tooDeep()
    const keys = Object.keys(value)
    this.mapHeader(keys.length)
    for (const key of keys) {
      this.string(key)
      this.any(value[key], depth + 1)
    }
  }
}
