/**
 * One end of a session: what arrives goes to the callers or to the handlers, and the ways in which it may end.
 *
 *     carrier -> Inbound -> Sink -+-> Client: answers to our calls      Client -+
 *                                 +-> Server: calls of the peer         Server -+-> Outbound -> carrier
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import { type HelloBody, smallestLimit, version } from "../Message.ts"
import {
  Disconnected,
  ProtocolViolation,
  type RemoteError,
  type RemoteErrorReason,
  SessionClosed
} from "../RemoteError.ts"
import type { CallOptions, Hello, Options, Session } from "../Session.ts"
import type { Transport } from "../Transport.ts"
import { Client, type Limit } from "./client.ts"
import * as Consumer from "./consumer.ts"
import { Expectation } from "./expectation.ts"
import { Inbound } from "./inbound.ts"
import { failWith } from "./issue.ts"
import { Outbound } from "./outbound.ts"
import { Pulse } from "./pulse.ts"
import type { Reader } from "./reader.ts"
import * as RealTime from "./realTime.ts"
import { helloFrom, type Sink, Violation } from "./records.ts"
import { Server } from "./server.ts"
import * as Tally from "./tally.ts"

/** what an end accepts unless it is told otherwise */
const defaults = {
  maxRecord: 256 << 20,
  budget: 1 << 20,
  window: { elements: 256, bytes: 1 << 20, calls: 1 << 16, callBytes: 64 << 20 }
} as const

/** milliseconds that the peer has to take the last records, and to end its side */
const farewellTime = 1000

/** milliseconds that the owner has to say why the session was disconnected */
const patience = 5000

/** milliseconds that a timer can count, and that fit into a record */
const longestTimeout = 2 ** 31 - 1

/** Unlike any other, which nobody has to believe: `node:crypto` would be 5 ms of every child's start. */
const newEpoch = (): string =>
  [Date.now(), process.pid, Math.floor(Math.random() * 2 ** 52)].map((number) => number.toString(36)).join("-")

export class Live {
  private readonly transport: Transport
  private readonly context: Context.Context<never>
  private readonly closeTimeout: number | undefined
  private readonly disconnected: Effect.Effect<RemoteErrorReason> | undefined
  private readonly hello: HelloBody
  private readonly inbound: Inbound
  private readonly out: Outbound
  private readonly client: Client
  private readonly server: Server
  /** whether the peer answers at once, or asks again */
  private readonly expected = new Expectation()
  private readonly pulse: Pulse | undefined
  private readonly greeted = Deferred.makeUnsafe<Hello, RemoteError>()
  private readonly closeRequested = Deferred.makeUnsafe<{ readonly deadline: number }>()
  private readonly closed = Deferred.makeUnsafe<RemoteErrorReason>()
  private state: "open" | "closing" | "lost" | "ended" = "open"
  private gone = false
  /** the peer has asked this end to finish: it will not take calls any more */
  private leaving = false
  private onGone = (): void => {}
  private readonly figures: Tally.Countable = {
    inFlight: () => this.client.inFlight,
    unsent: () => this.out.pending
  }

  constructor(options: Options, ambient: Context.Context<never>) {
    const { pingInterval, transport } = options
    const own = options.context ?? Context.empty()
    const served = options.serve ?? []
    this.transport = transport
    this.context = Context.merge(ambient, own)
    this.closeTimeout = options.closeTimeout
    this.disconnected = options.disconnected
    this.hello = {
      ...defaults.window,
      ...options.window,
      epoch: options.epoch ?? newEpoch(),
      maxRecord: Math.max(smallestLimit, options.maxRecord ?? defaults.maxRecord),
      methods: served.map(({ method }) => [method.id, method.fingerprint])
    }
    this.out = new Outbound(transport, options.budget ?? defaults.budget, this.expected)
    this.client = new Client(
      this.out,
      transport.peer,
      own,
      Context.get(ambient, References.MinimumLogLevel),
      options.overdue
    )
    this.server = new Server(this.out, served, this.hello, this.context)
    this.inbound = new Inbound({
      sink: this.sink(options.onRelease),
      maxRecord: this.hello.maxRecord,
      broken: (detail) => this.broken(detail),
      closed: (error) => this.lost(error === undefined ? "the peer closed it" : error.message),
      expected: this.expected
    })
    if (pingInterval !== undefined) {
      const millis = Duration.toMillis(pingInterval)
      this.pulse = new Pulse(millis, this.inbound, this.out, () => this.lost(`silent for ${2 * millis} ms`))
    }
  }

  start(): void {
    Tally.sessions.add(this.figures)
    this.out.hello(this.hello)
    this.transport.start(this.inbound)
  }

  session(): Session {
    const { client, closed, closeRequested, greeted, hello, out, server, transport } = this
    return {
      peer: transport.peer,
      ready: Deferred.await(greeted),
      call: (method, payload, options) => client.call(method, payload, limitOf(options)),
      stream: (method, payload, options) => Consumer.stream(client, out, hello, method, payload, limitOf(options)),
      isOpen: () => this.state === "open" && !this.leaving,
      inFlight: () => client.inFlight,
      release: (id) => out.release(id),
      closeRequested: Deferred.await(closeRequested),
      requestClose: (deadline) =>
        Effect.sync(() => out.close(Math.min(longestTimeout, Math.max(0, Math.ceil(deadline))))),
      interruptCalls: server.interruptAll,
      flush: Effect.callback((resume) => out.drain(() => resume(Effect.void))),
      closed: Deferred.await(closed)
    }
  }

