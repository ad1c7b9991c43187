/**
 * The bytes of CPython's `ShareableList`, in the byte order of this machine:
 *
 *     count, 8 bytes
 *     offsets, 8 each: where in the data each item's place begins, and where the last one ends
 *     data: an integer, a float, a boolean or nothing in 8 bytes; a text or bytes in 8, 16, 24, ..., filled with NULs
 *     formats, 8 each: of Python's `struct`, filled with NULs
 *     kinds, 1 each
 *
 * CPython 3.8 has the places' lengths instead of the offsets, and one word less for it: its first word after the count is
 * never 0, which the first offset always is.
 */
import * as Result from "effect/Result"
import { endianness } from "node:os"
import { NotStorable } from "../ResourceError.ts"

/** What an item can be. */
export type Item = bigint | number | boolean | string | Uint8Array | null

/** The oldest CPython that reads it; all since 3.9 are alike. */
export type Version = "3.8" | "3.9"

/** Whose transformation CPython applies after it has unpacked an item. */
const kinds = { plain: 0, text: 1, bytes: 2, none: 3 } as const

const formats = { integer: "q", float: "d", boolean: "xxxxxxx?", none: "xxxxxx?x" } as const

const word = 8

/** What a text's format, `"...s"`, can say in 8 characters, in whole words. */
const longestPlace = 9_999_992

const isLittle = endianness() === "LE"

/** An item as it is stored. */
export interface Encoded {
  readonly kind: number
  /** `undefined`: that of its place */
  readonly format: string | undefined
  readonly bytes: Uint8Array
  /** bytes that CPython would give it */
  readonly place: number
}

const shown = (item: Item): string => {
  const text = item instanceof Uint8Array
    ? `${item.length} bytes`
    : typeof item === "bigint"
    ? `${item}n`
    : JSON.stringify(item)
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}

const refuse = (item: Item, detail: string) => Result.fail(new NotStorable({ value: shown(item), detail }))

const inWord = (kind: number, format: string, write: (view: DataView) => void): Result.Result<Encoded, never> => {
  const view = new DataView(new ArrayBuffer(word))
  write(view)
  return Result.succeed({ kind, format, bytes: new Uint8Array(view.buffer), place: word })
}

const placeOf = (length: number): number => word * (Math.floor(length / word) + 1)

/** @param length what CPython's `len` says of the item */
const inPlace = (item: Item, kind: number, bytes: Uint8Array, length: number): Result.Result<Encoded, NotStorable> => {
  if (bytes.at(-1) === 0) return refuse(item, "NULs at its end would be lost")
  // CPython counts characters, and cuts off what has more bytes than that
  const place = placeOf(bytes.length > placeOf(length) ? bytes.length : length)
  return place > longestPlace
    ? refuse(item, `it has ${bytes.length} bytes, more than ${longestPlace - 1}`)
    : Result.succeed({ kind, format: undefined, bytes, place })
}

const codePoints = (text: string): number => {
  let count = 0
  for (const _ of text) count++
  return count
}

/** Refuses what would not be read as it was. */
export const encode = (item: Item): Result.Result<Encoded, NotStorable> => {
  if (item === null) return inWord(kinds.none, formats.none, () => {})
  if (typeof item === "boolean") {
    return inWord(kinds.plain, formats.boolean, (view) => view.setUint8(word - 1, Number(item)))
  }
  if (typeof item === "number") {
    return inWord(kinds.plain, formats.float, (view) => view.setFloat64(0, item, isLittle))
  }
  if (typeof item === "bigint") {
    return BigInt.asIntN(64, item) === item
      ? inWord(kinds.plain, formats.integer, (view) => view.setBigInt64(0, item, isLittle))
      : refuse(item, "it has more than 64 bits")
  }
  if (typeof item === "string") {
    return /\p{Surrogate}/u.test(item)
      ? refuse(item, "it is no valid Unicode")
      : inPlace(item, kinds.text, Buffer.from(item), codePoints(item))
  }
  return inPlace(item, kinds.bytes, item, item.length)
}

/** What is not as it must be. */
export class Malformed {
  readonly detail: string
  constructor(detail: string) {
    this.detail = detail
  }
}

const malformed = (detail: string) => Result.fail(new Malformed(detail))

/** Where everything is; `ends` has the end of each item's place. */
interface Shape {
  readonly version: Version
  readonly data: number
  readonly ends: ReadonlyArray<number>
}

const shapeOf = (version: Version, ends: ReadonlyArray<number>): Shape => ({
  version,
  data: word * (ends.length + (version === "3.8" ? 1 : 2)),
  ends
})

const formatsAt = ({ data, ends }: Shape): number => data + (ends.at(-1) ?? 0)

const sizeOf = (shape: Shape): number => formatsAt(shape) + (word + 1) * shape.ends.length

const planned = (items: ReadonlyArray<Encoded>, version: Version): Shape => {
  let end = 0
  return shapeOf(version, items.map(({ place }) => end += place))
}

