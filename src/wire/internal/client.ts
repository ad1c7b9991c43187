/**
 * The caller's side of calls: who waits for which answer.
 *
 * An id is a slot, taken until the peer's final answer has arrived, also when nobody waits for it any more: so a late
 * answer can never reach another call. What the peer grants (`calls`, `callBytes`) is given back by final answers.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { LogLevel } from "effect/LogLevel"
import type * as Tracer from "effect/Tracer"
import type * as Codec from "../Codec.ts"
import type { HelloBody } from "../Message.ts"
import type { Method } from "../Method.ts"
import {
  CallTimeout,
  ContractMismatch,
  DecodeFailed,
  EncodeFailed,
  type RemoteErrorReason,
  TooLarge,
  UnknownMethod
} from "../RemoteError.ts"
import * as CallContext from "./callContext.ts"
import * as CallSpan from "./callSpan.ts"
import { failWith, isSuccess, issueOf, orFailWith } from "./issue.ts"
import type { Long, Outbound, Waiter } from "./outbound.ts"
import type { Reader } from "./reader.ts"
import { kind, smallCall, Violation } from "./records.ts"
import * as RunningTime from "./runningTime.ts"
import * as Tally from "./tally.ts"
import { wholly } from "./wholly.ts"

export type Answer = Effect.Effect<unknown, unknown, any>

/** How many milliseconds a call may take, from its beginning or from a `since` of `performance.now()` on. */
export interface Limit {
  readonly timeout: number
  readonly since: number | undefined
}

/** What becomes of a peer that does not let go of a call which nobody wants any more. */
export interface Overdue {
  /** milliseconds; asked when such a call begins to wait */
  readonly after: () => number
  readonly force: (method: string, waited: number) => void
  /** whether who was interrupted goes on then */
  readonly goOn?: boolean | undefined
}

/** Takes the elements of a stream as they arrive. */
export interface Chunks {
  chunk(payload: Reader): void
}

/** One call, from its payload to its final answer. */
export class Request implements Waiter {
  id = -1
  /** bytes counted against what the peer grants */
  bytes = 0
  long: Long | undefined
  done = false
  /** of `Tally.now()` */
  began = 0
  /** nobody wants the answer any more: it only frees the id */
  abandoned = false
  /** where it waits to be sent, unless that is for room in the output */
  queue: Set<Request> | undefined
  /** milliseconds that the call may take, when there is a timer */
  timeout = 0
  /** of `performance.now()`, when there is a timer */
  deadline = 0
  timer: NodeJS.Timeout | undefined
  /** nobody waits for the peer to let go any more */
  letGo: (() => void) | undefined
  private readonly client: Client
  readonly method: Method
  readonly wire: unknown
  /** what it takes along, see callContext.ts */
  readonly context: Uint8Array | undefined
  readonly chunks: Chunks | undefined
  /** called once: with the answer, or with why there is none */
  answered: (answer: Answer) => void

  constructor(
    client: Client,
    method: Method,
    wire: unknown,
    context: Uint8Array | undefined,
    answered: (answer: Answer) => void,
    chunks: Chunks | undefined
  ) {
    this.client = client
    this.method = method
    this.wire = wire
    this.context = context
    this.answered = answered
    this.chunks = chunks
  }

  go(): void {
    this.client.submit(this)
  }
}

type State =
  | { readonly _tag: "Open" }
  /** the transport is gone, and why is being found out */
  | { readonly _tag: "Lost" }
  | { readonly _tag: "Ended"; readonly reason: RemoteErrorReason }

export class Client {
  inFlight = 0
  private state: State = { _tag: "Open" }
  private grant: HelloBody | undefined
  private readonly out: Outbound
  private readonly peer: string
  private readonly context: Context.Context<never>
  private readonly overdue: Overdue | undefined
  /** what is logged in calls that say nothing else */
  private readonly logLevel: LogLevel
  private readonly slots: Array<Request | undefined> = []
  private readonly free: Array<number> = []
  private sent = 0
  private sentBytes = 0
  /** for the peer's Hello, or for the reason of the session's end */
  private readonly parked = new Set<Request>()
  private readonly waitingForCalls = new Set<Request>()
  private readonly waitingForBytes = new Set<Request>()
  private readonly offered = new Map<string, { readonly index: number; readonly fingerprint: string }>()
  private readonly indexes = new Map<Method, number | RemoteErrorReason>()

