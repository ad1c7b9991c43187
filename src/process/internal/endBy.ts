/**
 * When this process must have ended, as its parent sees it. Its own children get what remains, so that a tree ends in
 * the time of its root.
 */
let endBy = Number.POSITIVE_INFINITY

export const set = (deadline: number): void => {
  endBy = Math.min(endBy, performance.now() + deadline)
}

/** milliseconds */
export interface Deadlines {
  /** from the request to end until SIGTERM */
  readonly close: number
  /** from SIGTERM until SIGKILL */
  readonly kill: number
}

/** The rest of the time, of which we need some ourselves. */
const rest = (): number => Math.max(0, endBy - performance.now()) * 0.8

export const limit = ({ close, kill }: Deadlines): Deadlines => ({
  close: Math.min(close, rest() * 0.75),
  kill: Math.min(kill, rest() * 0.25)
})

/** For a wait that must be over before `limit`'s begins: at most half of the rest. */
export const limitWait = (millis: number): number => Math.min(millis, rest() * 0.5)
