/** The producer's side of a stream: sends what its consumer has granted, and waits for the rest. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Method } from "../Method.ts"
import { EncodeFailed, type RemoteError, TooLarge } from "../RemoteError.ts"
import type { Window } from "./consumer.ts"
import { failWith, issueOf, orFailWith } from "./issue.ts"
import type { Long, Outbound, Put } from "./outbound.ts"
import { headerSize, kind, longestRecord } from "./records.ts"

type Sent = Effect.Effect<void, RemoteError, any>

export class Producer {
  private readonly out: Outbound
  private readonly id: number
  private readonly method: Method
  private elements: number
  private bytes: number
  /** of the last chunk, on average: how many elements go into the next one */
  private elementSize = 0
  private granted: (() => void) | undefined

  constructor(out: Outbound, id: number, method: Method, window: Window) {
    this.out = out
    this.id = id
    this.method = method
    this.elements = window.elements
    this.bytes = window.bytes
  }

  run(stream: Stream.Stream<unknown, unknown, any>): Effect.Effect<void, unknown, any> {
    return Stream.runForEachArray(stream, (elements) => this.emit(elements))
  }

  credit(elements: number, bytes: number): void {
    this.elements += elements
    this.bytes += bytes
    if (this.hasCredit) this.wake()
  }

  /** The session has ended: nobody grants anything any more. */
  stop(): void {
    this.wake()
  }

  private wake(): void {
    const { granted } = this
    this.granted = undefined
    granted?.()
  }

  private get hasCredit(): boolean {
    return this.elements > 0 && this.bytes > 0
  }

  private emit(elements: ReadonlyArray<unknown>): Sent {
    const wire = orFailWith(this.method.success.toWire(elements), (issue) => this.encodeFailed(issue))
    if (!Exit.isExit(wire)) return Effect.flatMap(wire, (wire) => this.send(wire as Array<unknown>, 0))
    return Exit.isSuccess(wire) ? this.send(wire.value as Array<unknown>, 0) : wire
  }

  /** Chunks have as many elements as are granted, and where there are several, not more bytes than are granted. */
  private send(wire: ReadonlyArray<unknown>, from: number): Sent {
    const { out } = this
    for (let at = from; at < wire.length;) {
      if (!out.open) return Effect.interrupt
      if (!this.hasCredit) return Effect.andThen(this.nextCredit, Effect.suspend(() => this.send(wire, at)))
      if (out.full) return Effect.andThen(this.room, Effect.suspend(() => this.send(wire, at)))
      const most = Math.min(this.bytes, longestRecord - headerSize)
      const fit = this.elementSize === 0 ? wire.length : Math.max(1, Math.floor(most / this.elementSize))
      const n = Math.min(wire.length - at, this.elements, fit)
      let put: Put
      try {
        const part = n === wire.length ? wire : wire.slice(at, at + n)
        put = out.put(kind.chunk, 0, this.id, -1, this.method.success, part, n === 1 ? Number.POSITIVE_INFINITY : most)
      } catch (error) {
        return failWith(this.encodeFailed(issueOf(error)))
      }
      if (typeof put === "number") {
        const { id: method } = this.method
        return failWith(new TooLarge({ method, part: "success", size: put, limit: out.maxRecord }))
      }
      this.elementSize = out.payloadSize / n
      if (put === "over") continue
      if (put === "full") return Effect.andThen(this.roomForLong, Effect.suspend(() => this.send(wire, at)))
      this.elements -= n
      this.bytes -= out.payloadSize
      at += n
      if (put !== "sent") return Effect.andThen(this.left(put), Effect.suspend(() => this.send(wire, at)))
    }
    return Exit.void
  }

  private encodeFailed(issue: string): EncodeFailed {
    return new EncodeFailed({ method: this.method.id, part: "success", issue })
  }

  // The fiber may have yielded since it found that it has to wait, so each of these looks again.

  private readonly nextCredit = Effect.callback<void>((resume) => {
    if (this.hasCredit) return resume(Exit.void)
    this.granted = () => resume(Exit.void)
    return Effect.sync(() => {
      this.granted = undefined
    })
  })

  private readonly room = this.waitWith((waiter) => this.out.wait(waiter))
  private readonly roomForLong = this.waitWith((waiter) => this.out.waitForLong(waiter))

  private waitWith(wait: (waiter: { readonly go: () => void }) => void): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const waiter = { go: () => resume(Exit.void) }
      wait(waiter)
      return Effect.sync(() => this.out.leave(waiter))
    })
  }

  /** The chunk after a long one must not overtake it. */
  private left(long: Long): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (long.chunks.length === 0) return resume(Exit.void)
      long.sent = () => resume(Exit.void)
      return Effect.sync(() => this.out.cut(long))
    })
  }
}
