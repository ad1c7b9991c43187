import * as Fs from "node:fs"

/** How many descriptors of a process lead to what is, or was, at a path or below it. */
export const openFiles = (path: string, pid: number = process.pid): number =>
  Fs.readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return Fs.readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(path)
    } catch {
      // it is closed by now
      return false
    }
  }).length
