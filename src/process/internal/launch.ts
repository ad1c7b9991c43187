import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ChildProcess from "node:child_process"
import type * as Net from "node:net"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import * as ProcessTable from "../../guard/internal/processTable.ts"
import type { Guard } from "../../guard/internal/reaper.ts"
import type { ProcessExited } from "../../wire/RemoteError.ts"
import { ProcessError, SignalFailed, SpawnFailed } from "../ProcessError.ts"
import * as ChildExit from "./exit.ts"
import * as HandleRelay from "./handleRelay.ts"
import * as LastWords from "./lastWords.ts"
import * as LogChannel from "./logChannel.ts"
import * as Logs from "./logs.ts"
import type { Resolved } from "./options.ts"
import * as Prefixed from "./prefixed.ts"
import * as Tail from "./tail.ts"
import * as Terminal from "./terminal.ts"

/** bytes of stderr that are kept for a late reader, and that an exit quotes */
const kept = 64 * 1024
const quoted = 8 * 1024

/** A started operating system's process, before and after it speaks our protocol. */
export interface Launched {
  readonly name: string
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** the last of what `stderr` has given */
  readonly stderrTail: Tail.Tail | undefined
  /** lets go of all its pipes */
  readonly release: () => void
  /** completes when the process has been reaped, and all that it logged has been given to the loggers */
  readonly exit: Effect.Effect<ProcessExited>
  readonly exited: () => ProcessExited | undefined
  /** to the process alone; nothing happens when it is gone */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void, ProcessError>
  /** to its group, or to it alone where it leads none; `why` becomes part of its exit */
  readonly signalGroup: (signal: NodeJS.Signals, why: string) => void
  /** processes that it left in its group after its own end */
  readonly hasRemains: () => boolean
}

export const launch = (
  name: string,
  options: Resolved,
  boot: URL,
  channel: Net.Socket,
  extra: {
    readonly env: NodeJS.ProcessEnv
    readonly label: ReadonlyArray<string>
    readonly guard: Guard
    /** whether it can send and receive handles of Node.js */
    readonly handles: boolean
    /** whose loggers get what the child logs */
    readonly context: Context.Context<never>
  }
): Effect.Effect<Launched, ProcessError> =>
  Effect.callback<Launched, ProcessError>((resume) => {
    const failed = (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(
        new ProcessError({
          reason: new SpawnFailed({
            execPath: options.execPath,
            code: error.code ?? error.name,
            detail: error.message
          })
        })
      ))
    const oomKills = ChildExit.oomKills()
    const giveBack = Terminal.lend(options.stdio[0])
    let child: ChildProcess.ChildProcess
    try {
      // The label says to `ps` what runs here; the child's own argv is set by what it is told.
      child = ChildProcess.spawn(options.execPath, [...options.execArgv, fileURLToPath(boot), ...extra.label], {
        cwd: options.cwd,
        env: { ...options.env, ...extra.env },
        // See logChannel.ts. The watchdog's pipe says one thing, by its end; see watchdog.ts.
        stdio: [
          ...options.stdio.map((use) => use === "prefix" ? "pipe" : use),
          channel,
          options.logs === "forward" ? "pipe" : "ignore",
          ...(extra.guard === "watchdog" ? ["pipe" as const] : []),
          ...(extra.handles ? ["ipc" as const] : [])
        ],
        detached: options.group
      })
    } catch (error) {
      giveBack(null)
      return failed(error as NodeJS.ErrnoException)
    }
    if (child.pid === undefined) {
      giveBack(null)
      child.once("error", failed)
      return
    }
    child.once("exit", (_, signal) => giveBack(signal))
    child.on("error", () => {})
    if (extra.handles) HandleRelay.follow(child)
    const logs = (child.stdio[LogChannel.descriptor] ?? undefined) as Readable | undefined
    if (logs !== undefined) Logs.follow(logs, { name, pid: child.pid, context: extra.context })
    resume(Effect.succeed(observe(name, options, child, child.pid, logs, oomKills)))
  })

const observe = (
  name: string,
  options: Resolved,
  child: ChildProcess.ChildProcess,
  pid: number,
  logs: Readable | undefined,
  oomKillsBefore: number | undefined
): Launched => {
  const exit = Deferred.makeUnsafe<ProcessExited>()
  const tail = child.stderr === null ? undefined : Tail.follow(child.stderr, kept)
  const [, stdout, stderr] = options.stdio
  if (stdout === "prefix") Prefixed.write(child.stdout!, name, process.stdout)
  if (stderr === "prefix") Prefixed.write(child.stderr!, name, process.stderr)
  let exited: ProcessExited | undefined
  let why: string | undefined
  let reaped = false
  child.once("exit", (code, signal) => {
    reaped = true
    const end = () => {
      exited = ChildExit.describe({
        name,
        pid,
        code,
        signal,
        stderr: tail === undefined ? undefined : Buffer.from(tail.bytes()).subarray(-quoted).toString("utf8"),
        oomKills: { before: oomKillsBefore, after: ChildExit.oomKills() },
        detail: why
      })
      Deferred.doneUnsafe(exit, Exit.succeed(exited))
    }
    const pipes = [stdout === "prefix" ? child.stdout : null, child.stderr, logs ?? null].filter((pipe) =>
      pipe !== null
    )
    let open = pipes.length
    if (open === 0) end()
    for (const pipe of pipes) LastWords.ofPipe(pipe, () => --open === 0 && end())
  })
  const kill = (target: number, signal: NodeJS.Signals): NodeJS.ErrnoException | undefined => {
    try {
      process.kill(target, signal)
      return undefined
    } catch (error) {
      return error as NodeJS.ErrnoException
    }
  }
  return {
    name,
    pid,
    stdin: child.stdin,
    stdout: stdout === "pipe" ? child.stdout : null,
    stderr: stderr === "pipe" ? child.stderr : null,
    stderrTail: tail,
    release: () => {
      for (const pipe of [child.stdin, child.stdout, child.stderr, logs]) pipe?.destroy()
      if (child.connected) child.disconnect()
    },
    exit: Deferred.await(exit),
    exited: () => exited,
    signal: (signal) =>
      Effect.suspend(() => {
        if (reaped) return Effect.void
        const error = kill(pid, signal)
        return error === undefined || error.code === "ESRCH" ? Effect.void : Effect.fail(
          new ProcessError({ reason: new SignalFailed({ pid, signal, code: error.code ?? "EUNKNOWN" }) })
        )
      }),
    signalGroup: (signal, reason) => {
      if (!reaped) why ??= reason
      if (options.group) kill(-pid, signal)
      else if (!reaped) kill(pid, signal)
    },
    hasRemains: () => options.group && !ProcessTable.isGroupEmpty(pid)
  }
}
