/** Programs as a user starts them: a Node.js with a file. */
import { isAliveUnsafe } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly pid: number
  /** what it has printed so far */
  readonly stdout: () => string
  readonly end: Effect.Effect<Ended>
}

export interface Options {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a program; what is left of it when the Scope closes is killed. */
export const start = (
  command: string,
  args: ReadonlyArray<string>,
  options: Options = {}
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = ChildProcess.spawn(command, args, {
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let stdout = ""
      let stderr = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
      child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
      const ended = new Promise<Ended>((resolve, reject) => {
        child.once("error", reject)
        child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }))
      })
      return {
        pid: child.pid!,
        stdout: () => stdout,
        end: Effect.promise(() => ended),
        kill: () => child.kill("SIGKILL")
      }
    }),
    ({ end, kill, pid }) =>
      Effect.suspend(() => {
        if (!isAliveUnsafe(pid)) return Effect.void
        kill()
        return end
      })
  )

/** Runs a program to its end. */
export const runCommand = (
  command: string,
  args: ReadonlyArray<string>,
  options?: Options
): Effect.Effect<Ended> => Effect.scoped(Effect.flatMap(start(command, args, options), ({ end }) => end))

/** Runs a file to its end with the Node.js of this process. */
export const run = (file: string, args: ReadonlyArray<string> = [], options?: Options): Effect.Effect<Ended> =>
  runCommand(process.execPath, [file, ...args], options)
