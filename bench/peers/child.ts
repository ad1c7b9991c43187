/** Children of the peers. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

/** A file of this folder. */
export const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** How long a child may take to end when it was asked to, in milliseconds. */
const patience = 5_000

const killGroup = (leader: number): void => {
  try {
    process.kill(-leader, "SIGKILL")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}

/**
 * A child that ends with the Scope: it is asked to, and killed when it does not. It must lead a process group, so
 * that a terminal's Ctrl-C reaches us alone, and so that its own children are killed with it.
 */
export const scoped = <C extends ChildProcess.ChildProcess>(
  start: () => C,
  askToEnd: (child: C) => void
): Effect.Effect<C, unknown, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const child = start()
        await once(child, "spawn")
        return child
      },
      catch: (error) => error
    }),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return killGroup(child.pid!)
        const exit = once(child, "exit")
        const late = setTimeout(() => killGroup(child.pid!), patience)
        askToEnd(child)
        await exit
        clearTimeout(late)
      })
  )
