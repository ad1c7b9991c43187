/**
 * What this process does before it ends:
 *
 *     finalizers of priority 0 and more -> daemon children ended -> others joined -> all other finalizers
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as RealTime from "../../wire/internal/realTime.ts"
import type { ProcessExited } from "../../wire/RemoteError.ts"
import type { Life } from "./child.ts"
import * as EndBy from "./endBy.ts"
import * as Family from "./family.ts"
import * as Finalizers from "./finalizers.ts"

export type FinalizerOutcome =
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Late" }
  | { readonly _tag: "NotBegun" }

export interface FinalizerEnd {
  readonly name: string
  readonly exitPriority: number
  readonly outcome: FinalizerOutcome
}

export interface ChildEnd {
  readonly name: string
  readonly pid: number
  readonly identity: ReadonlyArray<number>
  readonly daemon: boolean
  /** none: it still runs */
  readonly exited: Option.Option<ProcessExited>
  /** it did not end by itself in the time that it had */
  readonly late: boolean
}

export interface Sequence {
  /** Once; with success, other children are waited for. */
  readonly run: (mayWait: boolean) => Effect.Effect<void>
  readonly hasBegun: () => boolean
  readonly finalizers: () => ReadonlyArray<FinalizerEnd>
  readonly children: () => ReadonlyArray<ChildEnd>
}

/** milliseconds for SIGKILL to be obeyed */
const lastMoment = 1_000

export const make = (finalizers: Finalizers.Finalizers, options: {
  /** milliseconds */
  readonly deadline: number
  /** finalizers that run for objects that were collected */
  readonly running: ReadonlySet<Fiber.Fiber<unknown, unknown>>
}): Sequence => {
  const ended: Array<FinalizerEnd> = []
  let current: Finalizers.Entry | undefined
  let lives: ReadonlyArray<Life> | undefined
  let hasBegun = false

  const note = ({ exitPriority, name }: Finalizers.Entry, outcome: FinalizerOutcome): FinalizerEnd => ({
    name,
    exitPriority: exitPriority!,
    outcome
  })

  const runOne = Effect.fnUntraced(function*(entry: Finalizers.Entry) {
    current = entry
    const fiber = yield* Effect.forkDetach(Effect.interruptible(entry.callback), { startImmediately: true })
    const exit = yield* EndBy.within(Fiber.await(fiber), EndBy.limitWait(Number.POSITIVE_INFINITY))
    current = undefined
    if (Option.isNone(exit)) {
      fiber.interruptUnsafe()
      ended.push(note(entry, { _tag: "Late" }))
    } else if (Exit.isSuccess(exit.value)) {
      ended.push(note(entry, { _tag: "Done" }))
    } else {
      const { cause } = exit.value
      ended.push(note(entry, { _tag: "Failed", cause }))
      yield* Finalizers.complain(entry, cause)
    }
  })

  /** Those that are added meanwhile come after those that were there. */
  const runDue = Effect.fnUntraced(function*(leastPriority: number) {
    for (let due = finalizers.due(leastPriority); due.length > 0; due = finalizers.due(leastPriority)) {
      for (const entry of due) if (finalizers.take(entry)) yield* runOne(entry)
    }
  })

  const end = (life: Life) => RealTime.within(life.end, EndBy.left() + lastMoment)

  const endAll = (some: ReadonlyArray<Life>) => Effect.forEach(some, end, { concurrency: "unbounded", discard: true })

  const sequence = Effect.fnUntraced(function*(mayWait: boolean) {
    hasBegun = true
    let release = EndBy.set(options.deadline)
    const begun = performance.now()
    yield* runDue(0)
    Family.close()
    const there = lives = Family.lives()
    const isAwaited = (life: Life) => mayWait && !life.daemon
    yield* endAll(there.filter((life) => !isAwaited(life)))
    const awaited = there.filter(isAwaited)
    if (awaited.length > 0) {
      release()
      const spent = performance.now() - begun
      yield* EndBy.unlessEnding(
        Effect.forEach(awaited, ({ launched }) => launched.exit, { concurrency: "unbounded", discard: true })
      )
      release = EndBy.set(options.deadline - spent)
      yield* endAll(awaited)
    }
    yield* runDue(Number.NEGATIVE_INFINITY)
    yield* EndBy.within(Fiber.awaitAll(options.running), Number.POSITIVE_INFINITY)
    finalizers.close()
    release()
  })

  return {
    run: (mayWait) => Effect.uninterruptible(sequence(mayWait)),
    hasBegun: () => hasBegun,
    finalizers: () => [
      ...ended,
      ...(current === undefined ? [] : [note(current, { _tag: "Late" })]),
      ...finalizers.due(Number.NEGATIVE_INFINITY).map((entry) => note(entry, { _tag: "NotBegun" }))
    ],
    children: () =>
      (lives ?? Family.lives()).map(({ daemon, identity, launched }) => {
        const { name, pid } = launched
        const exited = launched.exited()
        const late = exited === undefined || exited.detail !== undefined
        return { name, pid, identity, daemon, exited: Option.fromUndefinedOr(exited), late }
      })
  }
}
