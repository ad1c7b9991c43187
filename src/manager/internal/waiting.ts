/** How calls wait in a manager: a fiber each, no thread, and nothing left of those whom nobody wants any more. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as RunningTime from "../../wire/internal/runningTime.ts"

/**
 * Enters somewhere, and leaves it when it is late or nobody wants it any more. The answer may come at once.
 */
export const wait = <A, E = never>(
  timeout: number | undefined,
  late: Exit.Exit<A, E>,
  enter: (answer: (exit: Exit.Exit<A, E>) => void) => () => void
): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    let answered = false
    let forget = (): void => {}
    const leave = enter((exit) => {
      answered = true
      forget()
      resume(exit)
    })
    if (answered) return
    if (timeout !== undefined) {
      forget = RunningTime.after(timeout, () => {
        leave()
        resume(late)
      })
    }
    return Effect.sync(() => {
      forget()
      leave()
    })
  })
