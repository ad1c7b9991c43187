/**
 * The guard against leaks: a shell that outlives this process for as long as it takes to end what it has left.
 */
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { ProcessError } from "../ProcessError.ts"
import type { RunDirectory } from "./runDirectory.ts"

/** What keeps children from outliving this process. */
export interface Reaper {
  /** The shell's pid; another one after it was killed and started again. `undefined` while there is none. */
  readonly pid: number | undefined
  /**
   * Puts a child under guard, synchronously, before it is told anything. A child that is already gone needs none.
   * Fails when the record cannot be written or no shell can be started: then the child must be killed.
   */
  readonly addChild: (child: { readonly pid: number; readonly group: boolean }) => Result.Result<void, ProcessError>
  /** The child has been reaped. It stays under guard until its group is empty too, which is seen to here. */
  readonly removeChild: (pid: number) => void
  /** A file (an absolute path) to unlink after our death, if it is then still the same file. */
  readonly addPath: (path: string) => Result.Result<void, ProcessError>
  /** The file has been unlinked, or belongs to somebody else now. */
  readonly removePath: (path: string) => void
}

/** How this platform keeps children from outliving us: a shell, or a thread in each child where there is no shell. */
export type Guard = "reaper" | "watchdog"

export declare const guard: () => Guard

export declare const make: (directory: RunDirectory) => Effect.Effect<Reaper, ProcessError, Scope.Scope>