/** Bytes that the items take. */
export const size = (items: ReadonlyArray<Encoded>, version: Version): number => sizeOf(planned(items, version))

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const trimmed = (bytes: Uint8Array): Uint8Array => {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.subarray(0, end)
}

/** The items in a segment's bytes. */
export class Table {
  readonly length: number
  private readonly bytes: Uint8Array<SharedArrayBuffer>
  private readonly view: DataView<SharedArrayBuffer>
  private readonly shape: Shape

  private constructor(bytes: Uint8Array<SharedArrayBuffer>, shape: Shape) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.shape = shape
    this.length = shape.ends.length
  }

  /** Writes a new list. */
  static write(bytes: Uint8Array<SharedArrayBuffer>, items: ReadonlyArray<Encoded>, version: Version): Table {
    const table = new Table(bytes, planned(items, version))
    const { shape: { ends }, view } = table
    view.setBigInt64(0, BigInt(items.length), isLittle)
    const words = version === "3.8" ? items.map(({ place }) => place) : [0, ...ends]
    words.forEach((number, index) => view.setBigInt64(word * (1 + index), BigInt(number), isLittle))
    items.forEach((item, index) => table.write(index, item))
    return table
  }

  /** Finds a list that somebody has written. */
  static read(bytes: Uint8Array<SharedArrayBuffer>): Result.Result<Table, Malformed> {
    if (bytes.length < word) return malformed(`${bytes.length} bytes are no list`)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const wordAt = (index: number): number => Number(view.getBigInt64(word * index, isLittle))
    const count = wordAt(0)
    if (count < 0 || count * (2 * word + word + 1) + word > bytes.length) {
      return malformed(`${bytes.length} bytes are no ${count} items`)
    }
    const version = count > 0 && wordAt(1) !== 0 ? "3.8" : "3.9"
    const ends: Array<number> = []
    let end = 0
    for (let index = 0; index < count; index++) {
      const next = version === "3.8" ? end + wordAt(1 + index) : wordAt(2 + index)
      // one that is still being made has no offsets yet
      if (next - end < word || next > bytes.length) return malformed(`item ${index} has no place`)
      ends.push(end = next)
    }
    const shape = shapeOf(version, ends)
    return count > 0 && sizeOf(shape) > bytes.length
      ? malformed(`its ${sizeOf(shape)} bytes are more than ${bytes.length}`)
      : Result.succeed(new Table(bytes, shape))
  }

  private startOf(index: number): number {
    return index === 0 ? 0 : this.shape.ends[index - 1]!
  }

  private place(index: number): Uint8Array<SharedArrayBuffer> {
    const { data, ends } = this.shape
    return this.bytes.subarray(data + this.startOf(index), data + ends[index]!)
  }

  private formatPlace(index: number): Uint8Array<SharedArrayBuffer> {
    const at = formatsAt(this.shape) + word * index
    return this.bytes.subarray(at, at + word)
  }

  private kindAt(index: number): number {
    return formatsAt(this.shape) + word * this.length + index
  }

  private write(index: number, { bytes, format, kind }: Encoded): void {
    const place = this.place(index)
    this.formatPlace(index).fill(0).set(Buffer.from(format ?? `${place.length}s`))
    this.bytes[this.kindAt(index)] = kind
    place.set(bytes)
    // a text has its whole place, the others leave what is behind them
    if (format === undefined) place.fill(0, bytes.length)
  }

  /** The format of an item, as Python's `struct` has it. */
  format(index: number): string {
    return Buffer.from(trimmed(this.formatPlace(index))).toString("latin1")
  }

  get(index: number): Result.Result<Item, Malformed> {
    const kind = this.bytes[this.kindAt(index)]!
    const format = this.format(index)
    // others may write meanwhile: what is looked at is what is taken
    const bytes = this.place(index).slice()
    const view = new DataView(bytes.buffer)
    const odd = () => malformed(`item ${index} is of the format ${JSON.stringify(format)} and the kind ${kind}`)
    if (kind === kinds.none) return Result.succeed(null)
    if (kind === kinds.plain) {
      if (format === formats.integer) return Result.succeed(view.getBigInt64(0, isLittle))
      if (format === formats.float) return Result.succeed(view.getFloat64(0, isLittle))
      return format === formats.boolean ? Result.succeed(bytes[word - 1] !== 0) : odd()
    }
    const length = Number(/^(\d+)s$/.exec(format)?.[1])
    if (!(length <= bytes.length)) return odd()
    const content = new Uint8Array(trimmed(bytes.subarray(0, length)))
    if (kind === kinds.bytes) return Result.succeed(content)
    if (kind !== kinds.text) return odd()
    try {
      return Result.succeed(utf8.decode(content))
    } catch {
      return malformed(`item ${index} is no valid UTF-8`)
    }
  }

  set(index: number, item: Item): Result.Result<void, NotStorable> {
    return Result.flatMap(encode(item), (encoded) => {
      const { length } = this.place(index)
      return encoded.bytes.length > length
        ? refuse(item, `it has ${encoded.bytes.length} bytes, and its place ${length}`)
        : Result.succeed(this.write(index, encoded))
    })
  }
}
