/**
 * What a module does in every child before the child's work begins.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildStarts from "./internal/childStarts.ts"

/**
 * When a hook runs, and how it is called.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** lower ones run first, equal ones as they were registered; default 0 */
  readonly order?: number | undefined
}

/**
 * Registers an Effect that runs in each child that loads this module: after the child's modules have been loaded, before
 * its Layer is built.
 *
 * **When to use**
 *
 * By a module that is not the one with the Layer: a reporter of crashes, a connection that many services use, the title
 * of the process, limits. What belongs to one service belongs to its Layer. Name the module in
 * `ProcessLayer.spawnWith({ preload: [...] })` and every child of that Spawner loads it; or let the modules of the
 * children import it. The counterpart of `multiprocessing.util.register_after_fork`.
 *
 * **Details**
 *
 * - Hooks run one after another, each with the log level, the span and the loggers of the child.
 * - Their Scope is the child's: finalizers run when the child ends in order, after those of its Layer.
 * - A hook that fails or dies ends the start with a `ProcessError` whose reason is `ChildStartFailed`. The Layer is not
 *   built then. So does one that does not end within the child's `startTimeout` (`StartTimeout`).
 * - In a process that no Spawner has started, a hook is registered and never runs.
 *
 * **Gotchas**
 *
 * A module that is imported when the child's work has begun is too late: its hooks do not run.
 *
 * **Example** (A title for all children)
 *
 * ```ts
 * // title.ts, named in ProcessLayer.spawnWith({ preload: [new URL("./title.ts", import.meta.url)] })
 * ChildStart.register("app/title", Effect.map(Process.currentProcess, ({ name }) => {
 *   process.title = name
 * }))
 * ```
 *
 * @stability unstable
 * @category hooks
 * @since 0.1.0
 */
export const register = <E>(
  name: string,
  effect: Effect.Effect<unknown, E, Scope.Scope>,
  options: Options = {}
): void => {
  const { order = 0 } = options
  if (!Number.isFinite(order)) throw new TypeError(`ChildStart.register: ${name}: its order is not a number: ${order}`)
  ChildStarts.add({ name, effect, order })
}
