/**
 * The signals that ask this process to end. The first one gives it a deadline; a second one takes the time away. When
 * the time is over, whatever hangs, the process ends by force.
 */
import { constants } from "node:os"
import * as EndBy from "./endBy.ts"
import * as HangUp from "./hangUp.ts"

export type Signal = "SIGHUP" | "SIGINT" | "SIGTERM"

export interface Watcher {
  readonly signals: ReadonlyArray<Signal>
  /** milliseconds */
  readonly deadline: number
  /** Nobody else listens, so nobody will end the program: the exit begins here, and ends with that code. */
  readonly alone: (exitCode: number) => void
  /** The process ends at once, after this. */
  readonly force: () => void
}

/**
 * Milliseconds in which signals count as one: a terminal's Ctrl-C reaches `npm run` and its program, and the one passes
 * it on to the other.
 */
const onePress = 300

/** milliseconds that are left when all deadlines are over: for SIGKILL to be obeyed, and for what is written */
const lastMoment = 1_000

const watchers = new Set<Watcher>()
const attached = new Set<Signal>()
let first: Signal | undefined
let lastPress = 0
let timer: NodeJS.Timeout | undefined

/** The signal by which this process ends. */
export const received = (): Signal | undefined => first

export const exitCode = (signal: Signal): number => 128 + constants.signals[signal]

/** The result ends it, unless a signal has come: then this process is ending. */
export const watch = (watcher: Watcher): () => void => {
  watchers.add(watcher)
  const stopOutliving = HangUp.outlive()
  for (const signal of watcher.signals) {
    if (attached.has(signal)) continue
    attached.add(signal)
    process.on(signal, onSignal)
  }
  return () => {
    if (first !== undefined) return
    stopOutliving()
    watchers.delete(watcher)
    for (const signal of attached) {
      if (Array.from(watchers).some(({ signals }) => signals.includes(signal))) continue
      attached.delete(signal)
      process.removeListener(signal, onSignal)
    }
  }
}

const onSignal = (signal: NodeJS.Signals): void => {
  const now = performance.now()
  const isAgain = now - lastPress > onePress
  lastPress = now
  if (first === undefined) begin(signal as Signal)
  // A terminal that is closed says so more than once: its shell does, and the system.
  else if (isAgain && signal !== "SIGHUP") hasten()
}

const begin = (signal: Signal): void => {
  first = signal
  const deadline = Math.min(...Array.from(watchers, ({ deadline }) => deadline))
  EndBy.set(deadline)
  forceAfter(deadline)
  // Whoever runs the program ends it at this one, and does not know the other.
  const known = signal === "SIGHUP" ? "SIGTERM" : signal
  if (known !== signal) process.emit(known, known)
  const others = process.listenerCount(known) - (attached.has(known) ? 1 : 0)
  if (others === 0) { for (const { alone } of watchers) alone(exitCode(signal)) }
}

const hasten = (): void => {
  const left = EndBy.left()
  EndBy.set(0)
  forceAfter(Math.min(left, lastMoment))
}

const longestTimer = 2 ** 31 - 1

const forceAfter = (millis: number): void => {
  clearTimeout(timer)
  timer = setTimeout(() => {
    for (const { force } of watchers) force()
    process.exit(exitCode(first!))
  }, Math.min(millis, longestTimer)).unref()
}
