/**
 * What a run directory says about children and other things that must not outlive their owner.
 *
 * A record is a name, not a content, so that it is there or not there, whatever is killed meanwhile, and even when the
 * disk is full:
 *
 * - `c/<pid>.<start>.g`: a living child that leads its process group (`.p`: that does not);
 * - `p/<device>.<inode>.<n>`: a symbolic link to a file that must be unlinked. It is read, never followed;
 * - `d/<device>.<inode>.<n>`: the same for a directory, which is removed with all that is in it.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as ProcessTable from "./processTable.ts"

/** The folder of the children's records. */
export const childrenFolder = "c"

/** The folder of the paths' records. */
export const pathsFolder = "p"

/** The folder of the records of directories: no file's number that was given again may stand for one. */
export const directoriesFolder = "d"

/**
 * An entry that is always among the children's records. A shell that does not see it has no descriptors left to look,
 * which would else look to it like no records.
 */
export const sentinel = "_"

/** Makes the folders of a run directory. */
export const makeFolders = (directory: string): void => {
  for (const folder of [childrenFolder, pathsFolder, directoriesFolder]) {
    Fs.mkdirSync(Path.join(directory, folder), { mode: 0o700 })
  }
  Fs.closeSync(Fs.openSync(Path.join(directory, childrenFolder, sentinel), "wx", 0o600))
}

/** A child that must not outlive its owner. */
export interface ChildRecord {
  readonly pid: number
  readonly start: string
  /** whether it leads a process group of its own, which then ends with it */
  readonly group: boolean
}

/** The end of the record of a child that leads a group. */
export const groupSuffix = ".g"

/** The record's name. */
export const childName = (child: ChildRecord): string =>
  `${child.pid}.${child.start}${child.group ? groupSuffix : ".p"}`

/** Refuses everything that `childName` cannot have made; pid 1 and what `kill` reads as "everybody" above all. */
export const parseChildName = (name: string): ChildRecord | undefined => {
  const match = /^([1-9]\d{0,6})\.([0-9A-Za-z_:]{1,40})\.([gp])$/.exec(name)
  const pid = Number(match?.[1])
  return match === null || pid === 1 ? undefined : { pid, start: match[2]!, group: match[3] === "g" }
}

/** Only a folder that is not there, or a link in its place, has no entries. */
const list = (folder: string): ReadonlyArray<string> =>
  Fs.lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? Fs.readdirSync(folder) : []

/** The children that a run directory names. */
export const children = (directory: string): ReadonlyArray<ChildRecord> =>
  list(Path.join(directory, childrenFolder)).flatMap((name) => parseChildName(name) ?? [])

/** Whether anybody was there to be killed. */
const sendKill = (target: number): boolean => {
  try {
    return process.kill(target, "SIGKILL")
  } catch {
    // it has just ended, or it runs as another user, whom we may not touch
    return false
  }
}

/**
 * The environment variable by which a process is known as a descendant of a run directory's owner.
 *
 * A leader's pid says nothing once the leader is gone, since then its group cannot be told from a later one with the
 * same number; but no number is given away while its group lives, so one marked member identifies the whole group.
 */
export const markName = "EFFECT_MULTIPROCESSING_RUN"

/** The mark's value. */
export const markValue = (directory: string, owner: { readonly pid: number; readonly start: string }): string =>
  `${directory}:${owner.pid}:${owner.start}`

/**
 * Kills the children that a run directory names, with their groups. To be done where their pids mean something. Returns
 * how many there were.
 */
export const killChildren = (directory: string, mark: string): number => {
  const leaderless: Array<number> = []
  let killed = 0
  for (const child of children(directory)) {
    const info = ProcessTable.read(child.pid)
    if (info?.start === child.start) {
      if (child.group) sendKill(-child.pid)
      if (sendKill(child.pid)) killed++
    } else if (info === undefined && child.group && !ProcessTable.isGroupEmpty(child.pid)) {
      leaderless.push(child.pid)
    }
  }
  for (const group of leaderless) {
    const ours = ProcessTable.groupMembers(group).some(({ pid }) => ProcessTable.variable(pid, markName) === mark)
    if (ours && sendKill(-group)) killed++
  }
  return killed
}

/** What a file or a directory is known by, whatever is at its path later. */
export interface Identity {
  readonly dev: bigint
  readonly ino: bigint
}

/** The record of a path, `serial` being a number that no other record of the directory has. */
export const pathName = ({ dev, ino }: Identity, serial: number): string => `${dev}.${ino}.${serial}`

/** Removes what is at a path, unless it is something else by now. */
export const removeIfSame = (path: string, expected: Identity, isDirectory: boolean): void => {
  const found = Fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (found?.dev !== expected.dev || found.ino !== expected.ino || found.isDirectory() !== isDirectory) return
  if (isDirectory) Fs.rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  else Fs.rmSync(path, { force: true })
}

/** Removes the files and directories that a run directory names, unless something else has taken their place. */
export const removePaths = (directory: string): void => {
  for (const folder of [pathsFolder, directoriesFolder]) {
    for (const name of list(Path.join(directory, folder))) {
      const [, dev, ino] = /^(\d+)\.(\d+)\.\d+$/.exec(name) ?? []
      if (dev === undefined || ino === undefined) continue
      try {
        const target = Fs.readlinkSync(Path.join(directory, folder, name))
        const expected = { dev: BigInt(dev), ino: BigInt(ino) }
        if (Path.isAbsolute(target)) removeIfSame(target, expected, folder === directoriesFolder)
      } catch {
        // it is gone, or it is not what its record says, or we may not: nothing more can be done about it
      }
    }
  }
}
