/**
 * The consumer's side of a stream.
 *
 * Elements wait here, at most as many as were granted, and never hold up the session: what a slow consumer has not
 * taken is not granted again. Everything that waits is taken by one pull.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { Method } from "../Method.ts"
import { DecodeFailed } from "../RemoteError.ts"
import * as CallSpan from "./callSpan.ts"
import { type Answer, type Chunks, type Client, type Limit, Request } from "./client.ts"
import { failWith, issueOf, orFailWith } from "./issue.ts"
import type { Outbound } from "./outbound.ts"
import type { Reader } from "./reader.ts"
import { Violation } from "./records.ts"
import { wholly } from "./wholly.ts"

export interface Window {
  readonly elements: number
  readonly bytes: number
}

type Elements = NonEmptyReadonlyArray<unknown>

export const stream = (
  client: Client,
  out: Outbound,
  window: Window,
  method: Method,
  payload: unknown,
  limit: Limit | undefined
): Stream.Stream<unknown, unknown, any> =>
  Stream.fromChannel(
    Channel.fromTransformBracket((_upstream, _scope, scope) =>
      Effect.withFiber((fiber) => {
        const begin = (span: Tracer.AnySpan | undefined) =>
          client.encoded(method, method.payload.toWire(payload), (wire) => {
            const consumer = new Consumer(client, out, window, method, wire, client.contextOf(fiber, span))
            // Whether the consumer waits at that time or not, its end is the producer's end.
            return Effect.as(Scope.addFinalizer(scope, client.cancel(consumer.request)), consumer.start(limit))
          })
        return client.isTraced(method, fiber)
          ? Effect.flatMap(CallSpan.open(method.id, "client", scope), begin)
          : begin(fiber.cache.span)
      })
    )
  )

class Consumer implements Chunks {
  readonly request: Request
  private readonly client: Client
  private readonly out: Outbound
  private readonly window: Window
  private waiting: Array<unknown> = []
  private taken = { elements: 0, bytes: 0 }
  private waitingBytes = 0
  /** granted, and neither taken nor granted again */
  private outstanding = { elements: 0, bytes: 0 }
  private last: Answer | undefined
  private waking = false
  private resume: ((pulled: Answer) => void) | undefined

  constructor(
    client: Client,
    out: Outbound,
    window: Window,
    method: Method,
    wire: unknown,
    context: Uint8Array | undefined
  ) {
    this.client = client
    this.out = out
    this.window = window
    this.request = new Request(client, method, wire, context, (answer) => this.finish(answer), this)
  }

  start(limit: Limit | undefined): Pull.Pull<Elements, unknown, void, any> {
    this.client.begin(this.request, limit)
    return Effect.suspend(() => this.arrived() ?? this.arrival) as Pull.Pull<Elements, unknown, void, any>
  }

  private arrived(): Answer | undefined {
    return this.waiting.length > 0 ? this.take() : this.last
  }

  private readonly arrival: Answer = Effect.callback((resume) => {
    // The fiber may have yielded since it looked.
    const arrived = this.arrived()
    if (arrived !== undefined) return resume(arrived)
    this.resume = resume
    return Effect.sync(() => {
      this.resume = undefined
    })
  })

  private take(): Answer {
    const { waiting } = this
    this.taken.elements += waiting.length
    this.taken.bytes += this.waitingBytes
    this.waiting = []
    this.waitingBytes = 0
    this.grant()
    const { id, success } = this.request.method
    return this.client.provided(
      wholly(orFailWith(success.fromWire(waiting), (issue) => new DecodeFailed({ method: id, part: "success", issue })))
    )
  }

  private grant(): void {
    const { outstanding, request, taken, window } = this
    if (request.done || (taken.elements < window.elements / 2 && taken.bytes < window.bytes / 2)) return
    this.out.credit(request.id, taken.elements, taken.bytes)
    outstanding.elements -= taken.elements
    outstanding.bytes -= taken.bytes
    this.taken = { elements: 0, bytes: 0 }
  }

  chunk(payload: Reader): void {
    const { outstanding, window } = this
    if (this.last !== undefined) return
    const bytes = payload.remaining
    if (outstanding.bytes >= window.bytes) throw new Violation("a stream that exceeds its credit of bytes")
    const elements = this.read(payload)
    if (elements === undefined) return
    outstanding.bytes += bytes
    outstanding.elements += elements.length
    if (elements.length === 0) throw new Violation("a stream's chunk without elements")
    if (outstanding.elements > window.elements) throw new Violation("a stream that exceeds its credit of elements")
    if (this.waiting.length === 0) this.waiting = elements
    else for (const element of elements) this.waiting.push(element)
    this.waitingBytes += bytes
    // What else arrived with this chunk is taken with it.
    if (this.resume === undefined || this.waking) return
    this.waking = true
    queueMicrotask(this.onArrived)
  }

  private readonly onArrived = (): void => {
    this.waking = false
    this.wake()
  }

  private read(payload: Reader): Array<unknown> | undefined {
    const { id, success } = this.request.method
    try {
      const elements = success.read(payload)
      payload.expectEnd()
      if (Array.isArray(elements)) return elements
      throw new Violation("a stream's chunk that is no array")
    } catch (error) {
      if (error instanceof Violation) throw error
      this.last ??= failWith(new DecodeFailed({ method: id, part: "success", issue: issueOf(error) }))
      this.wake()
      return undefined
    }
  }

  private finish(answer: Answer): void {
    this.last ??= Exit.isExit(answer) && Exit.isSuccess(answer) ? Cause.done() : answer
    this.wake()
  }

  private wake(): void {
    const { resume } = this
    if (resume === undefined) return
    const arrived = this.arrived()
    if (arrived === undefined) return
    this.resume = undefined
    resume(arrived)
  }
}
