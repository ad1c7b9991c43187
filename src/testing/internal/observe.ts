/**
 * What this process has at a moment that could leak: each thing has a key, by which it is known again, and a
 * description for people.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Owner from "../../guard/internal/owner.ts"
import * as OwnFolder from "../../guard/internal/ownFolder.ts"
import * as ProcessTable from "../../guard/internal/processTable.ts"
import { reaperName } from "../../guard/internal/reaperScript.ts"
import { markName } from "../../guard/internal/records.ts"
import * as RunDirectory from "../../guard/internal/runDirectory.ts"
import * as Timers from "./timers.ts"

/** Something that could leak. */
export interface Thing {
  readonly kind: Kind
  readonly key: string
  /** What has no name is counted: one of a group that took the place of another is no leak. */
  readonly group?: string
  readonly description: string
}

/** The kinds of things, in the order in which they are reported. */
export const kinds = [
  "child",
  "zombie",
  "orphan",
  "reaper",
  "runDirectory",
  "sharedMemory",
  "descriptor",
  "handle"
] as const

/** A kind of things. */
export type Kind = (typeof kinds)[number]

/** All things at a moment, and the processes that existed then. */
export interface Observation {
  readonly things: ReadonlyArray<Thing>
  readonly processes: ReadonlySet<string>
}

const keyOf = (info: ProcessTable.ProcessInfo): string => `${info.pid}:${info.start}`

const shown = (pid: number): string => {
  const words = ProcessTable.commandLine(pid).join(" ")
  return `pid ${pid}: ${words.length > 200 ? `${words.slice(0, 200)}...` : words}`
}

/** A Reaper's shell is known by its directory, since a killed one is replaced by another. */
const reaperOf = (pid: number): string | undefined => {
  const words = ProcessTable.commandLine(pid)
  const position = words.indexOf(reaperName)
  return position === -1 ? undefined : words[position + 1]
}

const ownChild = (info: ProcessTable.ProcessInfo): Thing => {
  const key = keyOf(info)
  if (info.state === "Z") {
    return { kind: "zombie", key, description: `pid ${info.pid} has ended and was not reaped` }
  }
  const directory = reaperOf(info.pid)
  return directory === undefined
    ? { kind: "child", key, description: shown(info.pid) }
    : { kind: "reaper", key: directory, description: `pid ${info.pid} guards ${directory}` }
}

/** A process that was started by a child of ours and has lost it; only new ones are looked at. */
const orphan = (info: ProcessTable.ProcessInfo, ours: string): ReadonlyArray<Thing> =>
  ProcessTable.variable(info.pid, markName)?.endsWith(ours) === true && info.state !== "Z"
    ? [{ kind: "orphan", key: keyOf(info), description: `${shown(info.pid)} (parent ${info.parent})` }]
    : []

const entries = (directory: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(directory)
  } catch {
    return []
  }
}

const attempt = <A>(read: () => A): ReadonlyArray<A> => {
  try {
    return [read()]
  } catch {
    // it went away while we looked
    return []
  }
}

/** Directories of ours, and those that a dead child of ours has left. */
const runDirectories = (self: Owner.Owner): ReadonlyArray<Thing> =>
  RunDirectory.bases().flatMap((base) =>
    entries(base).flatMap((name): ReadonlyArray<Thing> => {
      const path = Path.join(base, name)
      const owner = Owner.read(path)
      if (owner === undefined || !Owner.sharesRealm(owner)) return []
      const ours = owner.pid === self.pid && owner.start === self.start
      const left = owner.parent === self.pid && !ProcessTable.isAlive(owner.pid, owner.start)
      return ours || left
        ? [{ kind: "runDirectory", key: path, description: `${path} of ${ours ? "this process" : `pid ${owner.pid}`}` }]
        : []
    })
  )

