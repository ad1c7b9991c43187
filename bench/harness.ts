/**
 * Measures us beside others, in one run.
 *
 * All are measured in turn, round by round, each round beginning with another one, so that whatever else the machine
 * does meets all of them. A row holds the medians over the rounds.
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

export type Better = "lower" | "higher"

/** A peer is another solution; a floor is what any solution pays. */
export interface Row {
  readonly case: string
  readonly name: string
  readonly unit: string
  readonly better: Better
  readonly ours: number
  readonly peers: Readonly<Record<string, number>>
  readonly floors: Readonly<Record<string, number>>
  /** ours against the best of the peers: above 1 we are ahead, whichever direction is better */
  readonly ratio: number
}

/** One measurement, in the row's unit. What is not to be measured is done in its Scope. */
export type Measure = Effect.Effect<number, unknown, Scope.Scope>

export interface Contest {
  readonly name: string
  readonly unit: string
  readonly better: Better
  readonly rounds: number
  readonly ours: Measure
  readonly peers: Readonly<Record<string, Measure>>
  readonly floors: Readonly<Record<string, Measure>>
}

/** What to measure of whoever takes part: nothing when he cannot do that. */
export type Discipline<A> = (entrant: A) => Measure | undefined

/** Those who can do it. */
export const able = <A>(entrants: Readonly<Record<string, A>>, discipline: Discipline<A>): Record<string, Measure> =>
  Object.fromEntries(
    Object.entries(entrants).flatMap(([name, entrant]) => {
      const measure = discipline(entrant)
      return measure === undefined ? [] : [[name, measure]]
    })
  )

/** The contests of us and of those of these who can take part. */
export const among = <A>(
  us: A,
  peers: Readonly<Record<string, A>>,
  rounds: number,
  floors: Readonly<Record<string, A>> = {}
) =>
(
  shape: Pick<Contest, "name" | "unit" | "better">,
  discipline: Discipline<A>
): Contest => ({
  ...shape,
  rounds,
  ours: discipline(us)!,
  peers: able(peers, discipline),
  floors: able(floors, discipline)
})

/** Makes the contests of a case; what they share lives in its Scope. */
export type Case = (quick: boolean) => Effect.Effect<ReadonlyArray<Contest>, unknown, Scope.Scope>

class NoPeers extends Data.TaggedError("NoPeers")<{ readonly message: string }> {}

const said = new Set<string>()

/** Somebody else's failure costs him his place, and one line. */
const orLeaveOut = <A, R>(name: string, effect: Effect.Effect<A, unknown, R>): Effect.Effect<A | undefined, never, R> =>
  effect.pipe(
    Effect.timeout("1 minute"),
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const line = `${name} is left out: ${String(Cause.squash(cause)).split("\n", 1)[0]}`
      if (said.has(line)) return Effect.undefined
      said.add(line)
      return Effect.as(Console.error(line), undefined)
    })
  )

/** Opens those that can be opened, at the same time. */
export const openAll = <A>(solutions: Readonly<Record<string, Effect.Effect<A, unknown, Scope.Scope>>>) =>
  Effect.forEach(
    Object.entries(solutions),
    ([name, solution]) => Effect.map(orLeaveOut(name, solution), (opened) => [name, opened] as const),
    { concurrency: "unbounded" }
  ).pipe(
    Effect.map((all): Readonly<Record<string, A>> =>
      Object.fromEntries(all.flatMap(([name, opened]) => opened === undefined ? [] : [[name, opened]]))
    )
  )

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const short = (value: number): number => Number(value.toPrecision(4))

setFlagsFromString("--expose-gc")

/**
 * So that nobody's garbage is collected in another's time. Of a full collection V8 takes a while to recover, since it
 * also gives up the memory for new objects that it has grown to: so that comes before the first round alone.
 */
const collectGarbage: (options: { readonly type: "minor" | "major" }) => void = runInNewContext("gc")

/** One round that does not count if there are several, and then those that do. */
export const measure = Effect.fnUntraced(function*(name: string, contest: Contest) {
  const { better, floors, ours, peers, rounds, unit } = contest
  let entrants = Object.entries({ ...floors, ...peers, ours }).map(([name, take]) => ({
    name,
    take,
    taken: [] as Array<number>
  }))
  if (rounds > 1) collectGarbage({ type: "major" })
  for (let i = rounds === 1 ? 0 : -1; i < rounds; i++) {
    for (const entrant of entrants.slice()) {
      if (rounds > 1) collectGarbage({ type: "minor" })
      const take = Effect.scoped(entrant.take)
      const value = yield* entrant.name === "ours" ? take : orLeaveOut(entrant.name, take)
      if (value === undefined) entrants = entrants.filter((other) => other !== entrant)
      else if (i >= 0) entrant.taken.push(value)
    }
    entrants.push(entrants.shift()!)
  }
  const medians = (of: Readonly<Record<string, Measure>>): Record<string, number> =>
    Object.fromEntries(
      Object.keys(of).flatMap((key) =>
        entrants.filter(({ name }) => name === key).map(({ taken }) => [key, short(median(taken))])
      )
    )
  const row = {
    case: name,
    name: contest.name,
    unit,
    better,
    ours: medians({ ours })["ours"]!,
    peers: medians(peers),
    floors: medians(floors)
  }
  const others = Object.values(row.peers)
  if (others.length === 0) return yield* new NoPeers({ message: `No peer is left in ${name}: ${contest.name}` })
  const ratio = better === "lower" ? Math.min(...others) / row.ours : row.ours / Math.max(...others)
  return { ...row, ratio: short(ratio) } satisfies Row
})
