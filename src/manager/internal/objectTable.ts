/** The objects of a manager: each lives as long as something counts for it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import type { Ref } from "../../remote/internal/control.ts"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import type { Behaviour } from "./builtIn.ts"

/** What keeps an object: leases of clients, tickets on their way, places where it is stored, calls that run. */
export interface Counts {
  leases: number
  tickets: number
  stored: number
  calls: number
}

export interface Instance extends Counts {
  readonly id: number
  readonly type: string
  readonly behaviour: Behaviour
  readonly scope: Scope.Closeable
}

/** Why there is nothing to redeem. */
export const noTicket = "its ticket was used before, has expired, or was never one of this type"

interface Ticket {
  readonly instance: Instance
  readonly expires: number
}

export class ObjectTable {
  readonly instances = new Map<number, Instance>()
  private readonly tickets = new Map<number, Ticket>()
  private readonly endings: FiberSet.FiberSet<void>
  private readonly run: (effect: Effect.Effect<void>) => unknown
  /** milliseconds that a ticket is good for */
  private readonly expiry: number
  private lastId = 0
  private lastTicket = 0
  private stopWaiting: (() => void) | undefined
  private ended = false

  static readonly make = Effect.fnUntraced(function*(expiry: number): Effect.fn.Return<
    ObjectTable,
    never,
    Scope.Scope
  > {
    const endings = yield* FiberSet.make<void>()
    const run = yield* FiberSet.runtime(endings)()
    const table = new ObjectTable(expiry, endings, run)
    yield* Effect.addFinalizer(() => table.end)
    return table
  })

  private constructor(
    expiry: number,
    endings: FiberSet.FiberSet<void>,
    run: (effect: Effect.Effect<void>) => unknown
  ) {
    this.expiry = expiry
    this.endings = endings
    this.run = run
  }

  /** A new object, with one of what it counts. */
  add(
    { behaviour, scope, type }: Pick<Instance, "behaviour" | "scope" | "type">,
    first: keyof Counts
  ): Instance {
    const id = ++this.lastId
    const instance: Instance = { id, type, behaviour, scope, leases: 0, tickets: 0, stored: 0, calls: 0 }
    instance[first] = 1
    this.instances.set(id, instance)
    return instance
  }

  count(instance: Instance, what: keyof Counts): void {
    instance[what]++
  }

  /** With the last of all, the object ends: at once as far as anybody can see, and its finalizers run by themselves. */
  discount(instance: Instance, what: keyof Counts): void {
    instance[what]--
    if (instance.leases + instance.tickets + instance.stored + instance.calls > 0) return
    if (!this.instances.delete(instance.id)) return
    this.run(finish(instance))
  }

  /** Does what the end of the manager waits for. */
  attendTo(effect: Effect.Effect<void>): void {
    if (this.ended) Effect.runFork(effect)
    else this.run(effect)
  }

  /** A ticket, which keeps the object until it is redeemed or has expired. */
  issue(instance: Instance): number {
    const ticket = ++this.lastTicket
    this.tickets.set(ticket, { instance, expires: performance.now() + this.expiry })
    this.count(instance, "tickets")
    this.watch()
    return ticket
  }

  /** What the ticket is good for, counted as `what` from now on; nothing if it is good for nothing any more. */
  redeem({ ticket, type }: Pick<Ref, "ticket" | "type">, what: "leases" | "stored"): Instance | undefined {
    const found = this.tickets.get(ticket)
    if (found === undefined || found.instance.type !== type) return undefined
    this.tickets.delete(ticket)
    this.count(found.instance, what)
    this.discount(found.instance, "tickets")
    return found.instance
  }

  /** Tickets expire in the order in which they were made, so one timer is enough. */
  private watch(): void {
    if (this.stopWaiting !== undefined) return
    for (const { expires } of this.tickets.values()) {
      this.stopWaiting = RunningTime.after(Math.max(1, expires - performance.now()), () => {
        this.stopWaiting = undefined
        this.expire()
        this.watch()
      })
      return
    }
  }

  private expire(): void {
    const now = performance.now()
    for (const [ticket, { expires, instance }] of this.tickets) {
      if (expires > now) return
      this.tickets.delete(ticket)
      this.discount(instance, "tickets")
    }
  }

  /** Ends all that is left; waits for all finalizers. */
  private readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.stopWaiting?.()
    this.stopWaiting = undefined
    this.tickets.clear()
    // The youngest first: it may use what was there before it.
    const left = [...this.instances.values()].toReversed()
    this.instances.clear()
    const ended = Effect.andThen(Effect.forEach(left, finish, { discard: true }), FiberSet.awaitEmpty(this.endings))
    // A finalizer may have made more of them.
    return Effect.andThen(
      ended,
      Effect.suspend(() => {
        this.ended = this.instances.size === 0
        return this.ended ? Effect.void : this.end
      })
    )
  })
}

const finish = (instance: Instance): Effect.Effect<void> =>
  Effect.catchCause(
    Scope.close(instance.scope, Exit.void),
    (cause) => Effect.logWarning(`${instance.type}: a finalizer of object ${instance.id} failed`, cause)
  )
