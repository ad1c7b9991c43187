/** The server's side of a lock: who has it, and who waits for it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { randomUUID } from "node:crypto"
import type { Answer } from "../../remote/internal/implementation.ts"
import { NotTaken, SyncError } from "../SyncError.ts"
import type { Handler, Holder } from "./builtIn.ts"
import { Handling } from "./handling.ts"
import type { Obtain, Obtained } from "./lockContract.ts"
import * as Waiting from "./waiting.ts"

/** One level of a lock, as a client has it under a number. */
interface Hold {
  readonly holder: Holder
  readonly number: number
  /** until somebody, of whatever process, releases it */
  readonly taken: boolean
  /** its owner sleeps, and does not have the lock meanwhile */
  asleep: Asleep | undefined
}

interface Waiter {
  /** any of them may be the owner already; the last is who it will be else */
  readonly owners: ReadonlyArray<string>
  /** its turn: it has the lock then, or is gone */
  readonly turn: () => void
}

/** All levels of an owner that has given the lock up for a while. */
export interface Asleep {
  /** one of them is given back, or its client has gone */
  readonly end: (hold: Hold) => void
  /** Takes what is left of them again, in its turn. The result leaves the line. */
  readonly back: (then: () => void) => () => void
}

/** Locks by their identity, for the conditions that share them. */
const known = new Map<string, Mutex>()

export const find = (identity: string): Mutex | undefined => known.get(identity)

export class Mutex extends Handling {
  readonly identity = randomUUID()
  private readonly reentrant: boolean
  private readonly type: string
  private owner: string | undefined
  private readonly holds = new Set<Hold>()
  private readonly line = new Set<Waiter>()
  private abandoned = false

  constructor(type: string, reentrant: boolean) {
    super()
    this.type = type
    this.reentrant = reentrant
  }

  /** Ends with its object: no condition will share it any more. */
  readonly forget: Effect.Effect<void> = Effect.sync(() => void known.delete(this.identity))

  readonly handlers: Readonly<Record<string, Handler>> = {
    obtain: (payload: Obtain, holder) => this.obtain(payload, holder),
    locked: () => Exit.succeed(this.locked),
    giveBack: () => this.giveBack(),
    identity: () => {
      known.set(this.identity, this)
      return Exit.succeed(this.identity)
    }
  }

  readonly summary = (): string => {
    const [hold] = this.holds
    const state = hold === undefined ? this.abandoned ? "abandoned" : "free" : `held by ${hold.holder.name}`
    return this.line.size === 0 ? state : `${state}, ${this.line.size} waiting`
  }

  get locked(): boolean {
    return this.holds.size > 0
  }

  owned(owners: ReadonlyArray<string>): boolean {
    return this.owner !== undefined && owners.includes(this.owner)
  }

  private obtain({ number, owners, taken, timeout }: Obtain, holder: Holder): Answer {
    const hold: Hold = { holder, number, taken: taken === true, asleep: undefined }
    if (this.open(owners)) {
      const obtained = this.admit(hold, owners)
      // Its client has gone, and so will the call.
      return obtained === undefined ? Effect.never : Exit.succeed(obtained)
    }
    if (timeout === 0) return Exit.succeed<Obtained>("late")
    return Waiting.wait<Obtained>(timeout, Exit.succeed("late"), (answer) =>
      this.enter({
        owners,
        turn: () => {
          const obtained = this.admit(hold, owners)
          if (obtained !== undefined) answer(Exit.succeed(obtained))
        }
      }))
  }

  /** Whether it can be had at once. */
  private open(owners: ReadonlyArray<string>): boolean {
    return !this.locked || this.reentrant && this.owned(owners)
  }

  private enter(waiter: Waiter): () => void {
    if (this.open(waiter.owners)) {
      waiter.turn()
      return () => {}
    }
    this.line.add(waiter)
    return () => this.line.delete(waiter)
  }

  private next(): void {
    for (const waiter of this.line) {
      if (!this.reentrant && this.locked) return
      if (!this.open(waiter.owners)) continue
      this.line.delete(waiter)
      waiter.turn()
    }
  }

  /** Nothing, if its client is gone. */
  private admit(hold: Hold, owners: ReadonlyArray<string>): Obtained | undefined {
    const held = hold.holder.hold(hold.number, {
      release: () => this.end(hold, false),
      abandon: () => this.end(hold, true)
    })
    if (!held) return undefined
    const { abandoned, locked } = this
    this.holds.add(hold)
    if (locked) return "acquired"
    this.owner = owners.at(-1)
    this.abandoned = false
    return abandoned ? "abandoned" : "acquired"
  }

  private end(hold: Hold, abandoned: boolean): void {
    if (hold.asleep !== undefined) return hold.asleep.end(hold)
    if (!this.holds.delete(hold)) return
    if (abandoned) this.abandoned = true
    if (this.holds.size === 0) this.free()
  }

  private free(): void {
    this.owner = undefined
    this.next()
  }

  /** Somebody gives back what was taken for no Scope. */
  private giveBack(): Exit.Exit<void, SyncError> {
    const [hold] = this.holds
    const refuse = (detail: string) => Exit.fail(new SyncError({ reason: new NotTaken({ type: this.type, detail }) }))
    if (hold === undefined) return refuse("it is free")
    if (!hold.taken) return refuse("a Scope has it")
    hold.holder.drop(hold.number)
    this.end(hold, false)
    return Exit.void
  }

  /** An owner gives up all its levels for a while. */
  sleep(owners: ReadonlyArray<string>): Asleep | undefined {
    const { owner } = this
    if (owner === undefined || !owners.includes(owner)) return undefined
    const holds = new Set(this.holds)
    let nothingLeft = (): void => {}
    const asleep: Asleep = {
      end: (hold) => {
        holds.delete(hold)
        if (holds.size === 0) nothingLeft()
      },
      back: (then) => {
        if (holds.size === 0) {
          then()
          return () => {}
        }
        const leave = this.enter({
          owners: [owner],
          turn: () => {
            for (const hold of holds) {
              hold.asleep = undefined
              this.holds.add(hold)
            }
            holds.clear()
            this.owner = owner
            then()
          }
        })
        nothingLeft = () => {
          leave()
          then()
        }
        return () => {
          nothingLeft = () => {}
          leave()
        }
      }
    }
    for (const hold of holds) hold.asleep = asleep
    this.holds.clear()
    this.free()
    return asleep
  }
}
