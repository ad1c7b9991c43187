/**
 * Memory that processes share: CPython's `multiprocessing.shared_memory`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import type { Checked } from "../wire/internal/checked.ts"
import { InvalidOption } from "../wire/InvalidOption.ts"
import { because, fail } from "./internal/because.ts"
import * as Element from "./internal/element.ts"
import * as Segment from "./internal/segment.ts"
import * as Struct from "./internal/struct.ts"
import { Native } from "./Native.ts"
import { type ResourceError, SegmentClosed } from "./ResourceError.ts"

/**
 * Bytes that a segment may have: 4 GiB.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export const largest: number = Segment.largest

/**
 * A segment that is mapped into this process.
 *
 * **Details**
 *
 * `buffer` is a real SharedArrayBuffer: `Atomics` work on it, between processes too, and it can be posted to the
 * threads of this process. It has whole pages of 64 KiB; what it has beyond `size` is no part of the segment.
 *
 * When the Scope closes, `buffer` and all views of it, those in threads too, show zeros from then on.
 *
 * **Gotchas**
 *
 * `Atomics.wait` and `Atomics.notify` know the threads of their own process only.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface SharedMemory {
  /** by which others attach it; without the slash that `shm_open` wants before it */
  readonly name: string
  /** bytes */
  readonly size: number
  readonly buffer: SharedArrayBuffer
  /** exactly `size` bytes */
  readonly bytes: Uint8Array<SharedArrayBuffer>
  /** whether its Scope has closed */
  readonly isClosed: boolean
}

/**
 * A segment that this process has made, and will unlink.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Owned extends SharedMemory {
  /** Ends the name now, and not only when the Scope closes; whoever has attached it keeps it. */
  readonly unlink: Effect.Effect<void>
}

/**
 * How `make` makes a segment.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export type Options = NamedOptions | SealedOptions

/**
 * A segment with a name, and a file in `/dev/shm`.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface NamedOptions {
  /** bytes, from 1 to 4 GiB */
  readonly size: number
  /** default a fresh one */
  readonly name?: string | undefined
  /** who may attach it; default `0o600`, this user */
  readonly mode?: number | undefined
  readonly sealed?: false | undefined
}

/**
 * A segment whose size nobody can change, found through its owner.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface SealedOptions {
  /** bytes, from 1 to 4 GiB */
  readonly size: number
  readonly sealed: true
}

/**
 * What a segment is made with, besides its size.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export type MakeOptions = Omit<NamedOptions, "size"> | Omit<SealedOptions, "size">

/**
 * How `attach` attaches a segment.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface AttachOptions {
  /** bytes that it must have at least; default 1 */
  readonly size?: number | undefined
}

class Mapped implements SharedMemory {
  readonly name: string
  readonly size: number
  readonly buffer: SharedArrayBuffer
  readonly bytes: Uint8Array<SharedArrayBuffer>
  readonly #isClosed: () => boolean

  constructor({ buffer, isClosed, name, size }: Segment.Found) {
    this.name = name
    this.size = size
    this.buffer = buffer
    this.bytes = new Uint8Array(buffer, 0, size)
    this.#isClosed = isClosed
  }

  get isClosed(): boolean {
    return this.#isClosed()
  }
}

class Made extends Mapped implements Owned {
  readonly unlink: Effect.Effect<void>

  constructor(made: Segment.Made) {
    super(made)
    this.unlink = made.unlink
  }
}

/**
 * Makes a segment, all zeros, and maps it for as long as the Scope is open.
 *
 * **When to use**
 *
 * For large values that several processes read or write in place: images, matrices, tables. What is small, or written
 * once, is simpler sent.
 *
 * **Details**
 *
 * All its memory is there when `make` returns, and touched, since its maker usually fills it; of more than 16 MiB on
 * another thread. A full `/dev/shm` is an `OutOfSharedMemory`, not a crash at the first touch. Others see the segment
 * with its whole size, or not at all.
 *
 * The end of the Scope unlinks it, if its name is then still its own, and so does the guard after this process was
 * killed. Whoever has attached it keeps its memory. CPython attaches it by its name; before Python 3.13, and after it
 * without `track=False`, the attaching Python unlinks the name when it ends, which harms nobody who has attached it.
 *
 * With `sealed` the segment has no file: others of this user find it through this process, by a name that is valid
 * while the Scope is open, and not from Python. In return nobody, not even its owner, can shrink it, so no process can
 * be crashed by another one that does.
 *
 * **Gotchas**
 *
 * A program of this user that shrinks the file of a named segment crashes (SIGBUS) whoever touches what is gone.
 *
 * **Example** (Numbers that children fill)
 *
 * ```ts
 * Effect.gen(function*() {
 *   const segment = yield* SharedMemory.make({ size: 8 * 1_000_000 })
 *   const numbers = yield* SharedMemory.view(segment, "float64")
 *   yield* Effect.forEach(parts, (part) => fill.call({ segment, part }), { concurrency: 4 })
 *   return numbers.reduce((sum, number) => sum + number)
 * }).pipe(Effect.scoped, Effect.provide(Native.layer))
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Owned, ResourceError, Native | Scope.Scope> =>
  madeFor("here", options)

const madeFor = (
  user: Segment.User,
  options: Options
): Effect.Effect<Owned, ResourceError, Native | Scope.Scope> =>
  Effect.flatMap(Native, (native) =>
    Effect.map(
      options.sealed === true
        ? Segment.makeSealed(native, options.size, user)
        : Segment.make(native, options.name, options.size, options.mode ?? 0o600, user),
      (made) => new Made(made)
    ))

/**
 * One that its maker does not touch.
 *
 * @internal
 */
