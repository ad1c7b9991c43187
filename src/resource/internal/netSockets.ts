/** Sockets of Node.js, taken apart into what a carrier carries and what only this process knows of them, and put together again. */
import * as Effect from "effect/Effect"
import * as Dgram from "node:dgram"
import * as Net from "node:net"
import type { Handle } from "../../process/internal/handleRelay.ts"
import { NotShareable, type ResourceError } from "../ResourceError.ts"
import type { Ticket } from "../ResourceSharer.ts"
import { attempt, because, fail, systemCallFailed } from "./because.ts"
import type { Arrived, Put } from "./carrier.ts"
import * as Handles from "./handles.ts"

const refuse = (resource: string, detail: string) => fail(new NotShareable({ resource, detail }))

// ---------------------------------------------------------------------------------------------- connected sockets

export interface ConnectedSocket {
  readonly ticket: Ticket
  /** what had been read and not consumed */
  readonly head: Uint8Array
  readonly allowHalfOpen: boolean
}

const nameOf = ({ remoteAddress, remotePort }: Net.Socket): string =>
  remoteAddress === undefined ? "a socket" : `the socket to ${remoteAddress} port ${remotePort}`

/** Waits until the kernel has all that was written, and what was written meanwhile. */
const flushed = (socket: Net.Socket): Effect.Effect<void, ResourceError> =>
  Effect.suspend(() =>
    socket.writableLength === 0 || socket.writableEnded
      ? Effect.void
      : Effect.andThen(written(socket), flushed(socket))
  )

const written = (socket: Net.Socket): Effect.Effect<void, ResourceError> =>
  Effect.callback((resume) => {
    socket.write(
      "",
      (error) => resume(error === null || error === undefined ? Effect.void : refuse(nameOf(socket), error.message))
    )
  })

/**
 * Takes a socket away from this process. One that cannot be sent stays as it was, and so does one whose other end does
 * not read: `restore` lets the sender give up.
 */
