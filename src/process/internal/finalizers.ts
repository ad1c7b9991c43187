/** What is to be done at the exit, or before: by hand, or when an object is collected; each at most once. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

export interface Entry {
  readonly name: string
  /** none: not at the exit */
  readonly exitPriority: number | undefined
  readonly callback: Effect.Effect<unknown, unknown>
}

export interface Finalizers {
  readonly add: (entry: Entry, object: WeakKey | undefined) => void
  /** Whether it is the caller's from now on, to be run or to be forgotten. */
  readonly take: (entry: Entry) => boolean
  readonly isActive: (entry: Entry) => boolean
  /** Those of that priority and more, the highest first, and the last one first among equals. */
  readonly due: (leastPriority: number) => ReadonlyArray<Entry>
  /** There is no exit any more: nothing is active, and nothing can be added. */
  readonly close: () => void
}

export const make = (collected: (entry: Entry) => void): Finalizers => {
  // By these alone nothing of an entry is kept that has no priority: it lives by its handle or its object.
  const active = new WeakSet<Entry>()
  const atExit = new Set<Entry>()
  let closed = false
  const take = (entry: Entry): boolean => {
    atExit.delete(entry)
    objects.unregister(entry)
    return !closed && active.delete(entry)
  }
  const objects = new FinalizationRegistry<Entry>((entry) => {
    if (take(entry)) collected(entry)
  })
  return {
    add: (entry, object) => {
      active.add(entry)
      if (entry.exitPriority !== undefined) atExit.add(entry)
      if (object !== undefined) objects.register(object, entry, entry)
    },
    take,
    isActive: (entry) => !closed && active.has(entry),
    due: (leastPriority) =>
      Array.from(atExit)
        .filter(({ exitPriority }) => exitPriority! >= leastPriority)
        .toReversed()
        .toSorted((a, b) => b.exitPriority! - a.exitPriority!),
    close: () => {
      closed = true
      atExit.clear()
    }
  }
}

export const complain = ({ name }: Entry, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logError(`${name}, a finalizer, failed`, cause)
