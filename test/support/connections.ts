/** Connections, and peers that say what they like. */
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Connection from "effect-multiprocessing/Connection"
import type { ConnectionError, ConnectionErrorReason } from "effect-multiprocessing/ConnectionError"
import * as Listener from "effect-multiprocessing/Listener"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import type { Address, Input } from "../../src/connection/Address.ts"
import { target } from "../../src/connection/internal/open.ts"
import { until } from "./until.ts"

export const keyOf = (text: string): AuthKey.AuthKey => Result.getOrThrow(AuthKey.fromBytes(Buffer.from(text)))

export const authKey = keyOf("a key of these tests")

export interface Pair {
  readonly near: Connection.Connection
  readonly far: Connection.Connection
}

/** Both ends of an authenticated connection. */
export const pair = (
  address: Input | undefined,
  options: Partial<Connection.ConnectOptions> = {}
): Effect.Effect<Pair, ConnectionError, Scope.Scope> =>
  Effect.gen(function*() {
    const common = { authKey, ...options }
    const listener = yield* Listener.make({ address, ...common })
    const near = yield* Connection.connect(listener.address, common)
    return { near, far: yield* listener.accept }
  })

/** Why it fails. */
export const reasonOf = <A, R>(
  effect: Effect.Effect<A, ConnectionError, R>
): Effect.Effect<ConnectionErrorReason, A, R> => Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** The name of the reason why it fails. */
export const tagOf = <A, R>(effect: Effect.Effect<A, ConnectionError, R>): Effect.Effect<string, A, R> =>
  Effect.map(reasonOf(effect), ({ _tag }) => _tag)

/** One frame of CPython's. */
export const frame = (payload: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(payload as string)
  const header = Buffer.alloc(4)
  header.writeInt32BE(bytes.length)
  return Buffer.concat([header, bytes])
}

/** A bare socket. */
export class Raw {
  readonly socket: Net.Socket
  received: Buffer = Buffer.alloc(0)
  ended = false

  constructor(socket: Net.Socket, reads = true) {
    this.socket = socket
    socket.on("error", () => {})
    socket.on("end", () => this.ended = true)
    socket.on("close", () => this.ended = true)
    if (reads) socket.on("data", (chunk: Buffer) => this.received = Buffer.concat([this.received, chunk]))
  }

  /** Writes, and waits until the kernel has it. */
  readonly write = (bytes: Uint8Array): Effect.Effect<void> =>
    Effect.callback((resume) => void this.socket.write(bytes, () => resume(Effect.void)))

  /** Waits for so many bytes and takes them. */
  readonly take = (count: number): Effect.Effect<Buffer> =>
    Effect.map(until(() => this.received.length >= count || this.ended), () => {
      const taken = this.received.subarray(0, count)
      this.received = this.received.subarray(count)
      return taken
    })

  /** The next frame's bytes. */
  readonly frame: Effect.Effect<Buffer> = Effect.flatMap(
    this.take(4),
    (header) => header.length < 4 ? Effect.succeed(header) : this.take(header.readInt32BE())
  )

  readonly end: Effect.Effect<void> = Effect.suspend(() => until(() => this.ended))
}

const close = (raw: Raw) => Effect.sync(() => raw.socket.destroy())

/** Connects a bare socket, of which no handshake is done. */
export const knock = (address: Address, reads = true): Effect.Effect<Raw, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Raw>((resume) => {
      const socket = Net.connect({ ...target(address), allowHalfOpen: true })
      const raw = new Raw(socket, reads)
      socket.once("connect", () => resume(Effect.succeed(raw)))
    }),
    close
  )

/** A connection without a key, and the bare socket at its other end. */
export const withRaw = (
  address: Input | undefined,
  options: { readonly limit?: number; readonly reads?: boolean } = {}
): Effect.Effect<{ readonly connection: Connection.Connection; readonly raw: Raw }, ConnectionError, Scope.Scope> =>
  Effect.gen(function*() {
    const listener = yield* Listener.make({ address, authKey: "none", limit: options.limit })
    const raw = yield* knock(listener.address, options.reads)
    return { connection: yield* listener.accept, raw }
  })

/** As `withRaw`, with the connection at the end that connects. */
export const toRaw = (
  options: { readonly limit?: number; readonly reads?: boolean } = {}
): Effect.Effect<{ readonly connection: Connection.Connection; readonly raw: Raw }, ConnectionError, Scope.Scope> =>
  Effect.gen(function*() {
    const server = yield* rawServer(options.reads)
    const connection = yield* Connection.connect(server.address, { authKey: "none", limit: options.limit })
    return { connection, raw: yield* server.next }
  })

export interface RawServer {
  readonly address: Address
  readonly next: Effect.Effect<Raw>
}

/** A server of bare sockets at a free port. */
export const rawServer = (reads = true): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ server: Net.Server; sockets: Array<Raw>; all: Array<Raw> }>((resume) => {
        const sockets: Array<Raw> = []
        const all: Array<Raw> = []
        const server = Net.createServer({ allowHalfOpen: true }, (socket) => {
          const raw = new Raw(socket, reads)
          sockets.push(raw)
          all.push(raw)
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, sockets, all })))
      }),
      ({ all, server }) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const { socket } of all) socket.destroy()
        })
    ),
    ({ server, sockets }) => ({
      address: { _tag: "Tcp", host: "127.0.0.1", port: (server.address() as Net.AddressInfo).port } as const,
      next: Effect.map(until(() => sockets.length > 0), () => sockets.shift()!)
    })
  )
