/**
 * What the system says about processes: Linux by `/proc`, macOS by `ps` (written from its manual, untested).
 *
 * A pid alone names nobody for long, so a process is known by its pid and its start time: a token that is equal for
 * one process and different for every other that ever had its pid.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"

/** One process, as the system shows it. */
export interface ProcessInfo {
  readonly pid: number
  readonly parent: number
  /** the process group's id */
  readonly group: number
  /** a token without spaces: clock ticks since boot on Linux, the date on macOS */
  readonly start: string
  /** `Z` and `X` are dead: nobody has asked for their exit status yet */
  readonly state: string
}

interface Table {
  readonly read: (pid: number) => ProcessInfo | undefined
  readonly all: () => Array<ProcessInfo>
  /** the value of `name` in the environment that the process was started with */
  readonly variable: (pid: number, name: string) => string | undefined
  readonly commandLine: (pid: number) => ReadonlyArray<string>
  /** of this process's terminal: the group in its foreground, 0 or less if there is none */
  readonly foreground: () => number
}

/** Only a process that is gone has no file. Without descriptors or memory we must not believe that it is. */
const readOrUndefined = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // EACCES: a stranger's environment
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES" || code === "EPERM") return undefined
    throw error
  }
}

/** From the state on: the name before it may hold anything, closing parentheses too. */
const statOf = (pid: number): ReadonlyArray<string> | undefined => {
  const stat = readOrUndefined(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")
}

const linux: Table = {
  read: (pid) => {
    const fields = statOf(pid)
    return fields === undefined || fields.length < 20 ? undefined : {
      pid,
      state: fields[0]!,
      parent: Number(fields[1]),
      group: Number(fields[2]),
      start: fields[19]!
    }
  },
  all: () =>
    Fs.readdirSync("/proc").flatMap((name) => {
      const info = /^\d+$/.test(name) ? linux.read(Number(name)) : undefined
      return info === undefined ? [] : [info]
    }),
  variable: (pid, name) =>
    readOrUndefined(`/proc/${pid}/environ`)
      ?.split("\0")
      .find((entry) => entry.startsWith(`${name}=`))
      ?.slice(name.length + 1),
  commandLine: (pid) => readOrUndefined(`/proc/${pid}/cmdline`)?.split("\0").slice(0, -1) ?? [],
  foreground: () => Number(statOf(process.pid)?.[5] ?? 0)
}

const ps = (...args: ReadonlyArray<string>): Array<string> => {
  const result = ChildProcess.spawnSync("/bin/ps", args, {
    encoding: "utf8",
    env: { LC_ALL: "C", TZ: "UTC0" },
    stdio: ["ignore", "pipe", "ignore"]
  })
  return result.stdout?.split("\n").filter((line) => line !== "") ?? []
}

const psColumns = ["-o", "pid=,ppid=,pgid=,stat=,lstart="]

const parsePs = (line: string): ReadonlyArray<ProcessInfo> => {
  const [pid, parent, group, state, ...start] = line.trim().split(/\s+/)
  return start.length < 5 ? [] : [{
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    state: state!.slice(0, 1),
    start: start.join("_")
  }]
}

const bsd: Table = {
  read: (pid) => ps(...psColumns, "-p", String(pid)).flatMap(parsePs)[0],
  all: () => ps("-ax", ...psColumns).flatMap(parsePs),
  variable: (pid, name) =>
    ps("-Eww", "-o", "command=", "-p", String(pid))
      .join("\n")
      .split(" ")
      .find((word) => word.startsWith(`${name}=`))
      ?.slice(name.length + 1),
  commandLine: (pid) => ps("-ww", "-o", "command=", "-p", String(pid)).join("\n").split(" "),
  foreground: () => Number(ps("-o", "tpgid=", "-p", String(process.pid))[0] ?? 0)
}

/** Nobody is seen. */
const blind: Table = {
  read: () => undefined,
  all: () => [],
  variable: () => undefined,
  commandLine: () => [],
  foreground: () => 0
}

const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Whether processes can be told apart: not without `/proc`, nor with that of another pid namespace. */
export const isVisible: boolean = process.platform !== "linux" ||
  attempt(() => Fs.readlinkSync("/proc/self")) === String(process.pid)

const table = process.platform === "linux" ? isVisible ? linux : blind : bsd

/** The process that has this pid now, a zombie included. */
export const read: (pid: number) => ProcessInfo | undefined = table.read

/** Every process of this pid namespace. */
export const all: () => ReadonlyArray<ProcessInfo> = table.all

/** A variable of the environment that a process was started with; only processes of our own user show theirs. */
export const variable: (pid: number, name: string) => string | undefined = table.variable

/** The words that a process was started with. */
export const commandLine: (pid: number) => ReadonlyArray<string> = table.commandLine

/** When the process with this pid started, as a token; `undefined` when there is none. */
export const startTime = (pid: number): string | undefined => read(pid)?.start

/** Whether another group has the foreground of this process's terminal. */
export const isInBackground = (): boolean => {
  const foreground = table.foreground()
  return foreground > 0 && foreground !== read(process.pid)?.group
}

const isDead = (info: ProcessInfo): boolean => info.state === "Z" || info.state === "X"

/** Whether a signal could be sent there; a zombie still takes it. */
const takesSignals = (target: number): boolean => {
  try {
    process.kill(target, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** Whether the process runs (a zombie does not), and is the one that started at `start`. */
export const isAlive = (pid: number, start?: string): boolean => {
  if (!isVisible) return takesSignals(pid)
  const info = read(pid)
  return info !== undefined && !isDead(info) && (start === undefined || info.start === start)
}

/** The living members of a process group. */
export const groupMembers = (group: number): ReadonlyArray<ProcessInfo> =>
  all().filter((info) => info.group === group && !isDead(info))

/**
 * Whether no process of the group lives.
 *
 * Signals reach zombies, and where nobody reaps orphans they stay for ever: so when somebody is there, we look closer.
 */
export const isGroupEmpty = (group: number): boolean =>
  !takesSignals(-group) || (isVisible && groupMembers(group).length === 0)

/** The living descendants of a process among `everyone`, parents before their children. */
export const descendants = (
  pid: number,
  everyone: ReadonlyArray<ProcessInfo> = all()
): ReadonlyArray<ProcessInfo> => {
  const rest = new Set(everyone.filter((info) => !isDead(info)))
  const found: Array<ProcessInfo> = []
  const search = (parent: number): void => {
    for (const info of rest) {
      if (info.parent !== parent) continue
      // each is found once, also where a pid was given away while we read
      rest.delete(info)
      found.push(info)
      search(info.pid)
    }
  }
  search(pid)
  return found
}

/**
 * Where a pid means something: this boot of this machine, and this pid namespace (containers have their own).
 * `undefined` when the system does not say.
 */
export interface Realm {
  readonly boot: string | undefined
  readonly namespace: string | undefined
}

const readRealm = (): Realm =>
  !isVisible
    ? { boot: undefined, namespace: undefined }
    : process.platform === "linux"
    ? {
      boot: attempt(() => Fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()),
      namespace: attempt(() => /\d+/.exec(Fs.readlinkSync("/proc/self/ns/pid"))?.[0])
    }
    : {
      boot: attempt(() =>
        ChildProcess.execFileSync("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "latin1" }).trim()
      ),
      // there are none
      namespace: "0"
    }

let knownRealm: Realm | undefined

/** The realm of this process. */
export const realm = (): Realm => (knownRealm ??= readRealm())