  constructor(
    out: Outbound,
    peer: string,
    context: Context.Context<never>,
    logLevel: LogLevel,
    overdue: Overdue | undefined
  ) {
    this.out = out
    this.peer = peer
    this.context = context
    this.logLevel = logLevel
    this.overdue = overdue
  }

  // ---------------------------------------------------------------------------------------------- calling

  /**
   * A method is bound, and no closure made: V8 drops the compiled code of closures when a collection finds none of them,
   * as in each pause between calls.
   */
  call(method: Method, payload: unknown, limit: Limit | undefined): Answer {
    return Effect.callback<unknown, unknown, any>(this.register.bind(this, method, payload, limit))
  }

  private register(
    method: Method,
    payload: unknown,
    limit: Limit | undefined,
    resume: (answer: Answer) => void
  ): Effect.Effect<void> | void {
    // Not by an effect that is given its fiber, which is a step more.
    const fiber = Fiber.getCurrent()!
    if (this.isTraced(method, fiber)) {
      const send = (span: Tracer.Span) => this.send(method, payload, this.contextOf(fiber, span), limit)
      return resume(CallSpan.use(method.id, "client", send))
    }
    const context = this.contextOf(fiber, fiber.cache.span)
    const wire = method.payload.toWire(payload)
    return isSuccess(wire)
      ? this.cancel(this.begin(new Request(this, method, wire.value, context, resume, undefined), limit))
      : resume(this.encoded(method, wire, (wire) => this.ask(method, wire, context, limit)))
  }

  private send(method: Method, payload: unknown, context: Uint8Array | undefined, limit: Limit | undefined): Answer {
    const wire = method.payload.toWire(payload)
    return isSuccess(wire)
      ? this.ask(method, wire.value, context, limit)
      : this.encoded(method, wire, (wire) => this.ask(method, wire, context, limit))
  }

  isTraced(method: Method, fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return !method.quiet && CallSpan.isTraced(fiber)
  }

  private ask(method: Method, wire: unknown, context: Uint8Array | undefined, limit: Limit | undefined): Answer {
    return Effect.callback<unknown, unknown, any>((resume) =>
      this.cancel(this.begin(new Request(this, method, wire, context, resume, undefined), limit))
    )
  }

  /** What a call takes along. */
  contextOf(fiber: Fiber.Fiber<unknown, unknown>, span: Tracer.AnySpan | undefined): Uint8Array | undefined {
    return CallContext.of(fiber, span, this.logLevel)
  }

  /** Continues with the payload's encoded form, which may need a fiber. */
  encoded<A>(
    { id }: Method,
    outcome: Codec.ToWire,
    next: (wire: unknown) => Effect.Effect<A, unknown, any>
  ): Effect.Effect<A, unknown, any> {
    const wire = orFailWith(outcome, (issue) => new EncodeFailed({ method: id, part: "payload", issue }))
    return Effect.flatMap(this.provided(wire), next)
  }

  begin(request: Request, limit: Limit | undefined): Request {
    this.inFlight++
    request.began = Tally.now()
    if (limit !== undefined) this.limit(request, limit)
    this.submit(request)
    return request
  }

  submit(request: Request): void {
    const { grant, out, state } = this
    request.queue = undefined
    if (state._tag === "Ended") return this.finish(request, failWith(state.reason))
    if (grant === undefined || state._tag === "Lost") return park(request, this.parked)
    const index = this.indexOf(request.method)
    if (typeof index !== "number") return this.finish(request, failWith(index))
    if (this.sent >= grant.calls) return park(request, this.waitingForCalls)
    if (out.full) return out.wait(request)
    this.put(request, index, this.sentBytes < grant.callBytes ? Number.POSITIVE_INFINITY : smallCall)
  }

  private put(request: Request, index: number, most: number): void {
    const { out } = this
    const { id: method, payload } = request.method
    const timeout = request.timer === undefined ? -1 : Math.max(1, Math.ceil(request.deadline - performance.now()))
    // Writing may wake others, who then look for an id of their own.
    this.acquire(request)
    let put
    try {
      put = out.put(kind.call, index, request.id, timeout, payload, request.wire, most, request.context)
    } catch (error) {
      this.release(request)
      const reason = new EncodeFailed({ method, part: "payload", issue: issueOf(error) })
      return this.finish(request, failWith(reason))
    }
    if (typeof put === "object") {
      request.long = put
      put.sent = () => {
        request.long = undefined
      }
    } else if (put !== "sent") {
      this.release(request)
      if (put === "over") return park(request, this.waitingForBytes)
      if (put === "full") return out.waitForLong(request)
      const reason = new TooLarge({ method, part: "payload", size: put, limit: out.maxRecord })
      return this.finish(request, failWith(reason))
    }
    if (out.payloadSize > smallCall) this.sentBytes += request.bytes = out.payloadSize
  }