  // ---------------------------------------------------------------------------------------------- what arrives

  private sink(onRelease: Options["onRelease"]): Sink {
    return {
      hello: (version, payload) => this.greet(version, payload),
      call: (...call) => this.server.call(...call),
      ok: (id, payload) => this.client.ok(id, payload),
      fail: (id, payload) => this.client.fail(id, payload),
      reject: (id, reason) => this.client.reject(id, reason),
      interrupt: (id) => this.server.interrupt(id),
      interrupted: (id) => this.client.interrupted(id),
      chunk: (id, payload) => this.client.chunk(id, payload),
      end: (id) => this.client.end(id),
      credit: (id, elements, bytes) => this.server.credit(id, elements, bytes),
      fragment: (id, answer, piece) => this.inbound.fragment(id, answer, piece),
      cut: (id, answer) => this.inbound.cut(id, answer),
      release: (leases) => onRelease?.(leases),
      ping: (id) => this.out.answerPing(id),
      // That it was heard at all is what counts.
      pong: () => {},
      close: (deadline) => {
        this.leaving = true
        Deferred.doneUnsafe(this.closeRequested, Exit.succeed({ deadline }))
      },
      goodbye: (detail) => this.lost(detail === "" ? "the peer closed it" : `the peer says: ${detail}`)
    }
  }

  private greet(theirs: number, payload: Reader): void {
    if (this.inbound.greeted) throw new Violation("a second Hello")
    if (theirs !== version) {
      throw new Violation(`it speaks version ${theirs} of the protocol, this end version ${version}`)
    }
    const body = helloFrom(payload)
    this.inbound.greeted = true
    this.out.maxRecord = body.maxRecord
    this.server.greet(body)
    const { epoch } = body
    const methods = body.methods.map(([id, fingerprint]) => ({ id, fingerprint }))
    Deferred.doneUnsafe(this.greeted, Exit.succeed({ version, epoch, methods }))
    this.client.greet(body)
  }

  // ---------------------------------------------------------------------------------------------- how it ends

  /** In order, by the Scope that owns the session. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    const closed = new SessionClosed({ peer: this.transport.peer })
    const orderly = this.state === "open"
    if (orderly) {
      this.state = "closing"
      this.client.close(closed)
    }
    const { closeTimeout, server: { interruptAll } } = this
    const interrupted = closeTimeout === undefined ? interruptAll : RealTime.within(interruptAll, closeTimeout)
    return interrupted.pipe(
      Effect.andThen(orderly ? this.farewell : Effect.void),
      Effect.andThen(Effect.sync(() => {
        this.finish(closed)
        this.transport.destroy()
      }))
    )
  })

  /** Sends what is left and the end, and waits for the peer's end; not for long. */
  private readonly farewell: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.gone) return resume(Effect.void)
    const timer = setTimeout(() => resume(Effect.void), farewellTime)
    this.onGone = () => {
      clearTimeout(timer)
      resume(Effect.void)
    }
    this.out.drain(() => {
      this.out.goodbye("")
      this.transport.end()
    })
  })

  /** The peer sent what no peer may send. It is told, if it still listens. */
  private broken(detail: string): void {
    if (this.state === "ended" || this.state === "lost") return
    this.out.goodbye(detail)
    this.finish(new ProtocolViolation({ peer: this.transport.peer, detail }))
    this.transport.end()
    const timer = setTimeout(() => this.transport.destroy(), farewellTime).unref()
    this.onGone = () => clearTimeout(timer)
  }

  /** The peer ended the session, or it broke; its owner may know more about why. */
  private lost(detail: string): void {
    this.gone = true
    this.onGone()
    if (this.state !== "open") return
    this.state = "lost"
    this.stop(() => this.client.lost())
    this.transport.destroy()
    const reason = new Disconnected({ peer: this.transport.peer, detail })
    if (this.disconnected === undefined) return this.finish(reason)
    const fiber = Effect.runForkWith(this.context)(this.disconnected)
    const timer = setTimeout(() => fiber.interruptUnsafe(), patience)
    fiber.addObserver((exit) => {
      clearTimeout(timer)
      this.finish(Exit.isSuccess(exit) ? exit.value : reason)
    })
  }

  private finish(reason: RemoteErrorReason): void {
    if (this.state === "ended") return
    this.state = "ended"
    Tally.sessions.delete(this.figures)
    this.stop(() => this.client.ended(reason))
    Deferred.doneUnsafe(this.greeted, failWith(reason))
    Deferred.doneUnsafe(this.closed, Exit.succeed(reason))
  }

  private stop(calls: () => void): void {
    this.pulse?.stop()
    this.inbound.close()
    calls()
    // Wakes whoever waited for room, to find that the calls have ended.
    this.out.stop()
    this.server.ended()
  }
}

const limitOf = (options: CallOptions | undefined): Limit | undefined => {
  if (options?.timeout === undefined) return undefined
  const timeout = Duration.toMillis(options.timeout)
  return timeout > longestTimeout ? undefined : { timeout, since: options.since }
}
