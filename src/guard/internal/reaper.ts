/**
 * The guard against leaks: a shell that outlives this process for as long as it takes to end what it has left.
 *
 *     this process --- a pipe whose other end nobody else has ---> /bin/sh, blocked in `read`
 *          |                                                         |
 *          '-- writes --> records in the run directory <-- obeys ----'   when the pipe ends
 *
 * The shell holds no state, so one that was killed is replaced by another at once, and nothing is forgotten.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Timers from "node:timers/promises"
import { type GuardFailure, ReaperFailed, RunDirectoryFailed } from "../GuardFailure.ts"
import * as ProcessTable from "./processTable.ts"
import * as ReaperShell from "./reaperShell.ts"
import * as RecordBook from "./recordBook.ts"
import * as Records from "./records.ts"
import type { RunDirectory } from "./runDirectory.ts"

/** What keeps children from outliving this process. */
export interface Reaper {
  /** The shell's pid, and another one after it was killed and started again; `undefined` while there is none. */
  readonly pid: number | undefined
  /**
   * Puts a child under guard, synchronously, before it is told anything. A child that is already gone needs none.
   * Fails when the record cannot be written or no shell can be started: then the child must be killed.
   */
  readonly addChild: (child: { readonly pid: number; readonly group: boolean }) => Result.Result<void, GuardFailure>
  /** The child has been reaped. It stays under guard until its group is empty too, which is seen to here. */
  readonly removeChild: (pid: number) => void
  /**
   * A file to unlink, or a directory to remove, after our death, if it is then still the same one. With `stat` it need
   * not be there yet. The result takes that back: it has been removed, or belongs to somebody else now.
   */
  readonly addPath: (path: string, stat?: Fs.BigIntStats) => Result.Result<() => void, GuardFailure>
}

/** How this platform keeps children from outliving us: a shell, or a thread in each child (see watchdog.ts). */
export type Guard = "reaper" | "watchdog"

const detectGuard = (): Guard => {
  try {
    Fs.accessSync(ReaperShell.shellPath, Fs.constants.X_OK)
    return ProcessTable.isVisible ? "reaper" : "watchdog"
  } catch {
    return "watchdog"
  }
}

let knownGuard: Guard | undefined

/** Which guard this platform allows. */
export const guard = (): Guard => (knownGuard ??= detectGuard())

const write = <A>(path: string, record: () => A): Result.Result<A, GuardFailure> => {
  try {
    return Result.succeed(record())
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return Result.fail(new RunDirectoryFailed({ path, code: code ?? "EUNKNOWN", detail: message }))
  }
}

/**
 * Starts the guard of a run directory. When the Scope closes, children that are still there are killed, the directory
 * is removed, and the shell has ended.
 *
 * Where the guard is the watchdog there is no shell, but what a sweep needs is written down all the same.
 */
export const make = Effect.fnUntraced(
  function*(directory: RunDirectory, chosen: Guard = guard()): Effect.fn.Return<Reaper, GuardFailure, Scope.Scope> {
    const run = Effect.runForkWith(yield* Effect.context())
    const shell = chosen === "watchdog" ? ReaperShell.none : ReaperShell.make(directory, (deaths, how) => {
      run(Effect.logWarning(
        `The shell that ends children after our death has died ${deaths} times at once (${how}). It is started again.`
      ))
    })
    const book = RecordBook.make(directory.path)
    const noShell = () =>
      new ReaperFailed({ detail: `${ReaperShell.shellPath} could not be started: ${shell.trouble ?? "unknown"}` })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        book.close()
        Records.killChildren(directory.path, directory.mark.value)
        directory.remove()
      }).pipe(Effect.ensuring(Effect.promise(shell.close)))
    )
    if (!shell.stand()) {
      // Node tells some reasons a moment later
      yield* Effect.promise(() => Timers.setImmediate())
      return yield* noShell()
    }
    return {
      get pid() {
        return shell.pid
      },
      addChild: ({ group, pid }) =>
        shell.stand() ? write(directory.path, () => book.addChild(pid, group)) : Result.fail(noShell()),
      removeChild: book.removeChild,
      addPath: (path, stat) => write(directory.path, () => book.addPath(path, stat))
    }
  }
)
