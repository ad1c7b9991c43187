/**
 * A cursor over bytes that a peer sent, which may be anything.
 *
 * No byte behind `end` is read, containers claim no more elements than there are bytes, nesting is bounded, keys cannot
 * reach a prototype, and of msgpack's extensions only those that `Writer` writes are known. What is wrong throws
 * `Malformed`; what is well-formed but not what was expected is for the Schema to judge.
 */
import type { Loan } from "./memory.ts"
import { maxDepth } from "./unencodable.ts"

/** The bytes are not what a `Writer` writes. It never leaves this folder: the caller turns it into `DecodeFailed`. */
export class Malformed extends Error {
  override readonly name = "Malformed"
  readonly detail: string
  constructor(detail: string) {
    super(detail)
    this.detail = detail
  }
}

const emptyBuffer = Buffer.alloc(0)
const emptyView = new DataView(new ArrayBuffer(0))
const shortString = 12
/** fewer are copied one by one, which is faster than to make a view of them first */
const shortBytes = 32
/** longer arrays grow as they are read: V8 makes a slow dictionary of a huge array that is allocated at once */
const allocatedAtOnce = 1 << 16

export class Reader {
  buffer: Buffer = emptyBuffer
  /** over the same bytes as `buffer`: offset 0 of both is the same byte */
  view: DataView = emptyView
  position = 0
  /** the first byte that is not ours */
  end = 0
  /** of `buffer`: bytes that are read become views of it; without it they are copied */
  private loan: Loan | undefined
  /** elements that containers may still claim: each needs a byte, so all of them together cannot outnumber the bytes */
  private budget = 0

  reset(buffer: Buffer, view: DataView, start: number, end: number, loan: Loan | undefined): void {
    this.buffer = buffer
    this.view = view
    this.position = start
    this.end = end
    this.loan = loan
    this.budget = end - start
  }

  /** Forgets the bytes, so that they can be collected. */
  clear(): void {
    this.reset(emptyBuffer, emptyView, 0, 0, undefined)
  }

  /** The loan of which what was read has views. */
  get lent(): Loan | undefined {
    return this.loan?.lent === true ? this.loan : undefined
  }

  /** Bytes that were not read yet. */
  get remaining(): number {
    return this.end - this.position
  }

  /** Throws unless everything was read. */
  expectEnd(): void {
    if (this.position !== this.end) throw new Malformed(`${this.remaining} bytes too many`)
  }

  // ---------------------------------------------------------------------------------------------- one expected type

  nil(): null {
    return this.expect(this.any(), (value) => value === null, "nil")
  }

  boolean(): boolean {
    return this.expect(this.any(), (value) => typeof value === "boolean", "a boolean")
  }

  number(): number {
    return this.expect(this.numberOrAny(0), (value) => typeof value === "number", "a number")
  }

  string(): string {
    return this.expect(this.stringOrAny(0), (value) => typeof value === "string", "a string")
  }

  bytes(): Uint8Array {
    return this.expect(this.bytesOrAny(0), (value) => value instanceof Uint8Array, "bytes")
  }

  arrayHeader(): number {
    const length = this.tryArray()
    if (length < 0) throw new Malformed("an array was expected")
    return length
  }

  mapHeader(): number {
    const entries = this.tryMap()
    if (entries < 0) throw new Malformed("a map was expected")
    return entries
  }

  private expect<A>(value: unknown, is: (value: unknown) => value is A, name: string): A {
    if (!is(value)) throw new Malformed(`${name} was expected`)
    return value
  }

  // ---------------------------------------------------------------------------------------------- probably this type

  /** A number on the fast path, else whatever is there. */
  numberOrAny(depth: number): unknown {
    const { position } = this
    if (position < this.end) {
      const tag = this.buffer[position]!
      if (tag < 0x80) {
        this.position = position + 1
        return tag
      }
      if (tag === 0xcd && position + 3 <= this.end) {
        this.position = position + 3
        return (this.buffer[position + 1]! << 8) | this.buffer[position + 2]!
      }
      if (tag === 0xd2 && position + 5 <= this.end) {
        this.position = position + 5
        return this.view.getInt32(position + 1)
      }
      if (tag === 0xcb && position + 9 <= this.end) {
        this.position = position + 9
        return this.view.getFloat64(position + 1)
      }
    }
    return this.any(depth)
  }

  /** A string on the fast path, else whatever is there. */
  stringOrAny(depth: number): unknown {
    const { buffer, position, end } = this
    if (position < end) {
      const tag = buffer[position]!
      if (tag >= 0xa0 && tag < 0xc0) return this.text(position + 1, tag & 0x1f)
      if (tag === 0xd9 && position + 2 <= end) return this.text(position + 2, buffer[position + 1]!)
      if (tag === 0xda && position + 3 <= end) return this.text(position + 3, this.view.getUint16(position + 1))
    }
    return this.any(depth)
  }

  /** Bytes on the fast path, else whatever is there. */
  bytesOrAny(depth: number): unknown {
    const { buffer, position, end } = this
    if (position < end) {
      const tag = buffer[position]!
      if (tag === 0xc4 && position + 2 <= end) return this.binary(position + 2, buffer[position + 1]!)
      if (tag === 0xc6 && position + 5 <= end) return this.binary(position + 5, this.view.getUint32(position + 1))
    }
    return this.any(depth)
  }