  private acquire(request: Request): void {
    const { free, slots } = this
    request.id = free.length > 0 ? free.pop()! : slots.length
    slots[request.id] = request
    this.sent++
  }

  private release(request: Request): void {
    this.slots[request.id] = undefined
    this.free.push(request.id)
    this.sent--
    this.sentBytes -= request.bytes
    request.id = -1
    request.bytes = 0
  }

  private indexOf(method: Method): number | RemoteErrorReason {
    let index = this.indexes.get(method)
    if (index === undefined) {
      const { fingerprint: ours, id } = method
      const offer = this.offered.get(id)
      index = offer === undefined
        ? new UnknownMethod({ method: id, peer: this.peer })
        : offer.fingerprint === ours
        ? offer.index
        : new ContractMismatch({ method: id, ours, theirs: offer.fingerprint })
      this.indexes.set(method, index)
    }
    return index
  }

  /** The call fails after so many milliseconds, wherever it is then; the peer hears of the deadline too. */
  private limit(request: Request, { since, timeout }: Limit): void {
    request.timeout = timeout
    request.deadline = Math.ceil((since ?? performance.now()) + timeout)
    request.timer = setTimeout(() => {
      const { answered } = request
      this.abandon(request)
      answered(failWith(late(request)))
    }, request.deadline - performance.now())
  }

  // ---------------------------------------------------------------------------------------------- not wanted any more

  /**
   * Ends when the peer has answered finally, so that the handler's finalizers have run; or with the session. A call whose
   * deadline has passed waits for nothing any more.
   */
  cancel(request: Request): Effect.Effect<void> {
    // In one step: a fiber may yield between two, and the answer arrive meanwhile.
    return Effect.callback<void>((resume) => {
      if (!request.done && !request.abandoned) {
        this.abandon(request)
        if (!request.done) {
          request.answered = () => resume(Effect.void)
          return
        }
      }
      resume(Effect.void)
    })
  }

  private abandon(request: Request): void {
    request.abandoned = true
    request.answered = ignore
    clearTimeout(request.timer)
    if (request.id < 0) {
      request.queue?.delete(request)
      this.out.leave(request)
      this.finish(request, Effect.void)
    } else if (request.long !== undefined) {
      this.out.cut(request.long)
      this.release(request)
      this.finish(request, Effect.void)
    } else if (this.state._tag === "Open") {
      this.out.bare(kind.interrupt, 0, request.id)
      this.expectLetGo(request)
    } else {
      this.release(request)
      this.finish(request, Effect.void)
    }
  }

  private expectLetGo(request: Request): void {
    const { overdue } = this
    if (overdue === undefined) return
    const millis = overdue.after()
    request.letGo = RunningTime.after(millis, () => {
      overdue.force(request.method.id, millis)
      if (overdue.goOn !== true) return
      const { answered } = request
      request.answered = ignore
      answered(Effect.void)
    })
  }

  // ---------------------------------------------------------------------------------------------- answers

  ok(id: number, payload: Reader): void {
    const request = this.requestOf(id)
    if (request === undefined) return
    if (request.chunks !== undefined) throw new Violation("a stream answered with one result")
    const { method } = request
    this.final(request, request.abandoned ? Effect.void : this.decode(method, "success", method.success, payload))
  }

  fail(id: number, payload: Reader): void {
    const request = this.requestOf(id)
    if (request === undefined) return
    const { method } = request
    if (request.abandoned) return this.final(request, Effect.void)
    const error = this.decode(method, "error", method.error, payload)
    this.final(
      request,
      Exit.isExit(error) && Exit.isSuccess(error) ? Exit.fail(error.value) : Effect.flatMap(error, Effect.fail)
    )
  }

  reject(id: number, reason: RemoteErrorReason): void {
    const request = this.requestOf(id)
    if (request === undefined) return
    // The peer may be the first to notice, and knows only what was left of the time.
    const isOurs = reason._tag === "CallTimeout" && request.timer !== undefined && reason.method === request.method.id
    this.final(request, failWith(isOurs ? late(request) : reason))
  }

  interrupted(id: number): void {
    const request = this.requestOf(id)
    if (request === undefined) return
    if (!request.abandoned) throw new Violation("an interruption that nobody asked for")
    this.final(request, Effect.void)
  }

