/** Barriers in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Implementation from "../../remote/internal/implementation.ts"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import { BrokenBarrier, SyncError } from "../SyncError.ts"
import { type Arrive, type Arrived, Barrier } from "./barrier.ts"
import type { BuiltIn, Handler, Held, Holder } from "./builtIn.ts"
import { Handling } from "./handling.ts"

type By = BrokenBarrier["by"]

interface Party extends Arrive {
  readonly holder: Holder
  readonly answer: (exit: Exit.Exit<Arrived, SyncError>) => void
  forget: () => void
}

/** All have come; they go when the last one's action has succeeded. */
class Action implements Held {
  broken: By | undefined
  private readonly failed: (action: Action, by: By) => void

  constructor(failed: (action: Action, by: By) => void) {
    this.failed = failed
  }

  release(): void {
    this.failed(this, "action")
  }

  abandon(): void {
    this.failed(this, "left")
  }
}

class BarrierBehaviour extends Handling {
  private readonly parties: number
  private readonly timeout: number | undefined
  private broken: By | undefined
  /** in the order of their indices */
  private filling: Array<Party> = []
  private action: Action | undefined
  /** of the next generation: they come in when this one has gone */
  private readonly late = new Set<Party>()

  constructor(parties: number, timeout: number | undefined) {
    super()
    this.parties = parties
    this.timeout = timeout
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    arrive: (payload: Arrive, holder) => this.arrive(payload, holder),
    pass: ({ number }: { readonly number: number }, holder) => this.pass(holder.held(number)),
    restart: () => this.reset(),
    break: () => {
      this.break("abort")
      return Exit.void
    },
    state: () => Exit.succeed({ parties: this.parties, waiting: this.waiting, broken: this.broken !== undefined })
  }

  readonly summary = (): string =>
    this.broken !== undefined
      ? `broken by ${this.broken}`
      : this.action === undefined
      ? `${this.filling.length} of ${this.parties}`
      : `an action runs, ${this.late.size} late`

  private get waiting(): number {
    return this.action === undefined ? this.filling.length : 0
  }

  private arrive(payload: Arrive, holder: Holder): Effect.Effect<Arrived, SyncError> {
    return Effect.callback((resume) => {
      const party: Party = { ...payload, holder, answer: resume, forget: () => {} }
      if (this.action === undefined) this.enter(party)
      else this.late.add(party)
      return Effect.sync(() => this.leave(party))
    })
  }

  private enter(party: Party): void {
    const { broken, filling, parties } = this
    if (broken !== undefined) return party.answer(failure(broken))
    const index = filling.push(party) - 1
    if (filling.length < parties) {
      const timeout = party.timeout ?? this.timeout
      if (timeout !== undefined) party.forget = RunningTime.after(timeout, () => this.break("timeout"))
      return
    }
    for (const { forget } of filling) forget()
    if (!party.acts) return this.open()
    const action = new Action((action, by) => {
      if (action === this.action) this.break(by)
    })
    if (!party.holder.hold(party.number, action)) return this.break("left")
    this.action = action
    filling.pop()
    party.answer(Exit.succeed({ index, acts: true }))
  }

  /** Those who are in go, each with its index; those who are late come in. */
  private open(): void {
    const { filling } = this
    this.filling = []
    this.action = undefined
    filling.forEach(({ answer }, index) => answer(Exit.succeed({ index, acts: false })))
    this.admit()
  }

  private admit(): void {
    for (const party of this.late) {
      if (this.action !== undefined) return
      this.late.delete(party)
      this.enter(party)
    }
  }

  private pass(held: Held | undefined): Exit.Exit<void, SyncError> {
    if (!(held instanceof Action)) return failure("left")
    if (held.broken !== undefined) return failure(held.broken)
    if (held === this.action) this.open()
    return Exit.void
  }

  /** Interrupted, or its process has ended. */
  private leave(party: Party): void {
    party.forget()
    this.late.delete(party)
    if (this.filling.includes(party) && this.action === undefined) this.break("left")
  }

  private break(by: By): void {
    this.broken = by
    this.end(by)
  }

  private reset(): Exit.Exit<void> {
    this.broken = undefined
    this.end("reset")
    return Exit.void
  }

  private end(by: By): void {
    const { action, filling } = this
    this.filling = []
    this.action = undefined
    if (action !== undefined) action.broken = by
    for (const { answer, forget } of filling) {
      forget()
      answer(failure(by))
    }
    this.admit()
  }
}

const failure = (by: By) => Exit.fail(new SyncError({ reason: new BrokenBarrier({ by }) }))

export const barrier: BuiltIn = {
  declaration: Implementation.declarationOf(Barrier) as Implementation.ObjectDeclaration,
  make: ({ parties, timeout }: { readonly parties: number; readonly timeout?: number }) =>
    Effect.sync(() => new BarrierBehaviour(parties, timeout))
}