export const makeForOthers = (options: Options): Effect.Effect<Owned, ResourceError, Native | Scope.Scope> =>
  madeFor("elsewhere", options)

/**
 * Maps a segment that another process has made, or this one, for as long as the Scope is open.
 *
 * **Details**
 *
 * Its size is what the segment has, which on some systems is more than its maker asked for. If it has not all its
 * memory yet, as CPython makes it, that is seen to here.
 *
 * The end of the Scope unmaps it, and destroys nothing.
 *
 * **Example** (A segment that Python has made)
 *
 * ```ts
 * const sum = Effect.fnUntraced(function*(name: string) {
 *   const segment = yield* SharedMemory.attach(name)
 *   const numbers = yield* SharedMemory.view(segment, "float64")
 *   return numbers.reduce((sum, number) => sum + number)
 * }, Effect.scoped)
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const attach = (
  name: string,
  options: AttachOptions = {}
): Effect.Effect<SharedMemory, ResourceError, Native | Scope.Scope> =>
  Effect.flatMap(
    Native,
    (native) => Effect.map(Segment.attach(native, name, options.size ?? 1), (found) => new Mapped(found))
  )

/**
 * Ends the name of a segment, whoever has made it. Those who have attached it keep it.
 *
 * **When to use**
 *
 * For a segment that outlived its maker, or whose maker leaves that to others, as programs in Python may. An `Owned` one
 * unlinks itself.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const unlink = (name: string): Effect.Effect<void, ResourceError> => Segment.unlink(name)

/** What travels: CPython sends the same. */
const Handle = Schema.Struct({ name: Schema.String, size: Schema.Number })

/**
 * The Schema of a segment: what travels is its name, and what arrives is attached, for as long as the receiver's Scope is
 * open. In a handler that is the Scope of the call.
 *
 * **Gotchas**
 *
 * The segment must be there until the receiver has attached it; else decoding fails. So a handler that answers with one
 * must not make it in the Scope of its call, which closes with the answer, but in that of its Layer. In-process services
 * hand it on as it is.
 *
 * **Example** (A filter that works in place)
 *
 * ```ts
 * class Filter extends Remote.Service<Filter>()("app/Filter", {
 *   blur: { payload: { image: SharedMemory.schema, from: Schema.Int, to: Schema.Int } }
 * }) {}
 * ```
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Checked<SharedMemory, typeof Handle.Encoded, Native | Scope.Scope> = Handle.pipe(
  Schema.decodeTo(
    Schema.declare((value): value is SharedMemory => value instanceof Mapped, {
      identifier: "SharedMemory",
      expected: "a shared memory segment"
    }),
    SchemaTransformation.transformEffect({
      decode: ({ name, size }: typeof Handle.Type) =>
        Effect.mapError(
          attach(name, { size }),
          ({ message }) => new SchemaIssue.InvalidValue({ message }, name, undefined)
        ),
      encode: ({ isClosed, name, size }: SharedMemory) =>
        isClosed
          ? Effect.fail(
            new SchemaIssue.InvalidValue({ message: because(new SegmentClosed({ name })).message }, name, undefined)
          )
          : Effect.succeed({ name, size })
    })
  )
)

/**
 * The types of numbers, by their names.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type ElementType = Element.ElementType

/**
 * What a number of a type is in JavaScript: a bigint where it has 64 bits and is whole.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Value<T extends ElementType> = Element.Value<T>

/**
 * The typed array of each type of numbers.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Arrays = Element.Arrays

/**
 * Which part of a segment is viewed.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ViewOptions {
  /** bytes from the segment's beginning, a multiple of the type's; default 0 */
  readonly offset?: number | undefined
  /** elements; default as many as there are */
  readonly length?: number | undefined
}

