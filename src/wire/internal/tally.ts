/**
 * What this process counts of its sessions: figures that are there already are asked for when somebody looks, and how
 * long calls took is put into buckets of our own, since a metric's `update` costs a call more than the call itself does.
 */
import type { Method } from "../Method.ts"

/** What a session can be asked for at any time. */
export interface Countable {
  /** calls of this end that have no final answer */
  readonly inFlight: () => number
  /** bytes that it has written and that have not left */
  readonly unsent: () => number
}

/** those that have not ended */
export const sessions = new Set<Countable>()

let reading = false
let arrived = 0

/** What has been read at once arrived at one time. */
export const beginReading = (): void => {
  reading = true
  arrived = 0
}

export const endReading = (): void => {
  reading = false
}

/** `performance.now()`; once for all that has been read together, since to look would be the most that a call costs. */
export const now = (): number => {
  if (!reading) return performance.now()
  return arrived === 0 ? arrived = performance.now() : arrived
}

/** Upper bounds of the buckets, in seconds: those that OpenTelemetry advises, and as many below for calls on one machine. */
export const boundaries = [
  0.00005,
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.075,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10
] as const

const millisecondsOf = boundaries.map((seconds) => seconds * 1000)

/** How long the calls of one method took, from their beginning to their final answer. */
export class Durations {
  readonly method: string
  private readonly buckets = new Float64Array(boundaries.length + 1)
  private sum = 0
  private min = Number.MAX_VALUE
  private max = -Number.MAX_VALUE

  constructor(method: string) {
    this.method = method
  }

  add(millis: number): void {
    // Those that are worth a thought are short.
    let i = 0
    while (i < millisecondsOf.length && millis > millisecondsOf[i]!) i++
    this.buckets[i]!++
    this.sum += millis
    if (millis < this.min) this.min = millis
    if (millis > this.max) this.max = millis
  }

  /** In seconds, as a histogram of Effect's has it: each bucket counts those below it, too. */
  get state() {
    let count = 0
    const buckets = boundaries.map((boundary, i): [number, number] => [boundary, count += this.buckets[i]!])
    count += this.buckets[boundaries.length]!
    const seconds = (millis: number) => count === 0 ? millis : millis / 1000
    return { buckets, count, min: seconds(this.min), max: seconds(this.max), sum: this.sum / 1000 }
  }
}

const byId = new Map<string, Durations>()

/** Is told of a method; says whether it wants to hear of more. */
type Watcher = (durations: Durations) => boolean

const watchers = new Set<Watcher>()

/** Where the calls of a method are counted, whichever session they go to. */
export const durationsOf = ({ id }: Method): Durations => {
  let durations = byId.get(id)
  if (durations === undefined) {
    byId.set(id, durations = new Durations(id))
    for (const watcher of watchers) {
      if (!watcher(durations)) watchers.delete(watcher)
    }
  }
  return durations
}

/** Tells of every method that has been called, and of every other when it is. */
export const watch = (watcher: Watcher): void => {
  watchers.add(watcher)
  for (const durations of byId.values()) watcher(durations)
}
