/** Semaphores in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Implementation from "../../remote/internal/implementation.ts"
import { SyncError, TooManyPermits, TooManyReleases } from "../SyncError.ts"
import type { BuiltIn, Handler, Holder } from "./builtIn.ts"
import { Handling } from "./handling.ts"
import { BoundedSemaphore, type Obtain, Semaphore } from "./semaphore.ts"
import * as Waiting from "./waiting.ts"

interface Waiter {
  readonly permits: number
  /** its turn: it has them then, or is gone */
  readonly turn: () => void
}

class Permits extends Handling {
  private available: number
  private readonly limit: number
  /** that will be given back by those who have them */
  private lent = 0
  private readonly line = new Set<Waiter>()

  constructor(permits: number, limit: number) {
    super()
    this.available = permits
    this.limit = limit
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    obtain: (payload: Obtain, holder) => this.obtain(payload, holder),
    giveBack: ({ permits }: { readonly permits: number }) => this.giveBack(permits),
    count: () => Exit.succeed(this.available)
  }

  readonly summary = (): string =>
    this.line.size === 0 ? `${this.available} available` : `${this.available} available, ${this.line.size} waiting`

  private obtain(payload: Obtain, holder: Holder) {
    const { limit } = this
    const { permits, timeout } = payload
    if (permits > limit) return Exit.fail(new SyncError({ reason: new TooManyPermits({ permits, limit }) }))
    if (this.open(permits)) return this.lend(payload, holder) ? Exit.succeed(true) : Effect.never
    if (timeout === 0) return Exit.succeed(false)
    return Waiting.wait<boolean>(timeout, Exit.succeed(false), (answer) =>
      this.enter({
        permits,
        turn: () => {
          if (this.lend(payload, holder)) answer(Exit.succeed(true))
        }
      }))
  }

  /** Nobody overtakes who wants more. */
  private open(permits: number): boolean {
    return this.line.size === 0 && this.available >= permits
  }

  private enter(waiter: Waiter): () => void {
    this.line.add(waiter)
    this.next()
    return () => {
      if (this.line.delete(waiter)) this.next()
    }
  }

  private next(): void {
    for (const waiter of this.line) {
      if (waiter.permits > this.available) return
      this.line.delete(waiter)
      waiter.turn()
    }
  }

  /** Not, if the client is gone. */
  private lend({ number, permits, taken }: Obtain, holder: Holder): boolean {
    const end = (back: number): void => {
      this.lent -= permits
      this.available += back
      this.next()
    }
    const held = holder.hold(number, { release: () => end(taken === true ? 0 : permits), abandon: () => end(permits) })
    if (!held) return false
    this.available -= permits
    this.lent += permits
    return true
  }

  private giveBack(permits: number): Exit.Exit<void, SyncError> {
    const { limit } = this
    if (this.available + this.lent + permits > limit) {
      return Exit.fail(new SyncError({ reason: new TooManyReleases({ permits, limit }) }))
    }
    this.available += permits
    this.next()
    return Exit.void
  }
}

const builtIn = (object: typeof Semaphore | typeof BoundedSemaphore, limit: (permits: number) => number): BuiltIn => ({
  declaration: Implementation.declarationOf(object) as Implementation.ObjectDeclaration,
  make: ({ permits }: { readonly permits: number }) => Effect.sync(() => new Permits(permits, limit(permits)))
})

export const semaphore = builtIn(Semaphore, () => Number.POSITIVE_INFINITY)
export const boundedSemaphore = builtIn(BoundedSemaphore, (permits) => permits)
