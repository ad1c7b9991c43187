/**
 * Keeps one shell standing that runs the Reaper's script, whoever kills it.
 */
import * as ChildProcess from "node:child_process"
import * as Net from "node:net"
import * as ReaperScript from "./reaperScript.ts"
import type { RunDirectory } from "./runDirectory.ts"

/** The one shell that POSIX promises. */
export const shellPath = "/bin/sh"

/** A shell that is started again when it dies. */
export interface ReaperShell {
  readonly pid: number | undefined
  /** how the last one ended, or why it could not be started */
  readonly trouble: string | undefined
  /** Starts the shell unless it stands; says whether it now does. */
  readonly stand: () => boolean
  /** Ends the shell, whose directory must be gone by now, and waits until it has been reaped. */
  readonly close: () => Promise<void>
}

/** What stands where there is no shell. */
export const none: ReaperShell = {
  pid: undefined,
  trouble: undefined,
  stand: () => true,
  close: () => Promise.resolve()
}

/** A shell that lived shorter than this (milliseconds) has died at once. */
const atOnce = 50

/** How many shells in a row may die at once before we wait between them. */
const patience = 3

const longestWait = 1_000

/** How long the shell may take to end, in milliseconds; it takes about one. */
const endTimeout = 2_000

const spawn = ({ mark, owner, path }: RunDirectory): ChildProcess.ChildProcess =>
  ChildProcess.spawn(
    shellPath,
    [
      "-c",
      ReaperScript.command,
      ReaperScript.reaperName,
      path,
      String(owner.pid),
      owner.start,
      `${mark.name}=${mark.value}`
    ],
    {
      cwd: "/",
      // a session of its own: no signal of a terminal or to our group reaches it
      detached: true,
      env: {
        PATH: `${process.env.PATH ?? ""}:/usr/bin:/bin:/usr/sbin:/sbin`,
        LC_ALL: "C",
        TZ: "UTC0",
        [ReaperScript.scriptVariable]: ReaperScript.script
      },
      // it must hold nothing that somebody waits to see closed
      stdio: ["ignore", "ignore", "ignore", "pipe"]
    }
  )

/**
 * Supervises the shell; `onTrouble` is told how many in a row could not be started or died at once, when that begins
 * to look like a fault of the machine.
 */
export const make = (directory: RunDirectory, onTrouble: (deaths: number, how: string) => void): ReaperShell => {
  let current: ChildProcess.ChildProcess | undefined
  /** our end, whose closing is the end of us */
  let pipe: Net.Socket | undefined
  let timer: NodeJS.Timeout | undefined
  let deaths = 0
  let trouble: string | undefined
  let closed = false

  const startLater = (how: string): void => {
    trouble = how
    if (closed) return
    deaths++
    if (deaths === patience || deaths % 60 === 0) onTrouble(deaths, how)
    const wait = deaths < patience ? 0 : Math.min(10 * 2 ** (deaths - patience), longestWait)
    timer ??= setTimeout(stand, wait).unref()
  }

  const start = (): void => {
    let child: ChildProcess.ChildProcess
    try {
      child = spawn(directory)
    } catch (error) {
      return startLater(String(error))
    }
    child.once("error", (error) => {
      if (child.pid === undefined) startLater(error.message)
    })
    if (child.pid === undefined) return
    const started = performance.now()
    current = child
    child.unref()
    const end = child.stdio[ReaperScript.descriptor]
    if (end instanceof Net.Socket) pipe = end.on("error", () => {}).unref()
    child.once("exit", (code, signal) => {
      current = undefined
      pipe?.destroy()
      if (performance.now() - started < atOnce) return startLater(signal ?? `exit code ${code}`)
      deaths = 0
      stand()
    })
  }

  const stand = (): boolean => {
    clearTimeout(timer)
    timer = undefined
    if (current === undefined && !closed) start()
    return current !== undefined
  }

  return {
    get pid() {
      return current?.pid
    },
    get trouble() {
      return trouble
    },
    stand,
    close: async () => {
      closed = true
      clearTimeout(timer)
      if (current === undefined) return
      const child = current
      const ended = new Promise((resolve) => child.once("exit", resolve))
      const killer = setTimeout(() => child.kill("SIGKILL"), endTimeout)
      child.ref()
      pipe?.destroy()
      await ended
      clearTimeout(killer)
    }
  }
}
