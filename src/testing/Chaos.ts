/**
 * What happens to processes in the world: they are killed, and they are frozen.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ProcessTable from "../guard/internal/processTable.ts"
import { type NeverHappened, waitUntil } from "./Wait.ts"

/**
 * The signal could not be sent.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SignalRefused extends Schema.TaggedError<SignalRefused>("effect-multiprocessing/testing/SignalRefused")(
  "SignalRefused",
  {
    pid: Schema.Number,
    signal: Schema.String,
    /** the system's code: `ESRCH` when there is no such process, `EPERM` when it is not ours; `EINVAL` for no pid */
    code: Schema.String
  }
) {
  override get message(): string {
    return `${this.signal} could not be sent to ${this.pid} (${this.code})`
  }
}

/**
 * Sends a signal to one process, `SIGKILL` by default.
 *
 * **Details**
 *
 * It does not wait for what the signal does: see `waitUntil` and `isAlive`. A zombie takes signals and ignores them.
 *
 * **Gotchas**
 *
 * Numbers below 2 are refused: to the system they mean groups, everybody, or the first process of all.
 *
 * @stability unstable
 * @category signals
 * @since 0.1.0
 */
export const kill = (pid: number, signal: NodeJS.Signals = "SIGKILL"): Effect.Effect<void, SignalRefused> =>
  Number.isInteger(pid) && pid > 1
    ? Effect.try({
      try: () => void process.kill(pid, signal),
      catch: (error) => new SignalRefused({ pid, signal, code: (error as NodeJS.ErrnoException).code ?? "EUNKNOWN" })
    })
    : Effect.fail(new SignalRefused({ pid, signal, code: "EINVAL" }))

/**
 * Lets a frozen process go on. Nothing happens to one that is not frozen.
 *
 * @stability unstable
 * @category signals
 * @since 0.1.0
 */
export const thaw = (pid: number): Effect.Effect<void, SignalRefused> => kill(pid, "SIGCONT")

/**
 * Stops a process where it stands, without its notice, until the Scope closes.
 *
 * **When to use**
 *
 * To see what others do when a process hangs: it keeps its sockets and locks, and answers nothing.
 *
 * **Details**
 *
 * When the effect completes the process does not run any more. When the Scope closes it goes on, unless it is gone by
 * then; another process that has its pid is not touched.
 *
 * @stability unstable
 * @category signals
 * @since 0.1.0
 */
export const freeze = (pid: number): Effect.Effect<void, SignalRefused | NeverHappened, Scope.Scope> =>
  Effect.suspend(() => {
    const start = ProcessTable.startTime(pid)
    return Effect.acquireRelease(
      kill(pid, "SIGSTOP"),
      () =>
        Effect.suspend(() =>
          start !== undefined && ProcessTable.isAlive(pid, start) ? Effect.ignore(thaw(pid)) : Effect.void
        )
    ).pipe(
      Effect.andThen(waitUntil(
        () => {
          const info = ProcessTable.read(pid)
          return info === undefined || info.state === "T" || info.state === "Z"
        },
        { what: `stop of ${pid}` }
      ))
    )
  })
