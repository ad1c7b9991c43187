import { readFileSync } from "node:fs"
import { constants } from "node:os"
import { ProcessExited } from "../../wire/RemoteError.ts"

const heapExhausted = /heap out of memory|heap limit|Allocation failed - process out of memory/

/** How a child ended, in CPython's terms and in words. */
export const describe = (facts: {
  readonly name: string
  readonly pid: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string | undefined
  readonly oomKills: { readonly before: number | undefined; readonly after: number | undefined }
  readonly detail: string | undefined
}): ProcessExited =>
  new ProcessExited({
    name: facts.name,
    pid: facts.pid,
    exitCode: facts.signal === null ? facts.code ?? 0 : -constants.signals[facts.signal],
    signal: facts.signal ?? undefined,
    stderr: facts.stderr,
    outOfMemory: outOfMemory(facts),
    detail: facts.detail
  })

const outOfMemory = (facts: Parameters<typeof describe>[0]): ProcessExited["outOfMemory"] => {
  if (facts.detail !== undefined) return "no"
  if (facts.stderr !== undefined && heapExhausted.test(facts.stderr)) return "heap"
  switch (facts.signal) {
    case "SIGKILL": {
      const { before, after } = facts.oomKills
      if (before === undefined || after === undefined) return "unknown"
      return after > before ? "cgroup" : "no"
    }
    // V8 aborts when its heap is exhausted, and says so only on stderr.
    case "SIGABRT":
    case "SIGTRAP":
    case "SIGILL":
      return facts.stderr === undefined ? "unknown" : "no"
    default:
      return "no"
  }
}

/** How many processes of our control group the kernel has killed for lack of memory; undefined where it is not told. */
export const oomKills = (): number | undefined => {
  const groups = read("/proc/self/cgroup")
  if (groups === undefined) return undefined
  const unified = /^0::(.+)$/m.exec(groups)?.[1]
  const memory = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.+)$/m.exec(groups)?.[1]
  const events = memory === undefined
    ? unified === undefined ? undefined : read(`/sys/fs/cgroup${unified}/memory.events`)
    : read(`/sys/fs/cgroup/memory${memory}/memory.oom_control`) ?? read("/sys/fs/cgroup/memory/memory.oom_control")
  const count = events === undefined ? undefined : /^oom_kill (\d+)$/m.exec(events)?.[1]
  return count === undefined ? undefined : Number(count)
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // No control groups, no access, another system: not told.
    return undefined
  }
}