  /** The length of the array that begins here, whose header is then read; -1 if it is something else. */
  tryArray(): number {
    const { position } = this
    if (position >= this.end) throw ended()
    const tag = this.buffer[position]!
    if ((tag & 0xf0) === 0x90) return this.claim(position + 1, tag & 0x0f, 1)
    if (tag === 0xdc) return this.claim(position + 3, this.uint16(position + 1), 1)
    if (tag === 0xdd) return this.claim(position + 5, this.uint32(position + 1), 1)
    return -1
  }

  /** The entries of the map that begins here, whose header is then read; -1 if it is something else. */
  tryMap(): number {
    const { position } = this
    if (position >= this.end) throw ended()
    const tag = this.buffer[position]!
    if ((tag & 0xf0) === 0x80) return this.claim(position + 1, tag & 0x0f, 2)
    if (tag === 0xde) return this.claim(position + 3, this.uint16(position + 1), 2)
    if (tag === 0xdf) return this.claim(position + 5, this.uint32(position + 1), 2)
    return -1
  }

  private claim(position: number, count: number, each: number): number {
    const left = this.budget - count * each
    if (left < 0) throw new Malformed(`a container of ${count} elements in ${this.end - position} bytes`)
    this.budget = left
    this.position = position
    return count
  }

  // ---------------------------------------------------------------------------------------------- any type

  /** Whatever value begins here. `depth`: the containers it is in. */
  any(depth = 0): unknown {
    const { buffer, position, end } = this
    if (position >= end) throw ended()
    const tag = buffer[position]!
    if (tag < 0x80) return this.skip(1, tag)
    if (tag < 0x90) return this.entries({}, this.tryMap(), depth)
    if (tag < 0xa0) return this.elements(this.tryArray(), depth)
    if (tag < 0xc0) return this.text(position + 1, tag & 0x1f)
    if (tag >= 0xe0) return this.skip(1, tag - 0x100)
    switch (tag) {
      case 0xc0:
        return this.skip(1, null)
      case 0xc2:
        return this.skip(1, false)
      case 0xc3:
        return this.skip(1, true)
      case 0xc4:
        return this.binary(position + 2, this.uint8(position + 1))
      case 0xc5:
        return this.binary(position + 3, this.uint16(position + 1))
      case 0xc6:
        return this.binary(position + 5, this.uint32(position + 1))
      case 0xc7:
        return this.extension(position + 2, this.uint8(position + 1))
      case 0xc8:
        return this.extension(position + 3, this.uint16(position + 1))
      case 0xc9:
        return this.extension(position + 5, this.uint32(position + 1))
      case 0xca:
        return this.skip(5, this.within(position + 1, 4).getFloat32(position + 1))
      case 0xcb:
        return this.skip(9, this.within(position + 1, 8).getFloat64(position + 1))
      case 0xcc:
        return this.skip(2, this.uint8(position + 1))
      case 0xcd:
        return this.skip(3, this.uint16(position + 1))
      case 0xce:
        return this.skip(5, this.uint32(position + 1))
      case 0xcf:
        return this.skip(9, this.within(position + 1, 8).getBigUint64(position + 1))
      case 0xd0:
        return this.skip(2, this.within(position + 1, 1).getInt8(position + 1))
      case 0xd1:
        return this.skip(3, this.within(position + 1, 2).getInt16(position + 1))
      case 0xd2:
        return this.skip(5, this.within(position + 1, 4).getInt32(position + 1))
      case 0xd3:
        return this.skip(9, this.within(position + 1, 8).getBigInt64(position + 1))
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.extension(position + 1, 1 << (tag - 0xd4))
      case 0xd9:
        return this.text(position + 2, this.uint8(position + 1))
      case 0xda:
        return this.text(position + 3, this.uint16(position + 1))
      case 0xdb:
        return this.text(position + 5, this.uint32(position + 1))
      case 0xdc:
      case 0xdd:
        return this.elements(this.tryArray(), depth)
      case 0xde:
      case 0xdf:
        return this.entries({}, this.tryMap(), depth)
      default:
        throw new Malformed(`no value begins with the byte ${tag}`)
    }
  }

  /** `count` elements of an array whose header was read. */
  elements(count: number, depth: number): Array<unknown> {
    this.enter(depth)
    const array = arrayOf(count)
    for (let i = 0; i < count; i++) array[i] = this.any(depth + 1)
    return array
  }

  /** `count` entries of a map whose header was read, and perhaps some entries too: those are in `target`. */
  entries(target: Record<string, unknown>, count: number, depth: number): Record<string, unknown> {
    this.enter(depth)
    for (let i = 0; i < count; i++) assign(target, this.key(), this.any(depth + 1))
    return target
  }