/** Where in a segment `bytes` bytes can be that begin at a multiple of `alignment`. */
const within = (
  segment: SharedMemory,
  offset: number,
  alignment: number,
  bytes: number
): Effect.Effect<void, ResourceError> => {
  if (segment.isClosed) return fail(new SegmentClosed({ name: segment.name }))
  if (Number.isInteger(offset) && offset >= 0 && offset % alignment === 0 && offset + bytes <= segment.size) {
    return Effect.void
  }
  const room = bytes === 0 ? "" : ` with room for ${bytes} bytes`
  return fail(
    new InvalidOption({
      option: "offset",
      detail: `${offset} is no multiple of ${alignment} within ${segment.size}${room}`
    })
  )
}

/**
 * A segment's numbers, as a typed array: in the byte order of this machine, as C and numpy have them.
 *
 * **Example** (A matrix of numpy's)
 *
 * ```ts
 * const row = (segment: SharedMemory.SharedMemory, width: number, y: number) =>
 *   SharedMemory.view(segment, "float64", { offset: y * width * 8, length: width })
 * ```
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const view = <T extends ElementType>(
  segment: SharedMemory,
  type: T,
  options: ViewOptions = {}
): Effect.Effect<Arrays[T], ResourceError> =>
  Effect.suspend(() => {
    const bytes = Element.bytesOf(type)
    const { offset = 0 } = options
    const most = Math.floor((segment.size - offset) / bytes)
    const { length = most } = options
    return Effect.flatMap(within(segment, offset, bytes, 0), () =>
      Number.isInteger(length) && length >= 0 && length <= most
        ? Effect.succeed(Element.array(type, segment.buffer, offset, length))
        : fail(new InvalidOption({ option: "length", detail: `${length} is not from 0 to ${most}` })))
  })

/**
 * Copies bytes into a segment.
 *
 * **When to use**
 *
 * For many bytes at a time: it copies as the C library does, and `segment.bytes.set` as V8 does into memory that threads
 * share, which of hundreds of MiB takes nearly twice as long. Of a few the two take the same.
 *
 * **Gotchas**
 *
 * Bytes of the segment itself may overlap with where they go; those of another attachment of it must not.
 *
 * **Example** (A frame for whoever shows it)
 *
 * ```ts
 * const show = (segment: SharedMemory.SharedMemory, frame: Uint8Array) =>
 *   Effect.andThen(SharedMemory.write(segment, frame), screen.refresh({ segment }))
 * ```
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const write = (
  segment: SharedMemory,
  bytes: Uint8Array,
  options: { readonly offset?: number | undefined } = {}
): Effect.Effect<void, ResourceError> =>
  Effect.suspend(() => {
    const { offset = 0 } = options
    return Effect.map(within(segment, offset, 1, bytes.length), () => {
      // What may overlap is copied with care.
      if (bytes.buffer === segment.buffer) segment.bytes.set(bytes, offset)
      // the C library's copy
      else if (bytes.length > 0) Buffer.from(segment.buffer, offset, bytes.length).fill(bytes)
    })
  })

/**
 * The fields of a struct, in their order, with their types.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Fields = Struct.Fields

/**
 * A struct in a segment: what is read is what is there now, what is assigned is there at once.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type StructOf<F extends Fields> = Struct.StructOf<F>

/**
 * Bytes of a struct, as C has it: each field at a multiple of its size, and the whole a multiple of its largest field's.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const sizeOf = (fields: Fields): number => Struct.layout(fields).size

/**
 * A segment's bytes as a struct of numbers, laid out as in C, `ctypes.Structure` and numpy's `align=True`.
 *
 * **When to use**
 *
 * For a few numbers of several types at the head of a segment, or a table of records: that of number `i` is at
 * `i * sizeOf(fields)`.
 *
 * **Gotchas**
 *
 * What is assigned is converted as typed arrays do: 300 to a `uint8` is 44. Each field is read and written by itself, so
 * a reader may see one before and one after a write of both.
 *
 * **Example** (The head of an image)
 *
 * ```ts
 * const Head = { width: "uint32", height: "uint32", gamma: "float64" } as const
 *
 * const head = Effect.fnUntraced(function*(segment: SharedMemory.SharedMemory) {
 *   const { gamma, height, width } = yield* SharedMemory.struct(segment, Head)
 *   return `${width} x ${height}, ${gamma}`
 * })
 * ```
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const struct = <const F extends Fields>(
  segment: SharedMemory,
  fields: F,
  options: { readonly offset?: number | undefined } = {}
): Effect.Effect<StructOf<F>, ResourceError> =>
  Effect.suspend(() => {
    const { offset = 0 } = options
    const { alignment, size } = Struct.layout(fields)
    return Effect.map(within(segment, offset, alignment, size), () => Struct.make(fields, segment.buffer, offset))
  })