/** Segments are named `emp-<pid of their maker>-...`; those of processes that live elsewhere are not ours to report. */
const sharedMemory = (family: ReadonlySet<number>): ReadonlyArray<Thing> =>
  entries("/dev/shm").flatMap((name): ReadonlyArray<Thing> => {
    const match = /^emp-(\d+)-/.exec(name)
    if (match === null) return []
    const maker = Number(match[1])
    const path = `/dev/shm/${name}`
    const reportable = family.has(maker) || !ProcessTable.isAlive(maker)
    return attempt(() => Fs.lstatSync(path)).some(({ uid }) => uid === OwnFolder.uid()) && reportable
      ? [{ kind: "sharedMemory", key: path, description: `${path} of pid ${maker}` }]
      : []
  })

/** What descriptors point to: by that they are known again, since their numbers are used again. */
const descriptors = (): ReadonlyArray<Thing> => {
  if (process.platform !== "linux") {
    return entries("/dev/fd").map((fd): Thing => ({ kind: "descriptor", key: fd, description: fd }))
  }
  return entries("/proc/self/fd").flatMap((fd) =>
    attempt((): Thing => {
      const target = Fs.readlinkSync(`/proc/self/fd/${fd}`)
      const nameless = /^(?:socket|pipe):/.exec(target)?.[0]
      return {
        kind: "descriptor",
        key: target,
        ...(nameless === undefined ? {} : { group: nameless }),
        description: `${fd} -> ${target}`
      }
    })
  )
}

const timerName = "Timeout"

/** What keeps the event loop going; an immediate does for one turn only. */
const handles = (): ReadonlyArray<Thing> => [
  ...process.getActiveResourcesInfo()
    .filter((name) => name !== timerName && name !== "Immediate")
    .map((name): Thing => ({ kind: "handle", key: name, description: name })),
  ...Timers.active().map(({ id, place }): Thing => ({
    kind: "handle",
    key: `${timerName} ${id}`,
    description: `${timerName} made at ${place}`
  }))
]

/** Looks at everything; with what was there before, at new processes only. */
export const observe = (before?: Observation): Observation => {
  Timers.follow()
  const self = Owner.self()
  const ours = `:${self.pid}:${self.start}`
  const everyone = ProcessTable.all()
  const family = new Set([self.pid, ...ProcessTable.descendants(self.pid, everyone).map(({ pid }) => pid)])
  const things = everyone.flatMap((info) =>
    info.parent === self.pid
      ? [ownChild(info)]
      : before === undefined || before.processes.has(keyOf(info)) || info.pid === self.pid
      ? []
      : orphan(info, ours)
  )
  return {
    processes: new Set(everyone.map(keyOf)),
    things: [
      ...things,
      ...runDirectories(self),
      ...sharedMemory(family),
      ...descriptors(),
      ...handles()
    ]
  }
}

/** libuv opens it with a process's first stream and keeps it, to have a descriptor to spare. */
const reserve = "descriptor /dev/null"

const mayOpenReserve = (before: Observation): boolean =>
  !before.things.some(({ description, kind }) =>
    kind === "descriptor" && /^(?:[3-9]|\d{2,}) -> \/dev\/null$/.test(description)
  )

const count = (things: ReadonlyArray<Thing>, nameOf: (thing: Thing) => string | undefined): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const thing of things) {
    const name = nameOf(thing)
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

const identity = (thing: Thing): string => `${thing.kind} ${thing.key}`

/** What is there now and was not there before, as often as it is there more often. */
export const difference = (before: Observation, now: Observation): ReadonlyArray<Thing> => {
  const known = count(before.things, identity)
  if (mayOpenReserve(before)) known.set(reserve, (known.get(reserve) ?? 0) + 1)
  const added = now.things.filter((thing) => {
    const left = known.get(identity(thing)) ?? 0
    known.set(identity(thing), left - 1)
    return left <= 0
  })
  const surplus = count(now.things, ({ group }) => group)
  for (const [group, many] of count(before.things, ({ group }) => group)) {
    surplus.set(group, (surplus.get(group) ?? 0) - many)
  }
  const leaks = added.filter(({ group }) => {
    if (group === undefined) return true
    const left = surplus.get(group) ?? 0
    surplus.set(group, left - 1)
    return left > 0
  })
  return leaks.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))
}
