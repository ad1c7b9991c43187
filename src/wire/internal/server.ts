/**
 * The answering side of calls: which handlers run, and what becomes of their results.
 *
 * A codec and a handler that answer as an `Exit` cost no fiber and no entry here. While the output is over its budget
 * calls wait before their handlers start, and results wait unencoded, so that what a peer who does not read can make us
 * hold is what we granted it.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import type * as Codec from "../Codec.ts"
import type { CallContext, HelloBody } from "../Message.ts"
import type { Method, Served } from "../Method.ts"
import {
  CallTimeout,
  DecodeFailed,
  EncodeFailed,
  RemoteError,
  type RemoteErrorReason,
  RemoteInterrupted,
  SessionClosed,
  TooLarge,
  UnknownMethod
} from "../RemoteError.ts"
import { seen } from "./callContext.ts"
import { remoteDefect } from "./defect.ts"
import { isSuccess, issueOf, orFailWith } from "./issue.ts"
import type { Loan } from "./memory.ts"
import type { Encodes, Long, Outbound, Put, Waiter } from "./outbound.ts"
import { Producer } from "./producer.ts"
import type { Reader } from "./reader.ts"
import { encodeReason, kind, reasonCodec, smallCall, Violation } from "./records.ts"
import { wholly } from "./wholly.ts"

type Handled = Effect.Effect<unknown, unknown, any> | Stream.Stream<unknown, unknown, any>

interface Answer {
  readonly kind: number
  readonly part: "success" | "error"
  readonly codec: Encodes
  readonly wire: unknown
}

const unlimited = Number.POSITIVE_INFINITY

/** longer timers than this fire at once */
const longestTimer = 2 ** 31 - 1

/** how this process is named in the errors that it sends */
const self = `process ${process.pid}`

/** A call that could not be answered at once. */
class Serving implements Waiter {
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  producer: Producer | undefined
  /** runs the handler, which waits for room in the output until then */
  start: (() => void) | undefined
  answer: Answer | undefined
  long: Long | undefined
  /** of the memory in which the payload's bytes are */
  loan: Loan | undefined
  timer: NodeJS.Timeout | undefined
  /** the deadline that has passed, in milliseconds from the call's arrival */
  late: number | undefined
  /** the caller wants no answer any more */
  interrupted = false
  private readonly server: Server
  readonly id: number
  readonly bytes: number
  readonly method: string

  constructor(server: Server, id: number, bytes: number, method: string) {
    this.server = server
    this.id = id
    this.bytes = bytes
    this.method = method
  }

  go(): void {
    this.server.proceed(this)
  }
}

export class Server {
  private readonly out: Outbound
  private readonly table: ReadonlyArray<Served>
  private readonly granted: HelloBody
  private readonly context: Context.Context<never>
  private readonly run: (effect: Effect.Effect<unknown, unknown, any>) => Fiber.Fiber<unknown, unknown>
  /** what the peer grants to streams */
  private window: HelloBody | undefined
  private readonly running: Array<Serving | undefined> = []
  private bytes = 0
  private fibers = 0
  private refusing = false
  private readonly idle: Array<() => void> = []

  constructor(
    out: Outbound,
    table: ReadonlyArray<Served>,
    granted: HelloBody,
    context: Context.Context<never>
  ) {
    this.out = out
    this.table = table
    this.granted = granted
    this.context = context
    // The session's owner knows which services its handlers need.
    this.run = Effect.runForkWith(context as Context.Context<any>)
  }

  greet(window: HelloBody): void {
    this.window = window
  }

  // ---------------------------------------------------------------------------------------------- from the peer

  call(
    index: number,
    id: number,
    timeout: number,
    caller: CallContext | undefined,
    payload: Reader,
    size: number
  ): void {
    const bytes = size > smallCall ? size : 0
    if (id >= this.granted.calls) throw new Violation(`more than ${this.granted.calls} calls`)
    if (this.running[id] !== undefined) throw new Violation("an id that is taken")
    if (bytes > 0 && this.bytes >= this.granted.callBytes) throw new Violation("calls of more bytes than were granted")
    // Only the table is ever asked, by number: no name of the peer's reaches anything else.
    const served = this.table[index]
    if (served === undefined) {
      return this.refuse(id, bytes, `#${index}`, new UnknownMethod({ method: `#${index}`, peer: self }))
    }
    const { method } = served
    let wire: unknown
    try {
      wire = method.payload.read(payload)
      payload.expectEnd()
    } catch (error) {
      return this.refuse(id, bytes, method.id, decodeFailed(method)(issueOf(error)))
    }
    if (this.refusing) return this.refuse(id, bytes, method.id, new SessionClosed({ peer: self }))
    const loan = payload.lent
    if (loan === undefined && !this.out.full) return this.handle(served, id, bytes, timeout, caller, wire)
    const serving = this.admit(id, bytes, method.id, timeout)
    serving.loan = loan
    loan?.hold()
    if (!this.out.full) return this.follow(serving, method, this.handled(served, wire, caller))
    serving.start = () => this.follow(serving, method, this.handled(served, wire, caller))
    this.out.wait(serving)
  }

