/**
 * Schemas of live things: what can only be used where it is, and travels nevertheless.
 *
 * CPython's `multiprocessing.reduction`. A message with a socket in it type-checks where a `ResourceSharer` is provided,
 * and does not where there is none.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { copiedPrefix } from "../remote/internal/names.ts"
import type * as Remote from "../remote/Remote.ts"
import type { Checked } from "../wire/internal/checked.ts"
import { Parts as PartsOfMessage } from "../wire/internal/wholly.ts"
import * as Bound_ from "./internal/bound.ts"
import type { Arrived, Carrier, Put } from "./internal/carrier.ts"
import * as File_ from "./internal/file.ts"
import * as NetSockets from "./internal/netSockets.ts"
import * as Registry from "./internal/registry.ts"
import type { ResourceError } from "./ResourceError.ts"
import { ResourceSharer, Ticket } from "./ResourceSharer.ts"

/**
 * A Schema of something live, which travels through the `ResourceSharer` of both processes.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Shared<A, Encoded> = Checked<A, Encoded, ResourceSharer, ResourceSharer>

// the issue shows what it is about, which must not be a ticket
const orIssue = <A, R>(
  effect: Effect.Effect<A, ResourceError, R>,
  shown: string
): Effect.Effect<A, SchemaIssue.Issue, R> =>
  Effect.mapError(effect, ({ message }) => new SchemaIssue.InvalidValue({ message }, shown, undefined))

const shared = <A, Parts extends Schema.Codec<{ readonly ticket: Ticket }, unknown>>(options: {
  readonly what: string
  readonly is: (value: unknown) => value is A
  readonly parts: Parts
  readonly take: (
    value: A,
    put: Put,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Parts["Type"], ResourceError>
  /** owned by the carrier until it is closed */
  readonly make: (arrived: Arrived, parts: Parts["Type"], carrier: Carrier) => Effect.Effect<A, ResourceError>
  /** as soon as its whole message is there */
  readonly begin?: (value: A) => void
  readonly end: (value: A) => void
}): Shared<A, Parts["Encoded"]> => {
  const { begin = () => {}, end, is, make, parts, take, what } = options
  const decode = (parts: Parts["Type"]) =>
    Effect.gen(function*() {
      const { carrier } = yield* ResourceSharer
      const note = yield* PartsOfMessage
      const arrives = (value: A): void => {
        if (note === undefined) begin(value)
        else note({ begin: () => begin(value), end: () => end(value) })
      }
      // What has been fetched is closed or owned, whenever whoever wants it is interrupted.
      return yield* Effect.uninterruptibleMask((restore) =>
        restore(carrier.claim(parts.ticket)).pipe(
          Effect.flatMap((arrived) => make(arrived, parts, carrier)),
          Effect.tap((value) => Effect.sync(() => arrives(value)))
        )
      )
    })
  const encode = (value: A) =>
    Effect.gen(function*() {
      const { carrier } = yield* ResourceSharer
      return yield* Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(carrier.opened, (put) => take(value, put, restore))
      )
    })
  return parts.pipe(
    Schema.decodeTo(
      Schema.declare(is, { identifier: what, expected: what }),
      SchemaTransformation.transformEffect({
        decode: (parts: Parts["Type"]) => orIssue(decode(parts), what),
        encode: (value: A) => orIssue(encode(value), what)
      })
    )
  ) as unknown as Shared<A, Parts["Encoded"]>
}

/** As long as it is open, the end of the Layer ends it. */
const owned = <A extends { readonly once: (event: "close", listener: () => void) => unknown }, Parts>(
  make: (arrived: Arrived, parts: Parts) => Effect.Effect<A, ResourceError>,
  end: (value: A) => void
) => ({
  make: (arrived: Arrived, parts: Parts, { own }: Carrier): Effect.Effect<A, ResourceError> =>
    Effect.tap(make(arrived, parts), (value) => Effect.sync(() => value.once("close", own(() => end(value))))),
  end
})

const DescriptorParts = Schema.Struct({ ticket: Ticket })

const SocketParts = Schema.Struct({ ticket: Ticket, head: Schema.Uint8Array, allowHalfOpen: Schema.Boolean })

