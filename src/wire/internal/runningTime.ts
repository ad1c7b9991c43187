/**
 * Deadlines by which a peer is judged: time in which this process itself was stopped is not held against it.
 *
 * A timer that was due meanwhile would fire as soon as this process goes on, before it has read what arrived. So a wait
 * is cut into parts, of which a stop uses up one, however long it was; and the last one is waited again if it was late.
 */

const parts = 8

/** milliseconds; shorter waits have fewer parts */
const shortestPart = 25

/** milliseconds that a timer may be late on a busy machine */
const tolerance = 100

/** milliseconds that a timer can count; a longer one would fire at once */
const longestTimer = 2 ** 31 - 1

/** Calls back after so many milliseconds; never, if they are infinite. The result takes that back. */
export const after = (millis: number, callback: () => void): () => void => {
  if (millis === Number.POSITIVE_INFINITY) return nothing
  let left = Math.max(1, Math.min(parts, Math.floor(millis / shortestPart)))
  const part = Math.min(millis / left, longestTimer)
  let mayRepeat = true
  let begun = 0
  let timer: NodeJS.Timeout
  const wait = (): void => {
    begun = performance.now()
    timer = setTimeout(elapsed, part)
  }
  const elapsed = (): void => {
    if (--left > 0) return wait()
    if (!mayRepeat || performance.now() - begun < part + tolerance) return callback()
    mayRepeat = false
    wait()
  }
  wait()
  return () => clearTimeout(timer)
}

const nothing = (): void => {}
