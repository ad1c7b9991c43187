/**
 * Ends what dead owners have left behind, for the case that their Reaper was killed too.
 *
 * Many sweepers may be at work at once, and a Reaper with them: every step may be done twice or find that it has been
 * done. No step touches what a living owner has.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Owner from "./owner.ts"
import * as OwnFolder from "./ownFolder.ts"
import * as ProcessTable from "./processTable.ts"
import * as Records from "./records.ts"

/**
 * After how many hours without a touch a directory is given up whose pids mean nothing to us: another container's, or
 * from before a reboot. Its owner may live where we cannot hear it, and touches it every hour; its Reaper needs
 * milliseconds.
 */
const foreignAge = 24

/** The same for a directory that was never finished. Making one takes milliseconds. */
const unfinishedAge = 1

/**
 * Removes a run directory, last of all what says whose it is: whoever is stopped in between, or misses an entry because
 * others remove theirs meanwhile, leaves a directory that the next one still knows for stale.
 */
const remove = async (directory: string): Promise<void> => {
  const options = { recursive: true, force: true, maxRetries: 3 }
  for (;;) {
    const names = (await Fs.promises.readdir(directory)).filter((name) => name !== Owner.fileName)
    if (names.length === 0) break
    for (const name of names) await Fs.promises.rm(Path.join(directory, name), options)
  }
  await Fs.promises.rm(directory, options)
}

const sweepOne = async (directory: string, killed: (children: number) => void): Promise<void> => {
  if (OwnFolder.refusal(directory) !== undefined || await Owner.answers(directory)) return
  if (Path.basename(directory).startsWith(".")) {
    if (Owner.hoursUntouched(directory) < unfinishedAge) return
  } else {
    const owner = Owner.read(directory)
    if (owner !== undefined && Owner.sharesRealm(owner)) {
      // a cleaner of temporary files may have taken a living owner's socket away
      if (ProcessTable.isAlive(owner.pid, owner.start)) return
      killed(Records.killChildren(directory, Records.markValue(directory, owner)))
      Records.removePaths(directory)
    } else if (Owner.hoursUntouched(directory) < foreignAge) {
      // one that is removed elsewhere is empty at last; any other that says nothing stays
      if (owner === undefined) await Fs.promises.rmdir(directory)
      return
    }
  }
  await remove(directory)
}

/**
 * Sweeps all stale run directories in `base`. Entries that are no run directories of ours are left alone; what fails
 * for one directory does not hinder the others. `killed` hears how many children each had left.
 */
export const sweep = async (
  base: string,
  signal: AbortSignal,
  killed: (children: number) => void = () => {}
): Promise<void> => {
  const names = await Fs.promises.readdir(base).catch(() => [])
  for (const name of names) {
    if (signal.aborted) return
    if (/^\.?[a-z0-9]{8}$/.test(name)) await sweepOne(Path.join(base, name), killed).catch(() => {})
  }
}
