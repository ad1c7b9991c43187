/** A tree of processes as its members describe themselves, and the system where they do not. */
import * as Effect from "effect/Effect"
import * as ProcessTable from "../../guard/internal/processTable.ts"
import * as ProcessUsage from "../../guard/internal/processUsage.ts"
import * as Records from "../../guard/internal/records.ts"
import type { Tree } from "../Process.ts"
import type { Kin } from "./builtIns.ts"
import * as Family from "./family.ts"

/** This process and all below it. */
export const tree = (timeout: number): Effect.Effect<Tree> =>
  Effect.flatMap(Family.kin(timeout), (kin) => measured(kin))

/** With what the system says about each. */
export const measured = (kin: Kin): Effect.Effect<Tree> =>
  Effect.promise(async () => {
    const whole = completed(kin, undefined)
    const usages = await ProcessUsage.read(pidsOf(whole))
    const withUsage = ({ calls, children, name, pid, state }: Whole): Tree => {
      const { age, cpuTime, privateBytes, residentBytes, stopped = false } = usages.get(pid) ?? {}
      return {
        pid,
        name,
        state,
        stopped,
        callsInFlight: calls,
        age,
        cpuTime,
        residentBytes,
        privateBytes,
        children: children.map(withUsage)
      }
    }
    return withUsage(whole)
  })

/** Kin of whom everybody has said who his children are. */
interface Whole extends Kin {
  readonly children: ReadonlyArray<Whole>
}

const pidsOf = ({ children, pid }: Whole): ReadonlyArray<number> => [pid, ...children.flatMap(pidsOf)]

type Processes = ReadonlyArray<ProcessTable.ProcessInfo>

/** Who could not be asked has the children that the system says. */
const completed = (kin: Kin, everyone: Processes | undefined): Whole => {
  const { children } = kin
  if (children !== undefined) return { ...kin, children: children.map((child) => completed(child, everyone)) }
  const all = everyone ?? ProcessTable.all()
  return { ...kin, children: startedBy(kin.pid, all).map(({ pid }) => completed(unasked(pid), all)) }
}

/** What is known of a process that nobody asks. */
export const unasked = (pid: number, state: Kin["state"] = "unknown"): Kin => ({
  pid,
  name: nameOf(pid),
  state,
  calls: 0
})

/** Children of this library's, who carry the mark of who started them; what a child started otherwise has another's. */
const startedBy = (pid: number, everyone: Processes): Processes => {
  const parent = everyone.find((info) => info.pid === pid)
  return everyone.filter((info) => info.parent === pid && parent !== undefined && isMarkedBy(info.pid, parent))
}

const isMarkedBy = (pid: number, parent: ProcessTable.ProcessInfo): boolean =>
  ProcessTable.variable(pid, Records.markName)?.endsWith(`:${parent.pid}:${parent.start}`) === true

/** Whether the process is a child of this library's, whose parent lives. */
export const isChild = (pid: number): boolean => {
  const info = ProcessTable.read(pid)
  const parent = info === undefined ? undefined : ProcessTable.read(info.parent)
  return parent !== undefined && isMarkedBy(pid, parent)
}

/** A child's label follows the file that it runs (see launch.ts); others are known by their command line. */
const nameOf = (pid: number): string => {
  const words = ProcessTable.commandLine(pid)
  const boot = words.findIndex((word) => /\/process\/internal\/boot\.[jt]s$/.test(word))
  return boot < 0 ? words.join(" ") : words[boot + 1] ?? ""
}