  interrupt(id: number): void {
    const serving = this.running[id]
    // It has just been answered, and the answer is on its way.
    if (serving === undefined) return
    serving.interrupted = true
    if (serving.fiber === undefined) this.answerInterrupt(serving)
    else serving.fiber.interruptUnsafe()
  }

  credit(id: number, elements: number, bytes: number): void {
    this.running[id]?.producer?.credit(elements, bytes)
  }

  // ---------------------------------------------------------------------------------------------- handling

  /** Answers at once where that is possible. */
  private handle(
    served: Served,
    id: number,
    bytes: number,
    timeout: number,
    caller: CallContext | undefined,
    wire: unknown
  ): void {
    const { method } = served
    const handled = this.handled(served, wire, caller)
    if (method.stream || !Exit.isExit(handled) || Exit.isFailure(handled)) {
      return this.follow(this.admit(id, bytes, method.id, timeout), method, handled)
    }
    const encoded = method.success.toWire(handled.value)
    if (!isSuccess(encoded)) {
      return this.encode(this.admit(id, bytes, method.id, timeout), method, "success", encoded)
    }
    let put: Put = "full"
    try {
      if (!this.out.full) put = this.out.put(kind.ok, 0, id, -1, method.success, encoded.value, unlimited)
    } catch (error) {
      return this.refuse(id, bytes, method.id, encodeFailed(method, "success")(issueOf(error)))
    }
    if (put === "sent") return
    const serving = this.admit(id, bytes, method.id, -1)
    const answer = { kind: kind.ok, part: "success", codec: method.success, wire: encoded.value } as const
    if (put === "full") return this.send(serving, answer)
    serving.answer = answer
    this.after(serving, put)
  }

  private handled(served: Served, wire: unknown, caller: CallContext | undefined): Handled {
    const handled = this.applied(served, wire)
    if (caller === undefined || Exit.isExit(handled)) return handled
    const context = seen(caller, Context.get(this.context, References.CurrentLogAnnotations))
    return Stream.isStream(handled)
      ? Stream.provideContext(handled, context)
      : Effect.provideContext(handled as Effect.Effect<unknown, unknown, any>, context)
  }

  private applied(served: Served, wire: unknown): Handled {
    const { method } = served
    const outcome = method.payload.fromWire(wire)
    if (isSuccess(outcome)) return apply(served, outcome.value)
    const payload = wholly(orFailWith(outcome, decodeFailed(method)))
    if (Exit.isExit(payload)) return payload
    return method.stream
      ? Stream.unwrap(Effect.map(payload, (payload) => apply(served, payload) as Stream.Stream<unknown, unknown, any>))
      : Effect.flatMap(payload, (payload) => apply(served, payload) as Effect.Effect<unknown, unknown, any>)
  }

  private follow(serving: Serving, method: Method, handled: Handled): void {
    if (Stream.isStream(handled)) this.produce(serving, method, handled)
    else if (Exit.isExit(handled)) this.exited(serving, method, handled)
    else {
      const answer = encodedWithin(method, handled as Effect.Effect<unknown, unknown, any>)
      this.fork(serving, Effect.scoped(answer), (exit) => {
        if (Exit.isFailure(exit)) this.failed(serving, method, exit.cause)
        else this.send(serving, exit.value as Answer)
      })
    }
    // Its synchronous beginning may have ended the session.
    if (this.refusing || !this.out.open) serving.fiber?.interruptUnsafe()
  }

