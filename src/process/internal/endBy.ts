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
export const limit = ({ close, kill }: Deadlines): Deadlines => {
  const rest = Math.max(0, endBy - performance.now()) * 0.8
  return { close: Math.min(close, rest * 0.75), kill: Math.min(kill, rest * 0.25) }
}
