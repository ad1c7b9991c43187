/**
 * The records of a run directory, as its living owner keeps them.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as ProcessTable from "./processTable.ts"
import * as Records from "./records.ts"

/** The records; whoever adds one must be ready for an exception of the file system. */
export interface RecordBook {
  readonly addChild: (pid: number, group: boolean) => void
  readonly removeChild: (pid: number) => void
  /** The result removes this record and no other: many may be of one path, by many owners. */
  readonly addPath: (path: string, stat?: Fs.BigIntStats) => () => void
  /** Lets go of everything in memory; the files stay. */
  readonly close: () => void
}

const unlinkIfThere = (file: string): void => {
  try {
    Fs.unlinkSync(file)
  } catch {
    // the directory is gone, and the record with it
  }
}

const firstWait = 50
const longestWait = 2_000

/** Opens the book of a directory that has no records yet. */
export const make = (directory: string): RecordBook => {
  const children = new Map<number, string>()
  /** leaders that are gone and whose group may live */
  const lingering = new Set<number>()
  let timer: NodeJS.Timeout | undefined
  let count = 0

  const forget = (pid: number): void => {
    const file = children.get(pid)
    if (file === undefined) return
    children.delete(pid)
    lingering.delete(pid)
    unlinkIfThere(file)
  }

  const watch = (wait: number): void => {
    timer = undefined
    for (const pid of lingering) if (ProcessTable.isGroupEmpty(pid)) forget(pid)
    if (lingering.size > 0) timer = setTimeout(watch, wait, Math.min(wait * 2, longestWait)).unref()
  }

  return {
    addChild: (pid, group) => {
      const start = ProcessTable.startTime(pid)
      if (start === undefined) return
      // a number is not given away while its group lives: so whoever had it before is gone for good
      forget(pid)
      const file = Path.join(directory, Records.childrenFolder, Records.childName({ pid, start, group }))
      Fs.closeSync(Fs.openSync(file, "wx", 0o600))
      children.set(pid, file)
    },
    removeChild: (pid) => {
      const leads = children.get(pid)?.endsWith(Records.groupSuffix) ?? false
      if (!leads || ProcessTable.isGroupEmpty(pid)) return forget(pid)
      lingering.add(pid)
      timer ??= setTimeout(watch, firstWait, firstWait * 2).unref()
    },
    addPath: (path, given) => {
      const stat = given ?? Fs.lstatSync(path, { bigint: true })
      const folder = stat.isDirectory() ? Records.directoriesFolder : Records.pathsFolder
      const file = Path.join(directory, folder, Records.pathName(stat, count++))
      Fs.symlinkSync(Path.resolve(path), file)
      return () => unlinkIfThere(file)
    },
    close: () => {
      clearTimeout(timer)
      lingering.clear()
    }
  }
}