  private produce(serving: Serving, method: Method, stream: Stream.Stream<unknown, unknown, any>): void {
    const producer = serving.producer = new Producer(this.out, serving.id, method, this.window!)
    const produced = Effect.catchCause(producer.run(stream), (cause) => failedWithin(method, cause))
    this.fork(serving, Effect.scoped(produced), (exit) => {
      if (Exit.isFailure(exit)) return this.failed(serving, method, exit.cause)
      if (exit.value !== undefined) return this.send(serving, exit.value as Answer)
      this.out.bare(kind.end, 0, serving.id)
      this.release(serving)
    })
  }

  private fork(
    serving: Serving,
    effect: Effect.Effect<unknown, unknown, any>,
    next: (exit: Exit.Exit<unknown, unknown>) => void
  ): void {
    this.fibers++
    const fiber = serving.fiber = this.run(effect)
    fiber.addObserver((exit) => {
      serving.fiber = undefined
      this.fibers--
      if (this.out.open) {
        if (serving.interrupted) this.answerInterrupt(serving)
        else if (serving.late !== undefined) this.reject(serving, callTimeout(serving, serving.late))
        else next(exit)
      }
      if (this.fibers === 0) { for (const resume of this.idle.splice(0)) resume() }
    })
  }

  private exited(serving: Serving, method: Method, exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isFailure(exit)) this.failed(serving, method, exit.cause)
    else this.encode(serving, method, "success", method.success.toWire(exit.value))
  }

  private failed(serving: Serving, method: Method, cause: Cause.Cause<unknown>): void {
    const error = Cause.findErrorOption(cause)
    if (Option.isNone(error)) {
      const reason = Cause.hasInterruptsOnly(cause)
        ? new RemoteInterrupted({ method: method.id })
        : remoteDefect(method.id, Cause.squash(cause))
      this.reject(serving, reason)
    } // Such a failure was a call's to yet another process: it says more than we could.
    else if (error.value instanceof RemoteError) this.reject(serving, error.value.reason)
    else this.encode(serving, method, "error", method.error.toWire(error.value), error.value)
  }

  private encode(
    serving: Serving,
    method: Method,
    part: "success" | "error",
    outcome: Codec.ToWire,
    error?: unknown
  ): void {
    const next = (exit: Exit.Exit<unknown, unknown>) => {
      if (Exit.isFailure(exit)) return this.failed(serving, method, exit.cause)
      this.send(serving, answerOf(method, part, exit.value))
    }
    const wire = orFailWith(outcome, part === "success" ? encodeFailed(method, part) : errorNotEncoded(method, error))
    if (Exit.isExit(wire)) next(wire)
    else this.fork(serving, wire, next)
  }

  // ---------------------------------------------------------------------------------------------- answering

  private admit(id: number, bytes: number, method: string, timeout: number): Serving {
    const serving = new Serving(this, id, bytes, method)
    this.running[id] = serving
    this.bytes += bytes
    if (timeout >= 0 && timeout <= longestTimer) {
      serving.timer = setTimeout(() => this.expire(serving, timeout), timeout)
    }
    return serving
  }

  release(serving: Serving): void {
    clearTimeout(serving.timer)
    if (this.running[serving.id] !== serving) return
    this.running[serving.id] = undefined
    this.bytes -= serving.bytes
    const { loan } = serving
    // The answer may be made of the payload's bytes.
    if (loan !== undefined) this.out.whenTaken(() => loan.release())
  }

  private expire(serving: Serving, timeout: number): void {
    if (serving.interrupted || serving.answer !== undefined) return
    serving.late = timeout
    if (serving.fiber === undefined) this.reject(serving, callTimeout(serving, timeout))
    else serving.fiber.interruptUnsafe()
  }

  private refuse(id: number, bytes: number, method: string, reason: RemoteErrorReason): void {
    this.reject(this.admit(id, bytes, method, -1), reason)
  }

  private reject(serving: Serving, reason: RemoteErrorReason): void {
    let wire: unknown
    try {
      wire = encodeReason(reason)
    } catch (error) {
      wire = encodeReason(remoteDefect(serving.method, error))
    }
    this.send(serving, { kind: kind.reject, part: "error", codec: reasonCodec, wire })
  }

  private send(serving: Serving, answer: Answer): void {
    serving.start = undefined
    this.out.leave(serving)
    serving.answer = answer
    this.proceed(serving)
  }

  proceed(serving: Serving): void {
    const { out } = this
    const { answer, start } = serving
    if (!out.open) return
    if (answer === undefined) {
      serving.start = undefined
      return start?.()
    }
    if (out.full) return out.wait(serving)
    let put: Put
    try {
      put = out.put(answer.kind, 0, serving.id, -1, answer.codec, answer.wire, unlimited)
    } catch (error) {
      const { part } = answer
      return this.reject(serving, new EncodeFailed({ method: serving.method, part, issue: issueOf(error) }))
    }
    this.after(serving, put)
  }

  private after(serving: Serving, put: Put): void {
    const { out } = this
    if (typeof put === "number") {
      const { part } = serving.answer!
      return this.reject(serving, new TooLarge({ method: serving.method, part, size: put, limit: out.maxRecord }))
    }
    if (put === "full") return out.waitForLong(serving)
    if (typeof put === "string") return this.release(serving)
    serving.long = put
    put.sent = () => this.release(serving)
  }

  /** The handler has ended, or never began, or its answer is not on its way entirely. */
  private answerInterrupt(serving: Serving): void {
    this.out.leave(serving)
    if (serving.long !== undefined) this.out.cut(serving.long)
    this.out.bare(kind.interrupted, 0, serving.id)
    this.release(serving)
  }

  // ---------------------------------------------------------------------------------------------- the end

  /** Interrupts what runs, refuses what comes, and ends when all finalizers have run. */
  readonly interruptAll: Effect.Effect<void> = Effect.callback((resume) => {
    this.refusing = true
    for (const serving of this.running) {
      if (serving?.fiber !== undefined) serving.fiber.interruptUnsafe()
      else if (serving?.start !== undefined) this.reject(serving, new SessionClosed({ peer: self }))
    }
    if (this.fibers === 0) resume(Effect.void)
    else this.idle.push(() => resume(Effect.void))
  })

  /** The session has ended: interrupts what runs and answers nothing. The output is stopped already. */
  ended(): void {
    this.refusing = true
    for (const serving of this.running.splice(0)) {
      if (serving === undefined) continue
      clearTimeout(serving.timer)
      serving.fiber?.interruptUnsafe()
      serving.producer?.stop()
    }
  }
}

