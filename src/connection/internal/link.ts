/** A connection over a socket. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Net from "node:net"
import type { Duplex } from "node:stream"
import type * as Codec from "../../wire/Codec.ts"
import { Expectation } from "../../wire/internal/expectation.ts"
import type { Inlet } from "../../wire/internal/inlet.ts"
import { isSuccess, issueOf } from "../../wire/internal/issue.ts"
import { giveBack } from "../../wire/internal/memory.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import { segmentSize, type Writer } from "../../wire/internal/writer.ts"
import { ProtocolViolation } from "../../wire/RemoteError.ts"
import * as Transport from "../../wire/Transport.ts"
import type { Connection, ReceiveOptions, ValueOptions } from "../Connection.ts"
import * as Errors from "../ConnectionError.ts"
import { ConnectionError, type ConnectionErrorReason } from "../ConnectionError.ts"
import * as Format from "./format.ts"
import { type Flaw, FrameReader, isMessage } from "./frameReader.ts"
import { Outlet } from "./outlet.ts"
import type { Loose } from "./relay.ts"

/** milliseconds that a closing connection waits for the kernel to take what was sent */
const farewellTime = 5_000

/** which ways an end goes */
export interface Ways {
  readonly readable: boolean
  readonly writable: boolean
}

const failWith = (reason: ConnectionErrorReason) => Exit.fail(new ConnectionError({ reason }))

/** For the end that every connection has: a stack would take longer than all the rest, and show the event loop. */
const withoutStack = <A>(make: () => A): A => {
  const { stackTraceLimit } = Error
  // It may be frozen.
  Reflect.set(Error, "stackTraceLimit", 0)
  try {
    return make()
  } finally {
    Reflect.set(Error, "stackTraceLimit", stackTraceLimit)
  }
}

export class Link implements Connection {
  readonly peer: string
  readable = true
  writable = true
  private readonly socket: Duplex
  private readonly inlet: Inlet | undefined
  private readonly reader: FrameReader
  private readonly outlet: Outlet
  private closing = false
  private moved = false
  /** somebody else has what it stood on */
  private released = false
  /** whether the peer answers at once; strangers are not waited for */
  private expected: Expectation | undefined
  private longestSent: number
  private failure: NodeJS.ErrnoException | undefined
  /** told when something has arrived, or the end; each looks for itself */
  private readonly watchers = new Set<() => void>()

  /** `limit`: bytes of the longest message that is received, and sent; `reader`: who reads from the inlet already. */
  constructor(socket: Duplex, peer: string, limit: number, inlet?: Inlet, reader?: FrameReader) {
    this.peer = peer
    this.socket = socket
    this.inlet = inlet
    this.longestSent = limit
    this.outlet = new Outlet(socket, () => this.expected?.begin())
    this.reader = reader ?? new FrameReader(limit)
    this.reader.attach(
      () => {
        this.expected?.end()
        for (const watcher of this.watchers) watcher()
      },
      (on) => void (on ? socket.resume() : socket.pause())
    )
    socket.on("error", this.onError)
    socket.on("end", this.onEnd)
    socket.on("close", this.onClose)
    if (inlet === undefined) socket.on("data", this.reader.push)
    else if (reader === undefined) inlet.redirect(this.reader)
    // Frames of a tick leave in one write already: nothing is gained by waiting for more of them.
    if (socket instanceof Net.Socket) socket.setNoDelay(true)
    // A socket that is already gone emits no event any more.
    if (socket.closed) process.nextTick(this.onClose)
    else socket.resume()
  }

  private readonly onError = (error: Error): void => {
    this.failure ??= error
  }

  private readonly onEnd = (): void => this.reader.closed(undefined)

  private readonly onClose = (): void => {
    this.leave()
    this.reader.closed(this.failure)
    this.outlet.stop()
  }