/**
 * A connected `net.Socket`, TCP or Unix.
 *
 * **When to use**
 *
 * To hand a connection that was accepted here to the process that serves it.
 *
 * **Details**
 *
 * To encode it waits until the kernel has all that was written to it, and takes it away from this process: the socket is
 * destroyed here, and the connection goes on. What had been read and not consumed travels along, and is what the
 * receiver reads first. A socket that cannot be sent (TLS, not connected, closed, its end written, `setEncoding`) stays
 * as it was, and the message fails as any that cannot be encoded. If nobody fetches it in time, the connection ends. Who
 * gives up while it waits, by a timeout for example, keeps it.
 *
 * **Gotchas**
 *
 * The receiver's `ResourceSharer` owns it until it is closed, not the Scope of a call. As one that was accepted, it keeps
 * what comes until somebody reads: listen to `data`, or pipe it.
 *
 * **Example** (Connections for a worker)
 *
 * ```ts
 * class Worker extends Remote.Service<Worker>()("app/Worker", {
 *   serve: { payload: { socket: Reduction.Socket } }
 * }) {}
 * ```
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Socket: Shared<Net.Socket, typeof SocketParts.Encoded> = shared({
  what: "a connected socket",
  is: (value): value is Net.Socket => value instanceof Net.Socket,
  parts: SocketParts,
  take: NetSockets.takeSocket,
  ...owned(NetSockets.makeSocket, (socket) => socket.destroy()),
  // nobody could hear yet that it ends
  begin: (socket) => void socket.read(0)
})

const ServerParts = Schema.Struct({
  ticket: Ticket,
  allowHalfOpen: Schema.Boolean,
  pauseOnConnect: Schema.Boolean
})

/**
 * A `net.Server` that listens, TCP or Unix.
 *
 * **When to use**
 *
 * To accept in several processes, or to hand a port over to a new version of a program without refusing anybody.
 *
 * **Details**
 *
 * Both processes have the same listening socket then: whoever is faster accepts a connection, and either may close its
 * own. The receiver's accepts at once; what it has accepted before it has a listener for `connection` is told to that
 * one, and ended if the server is closed before.
 *
 * **Gotchas**
 *
 * A Unix server that is closed by who has made it takes its file with it.
 *
 * What arrives is a `net.Server`, of an `http.Server` too: an HTTP server there is told of its connections with
 * `http.emit("connection", socket)`. One of TLS is refused, since who has no keys would answer in plain text.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Server: Shared<Net.Server, typeof ServerParts.Encoded> = shared({
  what: "a listening server",
  is: (value): value is Net.Server => value instanceof Net.Server,
  parts: ServerParts,
  take: NetSockets.shareServer,
  ...owned(NetSockets.makeServer, (server) => server.close())
})

const DatagramParts = Schema.Struct({ ticket: Ticket, type: Schema.Literals(["udp4", "udp6"]) })

/**
 * A `dgram.Socket` that is bound. Both processes have it then: a datagram arrives at one of them.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const DatagramSocket: Shared<Dgram.Socket, typeof DatagramParts.Encoded> = shared({
  what: "a socket for datagrams",
  is: (value): value is Dgram.Socket => value instanceof Dgram.Socket,
  parts: DatagramParts,
  take: NetSockets.shareDatagramSocket,
  ...owned(NetSockets.makeDatagramSocket, (socket) => socket.close())
})

/**
 * A descriptor of this process: of a file, a pipe, a device.
 *
 * **Details**
 *
 * To send one gives the receiver a duplicate: both have the same open file then, with one position and one set of flags,
 * and each closes its own. One that was received is closed by the end of the receiver's `ResourceSharer`, unless it was
 * closed or released before.
 *
 * **Example** (A log file that a child writes to)
 *
 * ```ts
 * const log = new Reduction.Descriptor(openSync("app.log", "a"))
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export class Descriptor {
  /** as `node:fs` takes it */
  readonly number: number
  private readonly closed: () => void
  private isOpen = true

  constructor(number: number, closed: () => void = () => {}) {
    this.number = number
    this.closed = closed
  }

  /** Closes it; again does nothing. */
  close(): void {
    if (this.isOpen) Fs.closeSync(this.release())
  }

  /** Whoever is given the number closes it. */
  release(): number {
    this.isOpen = false
    this.closed()
    return this.number
  }

  static readonly schema: Shared<Descriptor, typeof DescriptorParts.Encoded> = shared({
    what: "a descriptor",
    is: (value): value is Descriptor => value instanceof Descriptor,
    parts: DescriptorParts,
    take: (descriptor, put) => NetSockets.shareDescriptor(descriptor.isOpen ? descriptor.number : undefined, put),
    make: ({ fd }, _, { own }) =>
      Effect.sync(() => {
        const descriptor: Descriptor = new Descriptor(fd, own(() => descriptor.close()))
        return descriptor
      }),
    end: (descriptor) => descriptor.close()
  })
}

// ---------------------------------------------------------------------------------------------- files

