/**
 * Who lives, and who descends from whom.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as ProcessTable from "../guard/internal/processTable.ts"

/**
 * Whether a process with this pid runs, asked at once. One that has ended does not, reaped or not.
 *
 * **When to use**
 *
 * As a condition of `waitUntil`, and where there is no Effect.
 *
 * **Gotchas**
 *
 * Pids are used again: after a long time the answer may be about another process.
 *
 * @stability unstable
 * @category processes
 * @since 0.1.0
 */
export const isAliveUnsafe = (pid: number): boolean => ProcessTable.isAlive(pid)

/**
 * Whether a process with this pid runs. One that has ended does not, reaped or not.
 *
 * **Gotchas**
 *
 * Pids are used again: after a long time the answer may be about another process.
 *
 * @stability unstable
 * @category processes
 * @since 0.1.0
 */
export const isAlive = (pid: number): Effect.Effect<boolean> => Effect.sync(() => isAliveUnsafe(pid))

/**
 * The pids of all living descendants of a process, parents before their children, asked at once.
 *
 * **Gotchas**
 *
 * A process whose parent has ended descends from nobody any more: take the list before the parent is killed. Reapers
 * are among them.
 *
 * @stability unstable
 * @category processes
 * @since 0.1.0
 */
export const descendantsUnsafe = (pid: number): ReadonlyArray<number> =>
  ProcessTable.descendants(pid).map((info) => info.pid)

/**
 * The pids of all living descendants of a process, parents before their children.
 *
 * **Gotchas**
 *
 * A process whose parent has ended descends from nobody any more: take the list before the parent is killed. Reapers
 * are among them.
 *
 * @stability unstable
 * @category processes
 * @since 0.1.0
 */
export const descendants = (pid: number): Effect.Effect<ReadonlyArray<number>> =>
  Effect.sync(() => descendantsUnsafe(pid))