  /**
   * The socket tells this connection nothing any more. V8 makes the tables of sockets' listeners where only a full
   * collection finds them, with all that they know.
   */
  private leave(): void {
    const { inlet, reader, socket } = this
    socket.off("error", this.onError).off("end", this.onEnd).off("close", this.onClose).on("error", ignore)
    if (inlet === undefined) socket.off("data", reader.push)
  }

  /** The peer has shown that it has the key. */
  trust(limit: number, ways: Ways = this): void {
    this.readable = ways.readable
    this.writable = ways.writable
    this.longestSent = limit
    if (this.socket instanceof Net.Socket) this.expected = new Expectation()
    this.outlet.trust()
    this.reader.trust(limit)
  }

  /** what it stands on */
  get carrier(): Duplex {
    return this.socket
  }

  /** whether anything has arrived */
  get hasHeard(): boolean {
    return this.reader.hasHeard
  }

  // ---------------------------------------------------------------------------------------------- receiving

  receiveBytes(options?: ReceiveOptions): Effect.Effect<Uint8Array<ArrayBuffer>, ConnectionError> {
    const take: Effect.Effect<Uint8Array<ArrayBuffer>, ConnectionError> = Effect.suspend(() => {
      const taken = this.takeNow(options?.limit)
      if (taken === undefined) return Effect.andThen(this.arrival, take)
      if (taken instanceof Uint8Array) return Exit.succeed(taken)
      return taken._tag === "EndOfStream" ? withoutStack(() => failWith(taken)) : failWith(taken)
    })
    return take
  }

  /** The next message, if it is there, or why there will be none. */
  takeNow(limit = Number.POSITIVE_INFINITY): Uint8Array<ArrayBuffer> | ConnectionErrorReason | undefined {
    const refusal = this.refusal("read")
    if (refusal !== undefined) return refusal
    const size = limit < Number.POSITIVE_INFINITY ? this.reader.nextSize : undefined
    if (size !== undefined && size > limit) return new Errors.MessageTooLong({ peer: this.peer, size, limit })
    const taken = this.reader.take()
    return taken === undefined || isMessage(taken) ? taken : this.reasonOf(taken)
  }