const apply = ({ handle, method }: Served, payload: unknown): Handled => {
  let handled: unknown
  try {
    handled = handle(payload)
  } catch (defect) {
    return Exit.die(defect)
  }
  if (method.stream ? Stream.isStream(handled) : Effect.isEffect(handled)) return handled as Handled
  return Exit.die(new TypeError(`the handler gave no ${method.stream ? "Stream" : "Effect"}`))
}

const decodeFailed = ({ id }: Method) => (issue: string) => new DecodeFailed({ method: id, part: "payload", issue })

const encodeFailed = ({ id }: Method, part: "success" | "error") => (issue: string) =>
  new EncodeFailed({ method: id, part, issue })

/** An error that nobody declared must not be lost for that. */
const errorNotEncoded = (method: Method, error: unknown) => (issue: string) => {
  const { errorMessage, errorName } = remoteDefect(method.id, error)
  return encodeFailed(method, "error")(`${issue}; the handler failed with ${errorName}: ${errorMessage}`)
}

const answerOf = (method: Method, part: "success" | "error", wire: unknown): Answer => ({
  kind: part === "success" ? kind.ok : kind.fail,
  part,
  codec: method[part],
  wire
})

/**
 * A handler's answer, encoded while its Scope is open: what belongs to that, such as a proxy, must still be there. An
 * error whose Schema needs no fiber is left as it is.
 */
const encodedWithin = (
  method: Method,
  effect: Effect.Effect<unknown, unknown, any>
): Effect.Effect<Answer, unknown, any> =>
  Effect.matchCauseEffect(effect, {
    onSuccess: (value) =>
      Effect.map(
        orFailWith(method.success.toWire(value), encodeFailed(method, "success")),
        (wire) => answerOf(method, "success", wire)
      ),
    onFailure: (cause) => failedWithin(method, cause)
  })

const failedWithin = (method: Method, cause: Cause.Cause<unknown>): Effect.Effect<Answer, unknown, any> => {
  const error = Cause.findErrorOption(cause)
  if (Option.isNone(error) || error.value instanceof RemoteError) return Effect.failCause(cause)
  const wire = method.error.toWire(error.value)
  return Exit.isExit(wire)
    ? Effect.failCause(cause)
    : Effect.map(orFailWith(wire, errorNotEncoded(method, error.value)), (wire) => answerOf(method, "error", wire))
}

const callTimeout = ({ method }: Serving, timeout: number) => new CallTimeout({ method, timeout })