  end(id: number): void {
    const request = this.requestOf(id)
    if (request === undefined) return
    if (request.chunks === undefined) throw new Violation("a call answered with the end of a stream")
    this.final(request, Effect.void)
  }

  chunk(id: number, payload: Reader): void {
    const request = this.requestOf(id)
    if (request === undefined) return
    const { abandoned, chunks } = request
    if (chunks === undefined) throw new Violation("a call answered with elements of a stream")
    if (!abandoned) chunks.chunk(payload)
  }

  /** Nobody waits any more when this end is closing, and the peer may not have heard of that. */
  private requestOf(id: number): Request | undefined {
    if (this.state._tag === "Ended") return undefined
    const request = this.slots[id]
    if (request === undefined || request.long !== undefined) throw new Violation("an answer to no call")
    return request
  }

  private decode(
    { id }: Method,
    part: "success" | "error",
    codec: Codec.Codec,
    payload: Reader
  ): Answer {
    let wire
    try {
      wire = codec.read(payload)
      payload.expectEnd()
    } catch (error) {
      return failWith(new DecodeFailed({ method: id, part, issue: issueOf(error) }))
    }
    const outcome = codec.fromWire(wire)
    if (isSuccess(outcome)) return outcome
    return this.provided(wholly(orFailWith(outcome, (issue) => new DecodeFailed({ method: id, part, issue }))))
  }

  /** A codec that needs services finds those of the session, before those of the caller. */
  provided(outcome: Answer): Effect.Effect<unknown, unknown, any> {
    return Exit.isExit(outcome) ? outcome : Effect.provideContext(outcome, this.context)
  }

  private final(request: Request, answer: Answer): void {
    this.release(request)
    this.finish(request, answer)
    if (this.waitingForCalls.size > 0 || this.waitingForBytes.size > 0) this.wake()
  }

  private finish(request: Request, answer: Answer): void {
    if (request.done) return
    request.done = true
    this.inFlight--
    const { method } = request
    ;(method.durations ??= Tally.durationsOf(method)).add(Tally.now() - request.began)
    clearTimeout(request.timer)
    request.letGo?.()
    request.answered(answer)
  }

  /** Sends what waited for the grant that a final answer has given back. */
  private wake(): void {
    const { grant } = this
    for (const request of this.waitingForCalls) {
      if (this.sent >= grant!.calls) return
      this.waitingForCalls.delete(request)
      this.submit(request)
    }
    for (const request of this.waitingForBytes) {
      if (this.sentBytes >= grant!.callBytes) return
      this.waitingForBytes.delete(request)
      this.submit(request)
    }
  }

  // ---------------------------------------------------------------------------------------------- beginning and end

  greet(grant: HelloBody): void {
    this.grant = grant
    grant.methods.forEach(([id, fingerprint], index) => this.offered.set(id, { index, fingerprint }))
    this.resubmit([this.parked])
  }

  /** Nothing more will arrive. Calls wait for the reason; interruptions have nothing to wait for. */
  lost(): void {
    if (this.state._tag !== "Open") return
    this.state = { _tag: "Lost" }
    for (const request of this.slots) {
      if (request?.abandoned === true) {
        this.release(request)
        this.finish(request, Effect.void)
      }
    }
  }

  /** This end is closing: the peer need not go on with what was asked of it. */
  close(reason: RemoteErrorReason): void {
    for (const request of this.slots) {
      if (request === undefined || request.abandoned) continue
      if (request.long === undefined) this.out.bare(kind.interrupt, 0, request.id)
      else this.out.cut(request.long)
    }
    this.ended(reason)
  }

  ended(reason: RemoteErrorReason): void {
    if (this.state._tag === "Ended") return
    this.lost()
    this.state = { _tag: "Ended", reason }
    for (const request of this.slots.splice(0)) {
      if (request !== undefined) this.finish(request, failWith(reason))
    }
    this.resubmit([this.parked, this.waitingForCalls, this.waitingForBytes])
  }

  private resubmit(sets: ReadonlyArray<Set<Request>>): void {
    for (const set of sets) {
      for (const request of set) {
        set.delete(request)
        this.submit(request)
      }
    }
  }
}

const late = ({ method: { id: method }, timeout }: Request) => new CallTimeout({ method, timeout })

const park = (request: Request, queue: Set<Request>): void => {
  request.queue = queue
  queue.add(request)
}

const ignore = (): void => {}