  /**
   * Completes when something can be received, or the end. Everybody who waits looks again; who is interrupted has taken
   * nothing.
   */
  get arrival(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const watcher = (): void => {
        if (!this.isReady()) return
        this.watchers.delete(watcher)
        resume(Effect.void)
      }
      this.watchers.add(watcher)
      watcher()
      return Effect.sync(() => this.watchers.delete(watcher))
    })
  }

  receive<S extends Schema.Top>(
    schema: S,
    options?: ReceiveOptions & ValueOptions
  ): Effect.Effect<S["Type"], ConnectionError, S["DecodingServices"]> {
    const format = Format.of(schema, options?.format ?? "msgpack")
    return Effect.flatMap(this.receiveBytes(options), (bytes): Effect.Effect<any, ConnectionError, any> => {
      let wire
      try {
        wire = format.read(bytes)
        giveBack(bytes)
      } catch (error) {
        return failWith(this.notDecodable(issueOf(error)))
      }
      return orFail(format.fromWire(wire), (issue) => this.notDecodable(issue))
    })
  }

  private notDecodable(issue: string): ConnectionErrorReason {
    return new Errors.NotDecodable({ peer: this.peer, issue })
  }

  poll(limit?: Duration.Input): Effect.Effect<boolean, ConnectionError> {
    return Effect.suspend(() => {
      const refusal = this.refusal("read")
      if (refusal !== undefined) return failWith(refusal)
      if (this.isReady()) return Exit.succeed(true)
      const millis = limit === undefined ? 0 : Math.max(0, Duration.toMillis(limit))
      if (millis === 0) return Exit.succeed(false)
      return Effect.map(RealTime.within(this.arrival, millis), Option.isSome)
    })
  }

  isReady(): boolean {
    return this.closing || this.reader.isReady
  }

  whenReady(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  // ---------------------------------------------------------------------------------------------- sending

  sendBytes(bytes: Uint8Array): Effect.Effect<void, ConnectionError> {
    return this.put((writer) => writer.raw(bytes))
  }

  send<S extends Schema.Top>(
    schema: S,
    value: S["Type"],
    options?: ValueOptions
  ): Effect.Effect<void, ConnectionError, S["EncodingServices"]> {
    const format = Format.of(schema, options?.format ?? "msgpack")
    const put = (wire: unknown) => this.put((writer) => format.write(writer, wire))
    return Effect.suspend(() => {
      const wire = format.toWire(value)
      return isSuccess(wire)
        ? put(wire.value)
        : Effect.flatMap(orFail(wire, (issue) => new Errors.NotEncodable({ peer: this.peer, issue })), put)
    })
  }

  /** Long bytes are sent from where they are: the sender may change them when the kernel has taken them. */
  private put(write: (writer: Writer) => void): Effect.Effect<void, ConnectionError> {
    const attempt = (): Effect.Effect<void, ConnectionError> => {
      const refusal = this.refusal("write")
      if (refusal !== undefined) return failWith(refusal)
      const { longestSent: limit, outlet, peer } = this
      if (outlet.full) return Effect.flatten(waitForRoom)
      let size
      try {
        size = outlet.put(limit, write)
      } catch (error) {
        return failWith(new Errors.NotEncodable({ peer, issue: issueOf(error) }))
      }
      if (size > limit) return failWith(new Errors.MessageTooLong({ peer, size, limit }))
      return size >= segmentSize ? this.delivery : Exit.void
    }
    const waitForRoom: Effect.Effect<Effect.Effect<void, ConnectionError>> = Effect.callback((resume) => {
      const leave = this.outlet.wait(() => resume(Effect.succeed(attempt())))
      return Effect.sync(leave)
    })
    return Effect.suspend(attempt)
  }

  /** Bytes that are few, whether there is room for them or not; they leave with the next `flushNow`. */
  putNow(bytes: Uint8Array): ConnectionErrorReason | undefined {
    const refusal = this.refusal("write")
    if (refusal === undefined) this.outlet.put(this.longestSent, (writer) => writer.raw(bytes), false)
    return refusal
  }

  flushNow(): void {
    this.outlet.flush()
  }

  /** Calls back when the kernel has taken all that was sent so far, or the connection is gone. */
  whenTaken(callback: () => void): void {
    this.outlet.taken(callback)
  }

  /** As `flush`; fails when the connection was gone before. */
  private get delivery(): Effect.Effect<void, ConnectionError> {
    return Effect.callback((resume) =>
      this.outlet.taken((isTaken) => {
        const refusal = isTaken ? undefined : this.refusal("write")
        resume(refusal === undefined ? Exit.void : failWith(refusal))
      })
    )
  }

  get flush(): Effect.Effect<void> {
    return Effect.callback((resume) => this.outlet.taken(() => resume(Effect.void)))
  }

  // ---------------------------------------------------------------------------------------------- the end

  private refusal(way: "read" | "write"): ConnectionErrorReason | undefined {
    const { peer } = this
    if (this.closing) return this.closed
    if (way === "read" ? !this.readable : !this.writable) {
      return new Errors.WrongDirection({ peer, end: way === "read" ? "write-only" : "read-only" })
    }
    if (way === "write" && (this.socket.destroyed || this.socket.writableEnded)) {
      const { code = "EPIPE", message: detail = "its other end is closed" } = this.failure ?? {}
      return new Errors.ConnectionBroken({ peer, code, detail })
    }
    return undefined
  }

  private get closed(): ConnectionErrorReason {
    const { moved, peer } = this
    return moved ? new Errors.ConnectionMoved({ peer }) : new Errors.ConnectionClosed({ peer })
  }

  private reasonOf(flaw: Flaw): ConnectionErrorReason {
    const { peer } = this
    switch (flaw._tag) {
      case "Ended":
        return withoutStack(() => new Errors.EndOfStream({ peer }))
      case "Truncated":
        return new Errors.Truncated({ peer, received: flaw.received, expected: flaw.expected })
      case "Broken":
        return new Errors.ConnectionBroken({ peer, code: flaw.error.code ?? "EUNKNOWN", detail: flaw.error.message })
      case "TooLong":
        return new Errors.MessageTooLong({ peer, size: flaw.size, limit: this.reader.limit })
      case "Garbage":
        return new ProtocolViolation({ peer, detail: flaw.detail })
    }
  }

  get close(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.released) return resume(Effect.void)
      this.end()
      // Its descriptor is closed by then, if it has one.
      if (this.socket.destroyed && this.isPlain) resume(Effect.void)
      else this.whenClosed(() => resume(Effect.void))
    })
  }

  /** Calls back when the socket is gone. */
  whenClosed(callback: () => void): void {
    if (this.socket.closed) callback()
    else this.socket.once("close", callback)
  }

  /** whether it is the kernel's, and nothing in between */
  private get isPlain(): boolean {
    const { socket } = this
    return socket instanceof Net.Socket && !("encrypted" in socket)
  }

  get isOpen(): boolean {
    return !this.closing
  }

  /** Sends what is left, then the end. */
  private end(): void {
    if (this.closing) return
    this.closing = true
    const { outlet, socket } = this
    // Those who wait find that it is closed.
    for (const watcher of this.watchers) watcher()
    outlet.stop()
    outlet.flush()
    // The kernel has all, and sends it. Only TLS has words of its own for the end.
    if (socket.writableLength === 0 && this.isPlain) return void socket.destroy()
    const timer = setTimeout(() => socket.destroy(), farewellTime)
    this.whenClosed(() => clearTimeout(timer))
    outlet.taken(() => {
      if (!socket.destroyed) socket.end(() => socket.destroy())
    })
  }

  /** Ends at once; what is unsent is lost. */
  destroy(): void {
    this.closing = true
    this.socket.destroy()
    for (const watcher of this.watchers) watcher()
  }

  /** Gives the socket to a session; the connection is closed for everybody else. */
  toTransport(): Transport.Transport {
    const { peer } = this
    const { inlet, leftover, stream } = this.release()
    return Transport.fromSocket(stream, { peer, inlet, leftover })
  }

  /** Why it cannot be given to another process, if so. */
  get settled(): ConnectionErrorReason | undefined {
    if (this.closing) return this.closed
    const { flaw } = this.reader
    return flaw === undefined || flaw._tag === "Ended" ? undefined : this.reasonOf(flaw)
  }

  /** Gives away what it stands on, to be carried elsewhere; it has moved for everybody who has it. */
  move(): Loose {
    this.moved = true
    const loose = this.release()
    // Those who wait find that it has moved.
    this.outlet.stop()
    for (const watcher of this.watchers) watcher()
    return loose
  }

  private release(): Loose {
    const { inlet, reader, socket } = this
    this.outlet.flush()
    this.closing = this.released = true
    this.leave()
    socket.pause()
    if (inlet !== undefined) inlet.hold(nothing)
    return { stream: socket, inlet, leftover: reader.release() }
  }
}

/** Closes it with the Scope. */
export const owned = (link: Link): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, link.close))

const nothing = new Uint8Array(0)

const ignore = (): void => {}

/** What a Schema made of a value, or why it did not fit. */
const orFail = (
  outcome: Codec.ToWire,
  reason: (issue: string) => ConnectionErrorReason
): Effect.Effect<unknown, ConnectionError, any> =>
  isSuccess(outcome)
    ? outcome
    : Effect.catchCause(
      outcome,
      (cause) => Cause.hasInterruptsOnly(cause) ? Effect.interrupt : failWith(reason(issueOf(Cause.squash(cause))))
    )