  /** A map's key. */
  key(): string {
    const { buffer, position, end } = this
    if (position >= end) throw ended()
    const tag = buffer[position]!
    if (tag >= 0xa0 && tag < 0xc0) {
      const length = tag & 0x1f
      const known = keys[(buffer[position + 1]! + buffer[position + length]! * 7 + length) & keyMask]!
      if (known.length === length && position + length < end && isTextAt(known, buffer, position + 1)) {
        this.position = position + 1 + length
        return known
      }
    } else if (tag < 0xd9 || tag > 0xdb) throw new Malformed("a map has a key that is no string")
    const key = this.string()
    remember(key)
    return key
  }

  /** Called at the beginning of each container with the number of those that it is in. */
  enter(depth: number): void {
    if (depth >= maxDepth) throw new Malformed(`more than ${maxDepth} levels of nesting`)
  }

  private extension(at: number, length: number): unknown {
    // the type follows the length
    const view = this.within(at, 1 + length)
    const type = view.getInt8(at)
    const data = at + 1
    this.position = data + length
    if (type === 0 && length === 1) return undefined
    if (type === 0x42 && length > 0) return this.largeBigint(data, length)
    if (type === -1) {
      if (length === 1) return new Date(Number.NaN)
      if (length === 4) return new Date(view.getUint32(data) * 1000)
      if (length === 8) {
        const high = view.getUint32(data)
        return timestamp((high & 3) * 0x1_0000_0000 + view.getUint32(data + 4), high >>> 2)
      }
      if (length === 12) return timestamp(Number(view.getBigInt64(data + 4)), view.getUint32(data))
    }
    throw new Malformed(`extension ${type} of ${length} bytes is not known`)
  }

  private largeBigint(at: number, length: number): bigint {
    try {
      const value = BigInt(`0x${this.buffer.toString("hex", at, at + length)}`)
      return this.buffer[at]! < 0x80 ? value : BigInt.asIntN(length * 8, value)
    } catch {
      throw new Malformed(`an integer of ${length} bytes`)
    }
  }

  private text(at: number, length: number): string {
    const { buffer } = this
    const end = at + length
    if (end > this.end) throw ended()
    this.position = end
    return length < shortString ? shortText(buffer, at, end) : longText(buffer, at, end)
  }

  private binary(at: number, length: number): Uint8Array {
    const { buffer } = this
    const end = at + length
    if (end > this.end) throw ended()
    this.position = end
    if (this.loan !== undefined) return this.loan.lend(buffer.byteOffset + at, length)
    const copy = new Uint8Array(length)
    if (length < shortBytes) { for (let i = 0; i < length; i++) copy[i] = buffer[at + i]! }
    else copy.set(buffer.subarray(at, end))
    return copy
  }

  private skip<A>(bytes: number, value: A): A {
    this.position += bytes
    return value
  }

  private within(at: number, bytes: number): DataView {
    if (at + bytes > this.end) throw ended()
    return this.view
  }

  private uint8(at: number): number {
    return this.within(at, 1).getUint8(at)
  }

  private uint16(at: number): number {
    return this.within(at, 2).getUint16(at)
  }

  private uint32(at: number): number {
    return this.within(at, 4).getUint32(at)
  }
}

/** An array to be filled from its beginning, allocated at once unless it is huge. */
export const arrayOf = <A>(length: number): Array<A> =>
  // oxlint-disable-next-line no-new-array -- the length is meant, and Array.from would fill it first
  length <= allocatedAtOnce ? new Array<A>(length) : []

/** Sets an own property, also one whose name would set the prototype. */
export const assign = (target: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  } else {
    target[key] = value
  }
}

/** Keys that were read before, so that the same few are not made again and again; only ASCII, each where it hashes to. */
const keyMask = 0xff
const keys: Array<string> = Array.from({ length: keyMask + 1 }, () => "")

const remember = (key: string): void => {
  const { length } = key
  if (length === 0 || length > 0x1f) return
  for (let i = 0; i < length; i++) if (key.charCodeAt(i) > 0x7f) return
  keys[(key.charCodeAt(0) + key.charCodeAt(length - 1) * 7 + length) & keyMask] = key
}

const isTextAt = (text: string, buffer: Buffer, at: number): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== buffer[at + i]) return false
  return true
}

/** ASCII is put together here, which is faster than a call into Node for so few characters. */
const shortText = (buffer: Buffer, at: number, end: number): string => {
  let text = ""
  let i = at
  for (; i + 4 <= end; i += 4) {
    const a = buffer[i]!, b = buffer[i + 1]!, c = buffer[i + 2]!, d = buffer[i + 3]!
    if ((a | b | c | d) > 0x7f) return longText(buffer, at, end)
    text += String.fromCharCode(a, b, c, d)
  }
  for (; i < end; i++) {
    const code = buffer[i]!
    if (code > 0x7f) return longText(buffer, at, end)
    text += String.fromCharCode(code)
  }
  return text
}

const longText = (buffer: Buffer, at: number, end: number): string => {
  try {
    return buffer.toString("utf8", at, end)
  } catch {
    throw new Malformed(`a string of ${end - at} bytes`)
  }
}

const ended = (): Malformed => new Malformed("the bytes end within a value")

const timestamp = (seconds: number, nanos: number): Date => new Date(seconds * 1000 + Math.floor(nanos / 1_000_000))
