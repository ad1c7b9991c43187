/** Children of the peers. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"

/** A file of this folder. */
export const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** A folder of one's own, for sockets. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "emp-bench-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

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

/** What a program of this folder answers that begins for it, and has done nothing before: it prints a number. */
export const number = (name: string, ...args: ReadonlyArray<string>): Effect.Effect<number, unknown> =>
  Effect.scoped(Effect.flatMap(
    scoped(
      () =>
        ChildProcess.spawn(process.execPath, [file(name), ...args], {
          stdio: ["ignore", "pipe", "inherit"],
          detached: true
        }),
      (child) => child.kill("SIGTERM")
    ),
    (child) => Effect.map(Effect.tryPromise({ try: () => text(child.stdout), catch: (error) => error }), Number)
  ))

/** A program of this folder that listens: it says when it does, and ends with its input. */
export const listening = (name: string, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(
    scoped(
      () =>
        ChildProcess.spawn(process.execPath, [file(name), ...args], {
          stdio: ["pipe", "pipe", "inherit"],
          detached: true
        }),
      (child) => child.stdin.end()
    ),
    (child) => Effect.tryPromise({ try: () => once(child.stdout, "data"), catch: (error) => error })
  )
