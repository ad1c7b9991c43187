/** Directories whose removal nobody can mean. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Identity } from "../../guard/internal/records.ts"
import * as RunDirectory from "../../guard/internal/runDirectory.ts"
import * as SegmentName from "./segmentName.ts"

const directories: ReadonlyArray<readonly [what: string, find: () => ReadonlyArray<string>]> = [
  ["the home directory", () => [Os.homedir(), Os.userInfo().homedir]],
  ["the working directory", () => [process.cwd()]],
  ["the temporary folder", () => [Os.tmpdir()]],
  ["the run directories", RunDirectory.bases],
  ["the shared memory of all programs", () => [SegmentName.directory]]
]

/** A directory and all in which it is. */
const upwards = (path: string): ReadonlyArray<string> => {
  const above = Path.dirname(path)
  return above === path ? [path] : [path, ...upwards(above)]
}

const ask = <A>(question: () => A): A | undefined => {
  try {
    return question()
  } catch {
    // what does not exist cannot be removed
    return undefined
  }
}

/** Whether all of something precious is in the directory, and what. */
export const why = (directory: Identity): string | undefined => {
  for (const [what, find] of directories) {
    for (const path of ask(find) ?? []) {
      for (const above of upwards(ask(() => Fs.realpathSync(path)) ?? "/")) {
        const stat = ask(() => Fs.statSync(above, { bigint: true }))
        if (stat?.dev === directory.dev && stat.ino === directory.ino) return `holds ${what}`
      }
    }
  }
  return undefined
}