export const takeSocket = (
  socket: Net.Socket,
  put: Put,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<ConnectedSocket, ResourceError> => {
  const name = nameOf(socket)
  return Effect.andThen(
    restore(flushed(socket)),
    Effect.suspend(() => {
      if ("encrypted" in socket) return refuse(name, "TLS has its keys in this process")
      if (socket.connecting) return refuse(name, "it is not connected yet")
      const handle = Handles.ofSocket(socket)
      if (socket.destroyed || handle === undefined) return refuse(name, "it is closed")
      if (socket.writableEnded) return refuse(name, "its end has been written")
      if (socket.readableEncoding !== null) return refuse(name, "it reads texts, whose bytes are not there any more")
      return Effect.flatten(attempt(() => {
        const promised = put({
          name,
          descriptor: handle.fd,
          handle: () => Handles.takeFromSocket(socket, handle),
          leaves: true
        })
        // In one step with the promise: nothing is read here from now on.
        socket.pause()
        const chunks: Array<Uint8Array> = []
        for (let chunk; (chunk = socket.read() as Uint8Array | null) !== null;) chunks.push(chunk)
        const { allowHalfOpen } = socket
        socket.destroy()
        const head = new Uint8Array(Buffer.concat(chunks))
        return Effect.map(promised, (ticket) => ({ ticket, head, allowHalfOpen }))
      }))
    })
  )
}

/** Takes over what arrived. It reads when it is told to, or somebody listens. */
export const makeSocket = (
  arrived: Arrived,
  { allowHalfOpen, head }: Pick<ConnectedSocket, "allowHalfOpen" | "head">
): Effect.Effect<Net.Socket, ResourceError> =>
  orClose(
    arrived,
    attempt(() => {
      // no public option; without it the socket reads at once
      const manually = { manualStart: true }
      const socket = new Net.Socket({
        ...streamOf(arrived),
        ...manually,
        allowHalfOpen,
        readable: true,
        writable: true
      })
      if (head.length > 0) socket.unshift(head)
      return socket
    })
  )

/** `handle` is what `node:child_process` makes sockets of, and no public option. */
const streamOf = (arrived: Arrived): { readonly fd: number } => {
  const isHandle = "readStart" in arrived
  return (isHandle ? { handle: arrived } : { fd: arrived.fd }) as { readonly fd: number }
}

// ---------------------------------------------------------------------------------------------- listening servers

export interface ListeningServer {
  readonly ticket: Ticket
  readonly allowHalfOpen: boolean
  readonly pauseOnConnect: boolean
}

/** The server goes on here, too: whoever is faster accepts. */
export const shareServer = (server: Net.Server, put: Put): Effect.Effect<ListeningServer, ResourceError> =>
  Effect.suspend(() => {
    const handle = Handles.ofSocket(server)
    if ("setSecureContext" in server) return refuse("a server", "TLS has its keys in this process")
    if (handle === undefined) return refuse("a server", "it does not listen")
    const { allowHalfOpen = false, pauseOnConnect = false } = server as {
      readonly allowHalfOpen?: boolean
      readonly pauseOnConnect?: boolean
    }
    return Effect.map(shared(put, "a server", handle), (ticket) => ({ ticket, allowHalfOpen, pauseOnConnect }))
  })

export const makeServer = (
  arrived: Arrived,
  { allowHalfOpen, pauseOnConnect }: Omit<ListeningServer, "ticket">
): Effect.Effect<Net.Server, ResourceError> =>
  orClose(arrived, started(keeping({ allowHalfOpen, pauseOnConnect }), (server) => server.listen(arrived)))

/** A server that keeps what it accepts, unread, until somebody listens: it would be open and nobody's. */
const keeping = ({ allowHalfOpen, pauseOnConnect }: Omit<ListeningServer, "ticket">): Net.Server => {
  const server = Net.createServer({ allowHalfOpen, pauseOnConnect: true })
  const kept: Array<Net.Socket> = []
  const keep = (socket: Net.Socket): void => void kept.push(socket)
  const close = server.close.bind(server)
  const look = (event: string | symbol): void => {
    if (event !== "connection") return
    server.off("newListener", look).off("connection", keep)
    Object.assign(server, { close, pauseOnConnect })
    // Who listens does so after this.
    process.nextTick(() => {
      for (const socket of kept) {
        // as if it had never been paused
        if (!pauseOnConnect) {
          Object.assign(socket, { readableFlowing: null })
          socket.read(0)
        }
        server.emit("connection", socket)
      }
    })
  }
  return Object.assign(server.on("connection", keep).on("newListener", look), {
    close: (callback?: (error?: Error) => void) => {
      for (const socket of kept) socket.destroy()
      return close(callback)
    }
  })
}

// ---------------------------------------------------------------------------------------------- datagrams

export interface DatagramSocket {
  readonly ticket: Ticket
  readonly type: "udp4" | "udp6"
}

/** The socket goes on here, too: a datagram arrives at one of them. */
export const shareDatagramSocket = (socket: Dgram.Socket, put: Put): Effect.Effect<DatagramSocket, ResourceError> =>
  Effect.suspend(() => {
    const handle = Handles.ofDatagramSocket(socket)
    if (handle === undefined) return refuse("a socket for datagrams", "it is not bound")
    const { type } = socket as unknown as { readonly type: DatagramSocket["type"] }
    return Effect.map(shared(put, "a socket for datagrams", handle), (ticket) => ({ ticket, type }))
  })

export const makeDatagramSocket = (
  arrived: Arrived,
  { type }: Omit<DatagramSocket, "ticket">
): Effect.Effect<Dgram.Socket, ResourceError> =>
  orClose(arrived, started(Dgram.createSocket({ type }), (socket) => socket.bind(arrived)))

// ---------------------------------------------------------------------------------------------- descriptors

/** `undefined`: it is closed. */
export const shareDescriptor = (
  descriptor: number | undefined,
  put: Put
): Effect.Effect<{ readonly ticket: Ticket }, ResourceError> =>
  descriptor === undefined
    ? refuse("a descriptor", "it is closed")
    : Effect.map(
      Effect.flatten(attempt(() => put({ name: "a descriptor", descriptor, leaves: false }))),
      (ticket) => ({ ticket })
    )

// ---------------------------------------------------------------------------------------------- all

/** What both processes have then. */
const shared = (put: Put, name: string, handle: Handle): Effect.Effect<Ticket, ResourceError> =>
  Effect.flatten(attempt(() => put({ name, descriptor: handle.fd, handle: () => handle, leaves: false })))

const orClose = <A>(arrived: Arrived, made: Effect.Effect<A, ResourceError>): Effect.Effect<A, ResourceError> =>
  Effect.tapError(made, () => Effect.sync(() => arrived.close()))

const started = <S extends Net.Server | Dgram.Socket>(
  socket: S,
  start: (socket: S) => void
): Effect.Effect<S, ResourceError> =>
  Effect.callback<S, ResourceError>((resume) => {
    const failed = (error: Error): void => {
      socket.off("listening", listening)
      resume(Effect.fail(because(systemCallFailed(error))))
    }
    const listening = (): void => {
      socket.off("error", failed)
      resume(Effect.succeed(socket))
    }
    socket.once("error", failed).once("listening", listening)
    try {
      start(socket)
    } catch (error) {
      failed(error as Error)
    }
  })