/**
 * A regular file that is open, and can be sent. It is used as any file of Effect's `FileSystem` is.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface File extends FileSystem.File {
  /** absolute, and no link is in it: where the file was when it was opened */
  readonly path: string
  /** what it was opened with, in the process that has opened it first */
  readonly flag: FileSystem.OpenFlag
  /** bytes from the beginning, at which the next `read`, or `write` that does not append, begins */
  readonly position: bigint
}

/**
 * How a file is opened.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface OpenFileOptions {
  /** default `"r"` */
  readonly flag?: FileSystem.OpenFlag | undefined
  /** permissions of a file that is made by this, less the umask; default `0o666` */
  readonly mode?: number | undefined
}

/**
 * Opens a regular file so that it can be sent with `File`, for as long as the Scope is open.
 *
 * **Details**
 *
 * `flag` and `mode` are those of Effect's `FileSystem.open`. It needs no service, and opens regular files only: for a
 * FIFO nobody waits, and no device is touched. The end of the Scope waits for what is being read or written.
 *
 * It fails with `PathNotFound`, `NotRegularFile` or `SystemCallFailed`: `EACCES`, `EEXIST` for `"wx"`, `EMFILE`.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const openFile = (
  path: string,
  options: OpenFileOptions = {}
): Effect.Effect<File, ResourceError, Scope.Scope> => File_.open(path, options.flag ?? "r", options.mode)

/**
 * Opens the file of another one again, at its position, for as long as the Scope is open: as if it had been sent.
 *
 * **When to use**
 *
 * In a handler that keeps a file beyond its call, with the Scope of its Layer; or for a second position in one file.
 *
 * **Details**
 *
 * The file must still be at its path. It fails as the decoding of `File` does, typed.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const reopenFile = (file: File): Effect.Effect<File, ResourceError, Scope.Scope> =>
  Effect.flatMap(File_.partsOf(file), File_.reopen)

const FileParts = Schema.Struct({
  path: Schema.String.check(Schema.isPattern(/^\//)),
  flag: Schema.Literals(File_.flags),
  position: Schema.Natural,
  machine: Schema.String,
  device: Schema.String,
  inode: Schema.String,
  born: Schema.String
})

/**
 * The Schema of a file that was opened with `openFile`, or has arrived.
 *
 * **When to use**
 *
 * To have another process of this machine go on in a file, or work on a part of it, on its own. A `Descriptor` shares the
 * sender's open file and its position instead; it reaches what has no path any more, and what only the sender may open.
 *
 * **Details**
 *
 * What travels is path, flag and position. What arrives is opened again, with the receiver's rights, for as long as the
 * receiver's Scope is open: in a handler, that of the call. It has a position of its own, and so has the sender's, which
 * stays open. Nothing is made or truncated again: one that was opened with `"w"` or `"wx"` can be written to, one that
 * was opened with `"a"` appends.
 *
 * It is the same file, or decoding fails and says why: nothing is at the path any more (it was renamed or unlinked),
 * another file is there, this process may not open it, or has too many files open. To encode it fails when it is closed.
 *
 * Within one process, too, a service is given a file of its own.
 *
 * **Gotchas**
 *
 * `flag` is the first opener's: who gives it to `openFile` again truncates. Where several processes write, let them
 * append.
 *
 * The receiver opens what the message names. From whom it would not take a path, it should not take a file.
 *
 * **Example** (A log, from where it was read to)
 *
 * ```ts
 * class Indexer extends Remote.Service<Indexer>()("app/Indexer", {
 *   index: { payload: { log: Reduction.File } }
 * }) {}
 *
 * Effect.gen(function*() {
 *   const log = yield* Reduction.openFile("app.log")
 *   yield* log.seek(4096n, "start")
 *   yield* (yield* Indexer).index({ log })
 * })
 * ```
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const File: Schema.decodeTo<Schema.declare<File>, typeof FileParts, Scope.Scope> = FileParts.pipe(
  Schema.decodeTo(
    Schema.declare((value): value is File => value instanceof File_.OpenFile, {
      identifier: "File",
      expected: "an open file",
      representation: { id: `${copiedPrefix}File`, payload: null }
    }),
    SchemaTransformation.transformEffect({
      decode: (parts: File_.Parts) => orIssue(File_.reopen(parts), parts.path),
      encode: (file: File) => orIssue(File_.partsOf(file), file.path)
    })
  )
)

// ---------------------------------------------------------------------------------------------- functions and methods

/**
 * A function with the payload that it will be called with: CPython's `partial`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Bound<F extends Remote.AnyFn & { readonly call: (...args: any) => unknown }> = Bound_.Bound<F>

/**
 * Binds a payload to a function.
 *
 * **When to use**
 *
 * To tell another process what to do later: put it into a queue or a payload, with `boundSchema` of the function.
 *
 * **Example** (Work for whoever takes it)
 *
 * ```ts
 * const Jobs = RemoteQueue.make(Reduction.boundSchema(resize))
 *
 * Effect.gen(function*() {
 *   yield* jobs.put(Reduction.bind(resize, { file: "a.png", width: 200 }))
 *   const job = yield* jobs.take
 *   yield* job.call
 * })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const bind = <F extends Remote.AnyFn & { readonly call: (...args: any) => unknown }>(
  fn: F,
  payload: F["payload"]["Type"]
): Bound<F> => new Bound_.Bound(fn, payload)

/**
 * The Schema of a function that was bound with `bind`. It travels as the function's id and the encoded payload; the
 * receiver calls its own function, wherever the Layer that it has been given runs that.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const boundSchema = <F extends Remote.AnyFn & { readonly call: (...args: any) => unknown }>(
  fn: F
): Checked<
  Bound<F>,
  { readonly fn: string; readonly payload: F["payload"]["Encoded"] },
  F["payload"]["DecodingServices"],
  F["payload"]["EncodingServices"]
> => Bound_.boundSchema(fn) as any

/**
 * A method of an object, and the proxy that it is of; `call` is the method.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type BoundMethod<O, K extends keyof O> = Bound_.BoundMethod<O, K>

/**
 * Takes a method of a proxy along with it.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const bindMethod = <O extends object, K extends keyof O & string>(object: O, method: K): BoundMethod<O, K> =>
  new Bound_.BoundMethod(object, method)

/**
 * The Schema of a method that was bound with `bindMethod`. The object lives as long as anybody has the method.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const boundMethodSchema = <
  C extends { readonly schema: Schema.Top; readonly key: string },
  K extends keyof C["schema"]["Type"] & string
>(
  object: C,
  method: K
): Checked<
  BoundMethod<C["schema"]["Type"], K>,
  { readonly object: C["schema"]["Encoded"]; readonly method: K },
  C["schema"]["DecodingServices"],
  C["schema"]["EncodingServices"]
> => Bound_.boundMethodSchema(object, method) as any

// ---------------------------------------------------------------------------------------------- whatever there is

/**
 * Registers a kind of values, so that they travel where a Schema says only `Reduction.Unknown`.
 *
 * **When to use**
 *
 * At the top of the module that declares the class, which both processes load. Where a Schema can say what there is, let
 * it.
 *
 * **Details**
 *
 * Known already: `Map`, `Set`, `RegExp`, `URL`, errors with their causes, `Option`, `Result`, `Exit`, `Cause`,
 * `Duration`, `DateTime`, `BigDecimal`, `Chunk`,
 * `HashMap`, `HashSet`. What was registered last is asked first. The same tag twice is a `TypeError`.
 *
 * **Example** (A class)
 *
 * ```ts
 * class Money extends Schema.Class<Money>("Money")({ amount: Schema.Number, currency: Schema.String }) {}
 *
 * Reduction.register("app/Money", Money)
 * ```
 *
 * @stability unstable
 * @category registry
 * @since 0.1.0
 */
