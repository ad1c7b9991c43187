/** Conditions in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Implementation from "../../remote/internal/implementation.ts"
import { InvalidOption, ManagerError } from "../../remote/ManagerError.ts"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import { LockNotHeld, SyncError } from "../SyncError.ts"
import type { BuiltIn, Handler, Held, Holder, Place } from "./builtIn.ts"
import { Condition, type Shared, type Sleep, type Wake } from "./condition.ts"
import { Handling } from "./handling.ts"
import { dropAll, keeping } from "./items.ts"
import { type Asleep, find, Mutex } from "./mutex.ts"
import * as Waiting from "./waiting.ts"

/** One wait, from giving the lock up until its client has heard that it is over. */
class Sleeper implements Held {
  /** how many notices there had been: they are not for it */
  readonly since: number
  /** it has the lock again */
  private returned = false
  private readonly asleep: Asleep
  private readonly pass: (notice: number) => void
  /** that woke it, as long as its client has not heard of that */
  private notice: number | undefined
  /** out of where it waits */
  private leave: () => void
  private readonly answer: (woken: boolean) => void

  constructor(
    { answer, asleep, leave, pass, since }: {
      readonly since: number
      readonly asleep: Asleep
      readonly leave: () => void
      readonly pass: (notice: number) => void
      readonly answer: (woken: boolean) => void
    }
  ) {
    this.since = since
    this.asleep = asleep
    this.leave = leave
    this.pass = pass
    this.answer = answer
  }

  wake(notice: number | undefined): void {
    this.leave()
    this.notice = notice
    this.leave = this.back(() => this.answer(notice !== undefined))
  }

  /** Takes the lock again. The result leaves the line for it. */
  back(then: () => void): () => void {
    return this.asleep.back(() => {
      this.returned = true
      then()
    })
  }

  /** Nobody hears how it ends: what woke it is somebody else's. Whether it has the lock again. */
  undo(): boolean {
    this.leave()
    const { notice } = this
    this.notice = undefined
    if (notice !== undefined) this.pass(notice)
    return this.returned
  }

  release(): void {
    this.notice = undefined
  }

  abandon(): void {
    this.undo()
  }
}

class ConditionBehaviour extends Handling {
  private readonly mutex: Mutex
  private readonly sleepers = new Set<Sleeper>()
  private notices = 0
  readonly handlers: Readonly<Record<string, Handler>>

  constructor(mutex: Mutex) {
    super()
    this.mutex = mutex
    this.handlers = {
      ...mutex.handlers,
      sleep: (payload: Sleep, holder) => this.sleep(payload, holder),
      regain: ({ number }: { readonly number: number }, holder) => regain(holder.held(number)),
      wake: (payload: Wake) => this.wake(payload)
    }
  }

  readonly summary = (): string => {
    const { mutex, sleepers } = this
    return sleepers.size === 0 ? mutex.summary() : `${mutex.summary()}, ${sleepers.size} asleep`
  }

  private sleep({ number, owners, timeout }: Sleep, holder: Holder): Effect.Effect<boolean, SyncError> {
    return Effect.callback((resume) => {
      const asleep = this.mutex.sleep(owners)
      if (asleep === undefined) return resume(notHeld("wait"))
      let forget = (): void => {}
      const sleeper = new Sleeper({
        since: this.notices,
        asleep,
        leave: () => {
          forget()
          this.sleepers.delete(sleeper)
        },
        pass: (notice) => this.pass(notice),
        answer: (woken) => resume(Exit.succeed(woken))
      })
      // Its client is gone: nobody waits.
      if (!holder.hold(number, sleeper)) return
      this.sleepers.add(sleeper)
      if (timeout !== undefined) forget = RunningTime.after(timeout, () => sleeper.wake(undefined))
      return Effect.sync(() => void sleeper.undo())
    })
  }

  private wake({ count, owners }: Wake): Exit.Exit<number, SyncError> {
    if (!this.mutex.owned(owners)) return notHeld("notify")
    const woken = [...this.sleepers].slice(0, count)
    const notice = ++this.notices
    for (const sleeper of woken) sleeper.wake(notice)
    return Exit.succeed(woken.length)
  }

  /** Another one that was asleep then is woken instead. */
  private pass(notice: number): void {
    for (const sleeper of this.sleepers) if (sleeper.since < notice) return sleeper.wake(notice)
  }
}

const regain = (held: Held | undefined) =>
  !(held instanceof Sleeper) || held.undo()
    ? Exit.void
    : Waiting.wait<void>(undefined, Exit.void, (answer) => held.back(() => answer(Exit.void)))

const notHeld = (operation: string) => Exit.fail(new SyncError({ reason: new LockNotHeld({ operation }) }))

const shared = Effect.fnUntraced(function*({ identity, stored }: typeof Shared.Type, place: Place) {
  yield* keeping(place, [stored], (kept) => Scope.addFinalizer(place.scope, Effect.sync(() => dropAll(place, kept))))
  const mutex = stored.proxies?.every((ref) => place.owns(ref)) === true ? find(identity) : undefined
  if (mutex !== undefined) return mutex
  const reason = new InvalidOption({ option: "lock", detail: "it is in another manager than the condition" })
  return yield* Effect.fail(new ManagerError({ reason }))
})

export const condition: BuiltIn = {
  declaration: Implementation.declarationOf(Condition) as Implementation.ObjectDeclaration,
  make: ({ lock }: { readonly lock?: typeof Shared.Type }, place) => {
    const mutex = lock === undefined ? Effect.sync(() => new Mutex("Condition", true)) : shared(lock, place)
    return Effect.map(mutex, (mutex) => new ConditionBehaviour(mutex))
  }
}
