/**
 * Measures us beside others, in one run.
 *
 * All are measured in turn, round by round, so that whatever else the machine does meets all of them. A row holds the
 * medians over the rounds; its ratio is the median of each round's ours / first floor.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A floor is what any solution pays; a peer is another solution. */
export interface Row {
  readonly case: string
  readonly name: string
  readonly unit: string
  readonly better: "lower" | "higher"
  readonly ours: number
  readonly peers: Readonly<Record<string, number>>
  readonly floors: Readonly<Record<string, number>>
  readonly ratio: number
}

/** One measurement, in the row's unit. What is not to be measured is done in its Scope. */
export type Measure = Effect.Effect<number, unknown, Scope.Scope>

export interface Contest {
  readonly name: string
  readonly unit: string
  readonly better: "lower" | "higher"
  readonly rounds: number
  readonly ours: Measure
  readonly peers: Readonly<Record<string, Measure>>
  readonly floors: Readonly<Record<string, Measure>>
}

/** Makes the contests of a case; what they share lives in its Scope. */
export type Case = (quick: boolean) => Effect.Effect<ReadonlyArray<Contest>, unknown, Scope.Scope>

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const round = (value: number): number => Number(value.toPrecision(4))

/** One round that does not count, and then those that do. */
export const measure = Effect.fnUntraced(function*(name: string, contest: Contest) {
  const measures = { ours: contest.ours, ...contest.peers, ...contest.floors }
  const taken = new Map(Object.keys(measures).map((key) => [key, [] as Array<number>]))
  for (let i = -1; i < contest.rounds; i++) {
    for (const [key, take] of Object.entries(measures)) {
      const value = yield* Effect.scoped(take)
      if (i >= 0) taken.get(key)!.push(value)
    }
  }
  const medians = (of: Readonly<Record<string, Measure>>) =>
    Object.fromEntries(Object.keys(of).map((key) => [key, round(median(taken.get(key)!))]))
  const floor = taken.get(Object.keys(contest.floors)[0]!)!
  const row: Row = {
    case: name,
    name: contest.name,
    unit: contest.unit,
    better: contest.better,
    ours: round(median(taken.get("ours")!)),
    peers: medians(contest.peers),
    floors: medians(contest.floors),
    ratio: round(median(taken.get("ours")!.map((value, i) => value / floor[i]!)))
  }
  return row
})

/** How long an Effect takes, in milliseconds. */
export const millis = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const begin = performance.now()
    return Effect.map(effect, () => performance.now() - begin)
  })
