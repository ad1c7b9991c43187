/** What the system says that processes use: Linux by `/proc`, macOS by `ps` (written from its manual, untested). */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs/promises"
import { promisify } from "node:util"
import * as ProcessTable from "./processTable.ts"

/** What one process uses. */
export interface Usage {
  /** milliseconds since its start */
  readonly age: number
  /** milliseconds of processor time, of all its threads */
  readonly cpuTime: number
  /** bytes of memory that it has in RAM, with what it shares */
  readonly residentBytes: number
  /** bytes of it that no other process has; `undefined` where the system does not tell, or not us */
  readonly privateBytes: number | undefined
  /** a signal has stopped it */
  readonly stopped: boolean
}

/** Of the processes that are there. */
export type Usages = ReadonlyMap<number, Usage>

/** what the kernel tells times in, on every platform that Node.js runs on */
const ticksPerSecond = 100

const fromTicks = (ticks: string): number => Number(ticks) * 1000 / ticksPerSecond

const readOrEmpty = (path: string): Promise<string> => Fs.readFile(path, "latin1").catch(() => "")

/** The sum of the lines in KiB whose names the pattern has, in bytes; `undefined` where there are none. */
const bytesOf = (text: string, names: string): number | undefined => {
  const found = Array.from(
    text.matchAll(new RegExp(`^(?:${names}):\\s+(\\d+) kB$`, "gm")),
    ([, kibibytes]) => Number(kibibytes)
  )
  return found.length === 0 ? undefined : 1024 * found.reduce((sum, next) => sum + next)
}

const linux = async (pids: ReadonlyArray<number>): Promise<Usages> => {
  const uptime = Number.parseFloat(await readOrEmpty("/proc/uptime")) * 1000
  const one = async (pid: number): Promise<ReadonlyArray<readonly [number, Usage]>> => {
    const [stat, status, rollup] = await Promise.all(
      ["stat", "status", "smaps_rollup"].map((file) => readOrEmpty(`/proc/${pid}/${file}`))
    )
    // see processTable.ts
    const fields = stat!.slice(stat!.lastIndexOf(")") + 2).split(" ")
    if (fields.length < 20) return []
    return [[pid, {
      age: Math.max(0, uptime - fromTicks(fields[19]!)),
      cpuTime: fromTicks(fields[11]!) + fromTicks(fields[12]!),
      residentBytes: bytesOf(status!, "VmRSS") ?? 0,
      privateBytes: bytesOf(rollup!, "Private_(?:Clean|Dirty)"),
      stopped: fields[0] === "T"
    }]]
  }
  return new Map((await Promise.all(pids.map(one))).flat())
}

/** `[[days-]hours:]minutes:seconds`, with a fraction. */
const fromClock = (text: string): number => {
  const [, days = "0", rest] = /^(?:(\d+)-)?(.*)$/.exec(text)!
  return 1000 * rest!.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) + 86_400_000 * Number(days)
}

/** Exported for its test alone. */
export const parsePs = (line: string): readonly [number, Usage] => {
  const [pid, state, resident, time, elapsed] = line.trim().split(/\s+/)
  return [Number(pid), {
    age: fromClock(elapsed!),
    cpuTime: fromClock(time!),
    residentBytes: 1024 * Number(resident),
    privateBytes: undefined,
    stopped: state!.startsWith("T")
  }]
}

const execFile = promisify(ChildProcess.execFile)

const bsd = async (pids: ReadonlyArray<number>): Promise<Usages> => {
  const args = ["-o", "pid=,stat=,rss=,time=,etime=", "-p", pids.join(",")]
  // it fails when one of them is gone, and tells of the others all the same
  const { stdout } = await execFile("/bin/ps", args, { env: { LC_ALL: "C" } }).catch((failed: { stdout?: string }) =>
    failed
  )
  return new Map((stdout ?? "").split("\n").filter((line) => line.trim() !== "").map(parsePs))
}

const none = (): Promise<Usages> => Promise.resolve(new Map())

/** What processes of this pid namespace use; asked for all at once, since on macOS that is one `ps`. */
export const read: (pids: ReadonlyArray<number>) => Promise<Usages> = !ProcessTable.isVisible
  ? none
  : process.platform === "linux"
  ? linux
  : bsd
