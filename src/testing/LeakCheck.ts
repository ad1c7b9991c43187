/**
 * Finds what a test, or any piece of a program, has left behind: processes, zombies, descriptors, directories, handles.
 *
 * Take a `snapshot`, do the work, `check`. What is just ending is waited for; what does not end fails the check with
 * a list.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Timers from "node:timers/promises"
import { difference, kinds, type Observation, observe } from "./internal/observe.ts"

/**
 * What may leak.
 *
 * **Details**
 *
 * - `child`: a living process whose parent is this one;
 * - `zombie`: a child that has ended and was not reaped;
 * - `orphan`: a process that a child of ours has started, and that outlived it;
 * - `reaper`: the guard of a run directory, which nobody closed;
 * - `runDirectory`: a directory of this process, or of a child of it that is dead;
 * - `sharedMemory`: an entry of `/dev/shm`;
 * - `descriptor`: an open file, socket or pipe, with what it points to (Linux: elsewhere the number alone);
 * - `handle`: what keeps the event loop going, as `process.getActiveResourcesInfo()` names it; a timer with the place
 *   that made it, unless that is a test runner's.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const LeakKind = Schema.Literals(kinds)

/**
 * What may leak.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type LeakKind = typeof LeakKind.Type

/**
 * One thing that was left behind.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Leak = Schema.Struct({ kind: LeakKind, description: Schema.String })

/**
 * One thing that was left behind.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Leak = typeof Leak.Type

/**
 * Something was left behind, and was still there when the check had waited as long as it may.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class LeaksFound extends Schema.TaggedError<LeaksFound>("effect-multiprocessing/testing/LeaksFound")(
  "LeaksFound",
  {
    leaks: Schema.Array(Leak),
    /** milliseconds that the check has waited */
    waited: Schema.Number
  }
) {
  override get message(): string {
    const lines = this.leaks.map(({ description, kind }) => `  ${kind}: ${description}`)
    return `left behind, and still there after ${Math.round(this.waited)} ms:\n${lines.join("\n")}`
  }
}

/**
 * What there was when it was taken. Opaque: made by `snapshot`, used by `leaks` and `check`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export class Snapshot {
  readonly #before: Observation = observe()

  private constructor() {}

  /** @internal */
  static take(): Snapshot {
    return new Snapshot()
  }

  /** @internal */
  added(): ReadonlyArray<Leak> {
    return difference(this.#before, observe(this.#before)).map(({ description, kind }) => ({ kind, description }))
  }
}

/**
 * How long a check waits for things that are just ending.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** milliseconds; 10 seconds by default. Without leaks nothing is waited for. */
  readonly timeout?: number | undefined
}

/**
 * Notes what there is now.
 *
 * **Gotchas**
 *
 * From the first snapshot on timers are followed by an async hook. On Node 22 it follows promises too, which makes
 * them slower.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const snapshot = (): Snapshot => Snapshot.take()

/**
 * What there is now that was not there when the snapshot was taken, without waiting for anything to end.
 *
 * **Gotchas**
 *
 * What has just ended may still be there: a timer whose callback is running, a child that was not reaped yet.
 *
 * @stability unstable
 * @category checking
 * @since 0.1.0
 */
export const leaks = (since: Snapshot): ReadonlyArray<Leak> => since.added()

const defaultTimeout = 10_000

const firstPause = 2
const longestPause = 100

/** After a turn of the event loop, since a timer that has just fired is still there in its own turn. */
const pauseFor = (millis: number, signal: AbortSignal | undefined): Promise<void> =>
  Timers.setTimeout(millis, undefined, { signal }).then(() => Timers.setImmediate())

const settle = async (
  since: Snapshot,
  options: Options | undefined,
  signal?: AbortSignal
): Promise<LeaksFound | undefined> => {
  const start = performance.now()
  for (let pause = firstPause;; pause = Math.min(pause * 2, longestPause)) {
    const found = leaks(since)
    if (found.length === 0) return undefined
    const waited = performance.now() - start
    if (waited >= (options?.timeout ?? defaultTimeout)) return new LeaksFound({ leaks: found, waited })
    await pauseFor(pause, signal)
  }
}

/**
 * Fails if anything that is there now was not there when the snapshot was taken.
 *
 * **When to use**
 *
 * At the end of a test, or around any work that should leave nothing behind.
 *
 * **Details**
 *
 * Polls until nothing is left or the time is over, in real time: a `TestClock` does not hold it. Things are compared
 * by what they are, not by their number, so that a leak is not hidden by something else that ended. Only what has no
 * name is counted: sockets, pipes, and handles other than timers.
 *
 * **Gotchas**
 *
 * Everything that began meanwhile counts, also what other code of this process does at the same time: so one test at a
 * time. What is shared by many tests, such as a Layer, must be there before the snapshot is taken.
 *
 * **Example** (A test that leaves nothing behind)
 *
 * ```ts
 * import { LeakCheck } from "effect-multiprocessing/testing"
 * import { afterEach, beforeEach } from "vitest"
 *
 * let before: LeakCheck.Snapshot
 * beforeEach(() => {
 *   before = LeakCheck.snapshot()
 * })
 * afterEach(() => LeakCheck.checkPromise(before))
 * ```
 *
 * @stability unstable
 * @category checking
 * @since 0.1.0
 */
export const check = (since: Snapshot, options?: Options): Effect.Effect<void, LeaksFound> =>
  Effect.promise((signal) => settle(since, options, signal)).pipe(
    Effect.flatMap((found) => found === undefined ? Effect.void : Effect.fail(found))
  )

/**
 * `check` for code that is not written with Effect: the promise is rejected with `LeaksFound`.
 *
 * @stability unstable
 * @category checking
 * @since 0.1.0
 */
export const checkPromise = async (since: Snapshot, options?: Options): Promise<void> => {
  const found = await settle(since, options)
  if (found !== undefined) throw found
}

/**
 * Runs an effect and then checks that it has left nothing behind, if it succeeded.
 *
 * **Example** (A program that ends all its children)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { LeakCheck } from "effect-multiprocessing/testing"
 *
 * const checked = Effect.scoped(Effect.void).pipe(LeakCheck.around({ timeout: 1_000 }))
 * ```
 *
 * @stability unstable
 * @category checking
 * @since 0.1.0
 */
export const around =
  (options?: Options) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | LeaksFound, R> =>
    Effect.suspend(() => {
      const before = snapshot()
      return Effect.tap(self, () => check(before, options))
    })