export const register = <A>(tag: string, schema: Schema.Codec<A, any>): void => {
  Registry.add({
    tag,
    is: Schema.is(schema),
    to: Schema.encodeSync(schema),
    from: Schema.decodeUnknownSync(schema)
  })
}

const orInvalid = <A>(f: () => A, value: unknown): Effect.Effect<A, SchemaIssue.Issue> =>
  Effect.try({
    try: f,
    catch: (error) => new SchemaIssue.InvalidValue({ message: String(error) }, value, undefined)
  })

/**
 * Whatever there is, with its types: plain data, and values of the kinds that `register` knows, at any depth.
 *
 * **Gotchas**
 *
 * What nobody has registered fails, as anything does that cannot be encoded; so does, in the receiver, what it has not
 * registered itself. Classes of errors arrive as `Error`, with their name, message, stack and cause. Sockets and files
 * fail, too: here nobody would own them.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Unknown: Schema.Codec<unknown, unknown> = Schema.Unknown.pipe(
  Schema.decodeTo(
    Schema.Unknown,
    SchemaTransformation.transformEffect({
      decode: (value: unknown) => orInvalid(() => Registry.fromPlain(value), value),
      encode: (value: unknown) => orInvalid(() => Registry.toPlain(value), value)
    })
  )
)
