/**
 * Waiting for the outside world, by polling a condition in real time.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Timers from "node:timers/promises"

/**
 * The condition did not come true in time.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NeverHappened extends Schema.TaggedError<NeverHappened>("effect-multiprocessing/testing/NeverHappened")(
  "NeverHappened",
  {
    /** what was waited for */
    what: Schema.String,
    /** milliseconds */
    timeout: Schema.Number
  }
) {
  override get message(): string {
    return `did not happen within ${this.timeout} ms: ${this.what}`
  }
}

/**
 * How long and how often `waitUntil` looks.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface WaitOptions {
  /** milliseconds; 30 seconds by default, which is to mean "it hangs" */
  readonly timeout?: number | undefined
  /** milliseconds between two looks; 5 by default */
  readonly interval?: number | undefined
  /** what is waited for, for the error; the condition's source by default */
  readonly what?: string | undefined
}

/**
 * Waits until a condition holds.
 *
 * **When to use**
 *
 * Instead of a sleep, wherever a test depends on something that another process does.
 *
 * **Details**
 *
 * The condition is a function or an effect; it is looked at once at least. If the effect fails, so does the wait.
 *
 * **Gotchas**
 *
 * It waits in real time: processes know nothing of a `TestClock`.
 *
 * **Example** (Waiting for a process to end)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { isAlive, kill, waitUntil } from "effect-multiprocessing/testing"
 *
 * const end = Effect.fnUntraced(function*(pid: number) {
 *   yield* kill(pid)
 *   yield* waitUntil(Effect.map(isAlive(pid), (alive) => !alive), { what: `end of ${pid}` })
 * })
 * ```
 *
 * @stability unstable
 * @category waiting
 * @since 0.1.0
 */
export const waitUntil = <E = never, R = never>(
  condition: (() => boolean) | Effect.Effect<boolean, E, R>,
  options?: WaitOptions
): Effect.Effect<void, E | NeverHappened, R> =>
  Effect.suspend(() => {
    const timeout = options?.timeout ?? 30_000
    const end = performance.now() + timeout
    const look = Effect.isEffect(condition) ? condition : Effect.sync(condition)
    const pause = Effect.promise((signal) => Timers.setTimeout(options?.interval ?? 5, undefined, { signal }))
    const what = options?.what ?? String(condition)
    const poll: Effect.Effect<void, E | NeverHappened, R> = Effect.flatMap(look, (holds) =>
      holds
        ? Effect.void
        : performance.now() >= end
        ? Effect.fail(new NeverHappened({ what, timeout }))
        : Effect.andThen(pause, poll))
    return poll
  })
