/** Which memory of segments processes have touched, as the kernel counts it. */
import * as Fs from "node:fs"
import * as Os from "node:os"

const [major, minor] = Os.release().split(".").map(Number) as [number, number]

/** Whether this kernel touches what it is asked to: from 5.14 on. */
export const canTouch = process.platform === "linux" && (major > 5 || (major === 5 && minor >= 14))

if (!canTouch) console.warn(`NOT RUN: segments that are touched when they are made, because this is ${Os.release()}`)

/** KiB of a file that a process has touched where it has the file mapped, of all these places together. */
export const touchedKiB = (pid: number, file: string): number => {
  const { ino } = Fs.statSync(file)
  const places = Fs.readFileSync(`/proc/${pid}/smaps`, "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  return places
    .filter((place) => place.split(/\s+/, 5)[4] === String(ino))
    .reduce((sum, place) => sum + Number(/^Rss: +(\d+) kB$/m.exec(place)![1]), 0)
}
