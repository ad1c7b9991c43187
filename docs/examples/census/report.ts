/** What the user sees. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { type NotText, Sheet, type Unreadable } from "./contract.ts"

/** What became of each file, and how long that took. */
export interface Run {
  readonly title: string
  readonly startUp: Duration.Duration
  readonly work: Duration.Duration
  readonly sheets: ReadonlyArray<Sheet | NotText | Unreadable>
  /** surveys that were asked for again */
  readonly retries: number
}

export interface Comparison {
  readonly directory: string
  readonly processes: number
  readonly alone: Run
  readonly together: Run
  /** whether a process was killed half-way */
  readonly chaos: boolean
  readonly equal: boolean
}

const total = ({ startUp, work }: Run) => Duration.toSeconds(Duration.sum(startUp, work))

const summarize = (run: Run) => {
  const sheets = run.sheets.filter((sheet) => sheet instanceof Sheet)
  const sum = (count: (sheet: Sheet) => number) => sheets.reduce((n, sheet) => n + count(sheet), 0)
  const identifiers = new Map<string, number>()
  for (const [name, count] of sheets.flatMap((sheet) => [...sheet.identifiers])) {
    identifiers.set(name, (identifiers.get(name) ?? 0) + count)
  }
  return {
    files: sheets.length,
    skipped: run.sheets.length - sheets.length,
    lines: sum(({ lines }) => lines),
    words: sum(({ words }) => words),
    identifiers: [...identifiers.values()].reduce((n, count) => n + count, 0),
    distinct: identifiers.size,
    mostFrequent: [...identifiers].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, 10),
    sha256: createHash("sha256").update(sheets.map(({ sha256 }) => sha256).join()).digest("hex")
  }
}

const speedups = ({ alone, together }: Comparison) => ({
  speedup: total(alone) / total(together),
  speedupWithoutStartUp: Duration.toSeconds(alone.work) / Duration.toSeconds(together.work)
})

export const json = (comparison: Comparison): string => {
  const { alone, chaos, directory, equal, processes, together } = comparison
  const timesOf = (run: Run) => ({
    startUp: Duration.toSeconds(run.startUp),
    work: Duration.toSeconds(run.work),
    total: total(run)
  })
  return JSON.stringify({
    directory,
    ...summarize(together),
    processes,
    chaos,
    retries: together.retries,
    equal,
    seconds: total(together),
    ...speedups(comparison),
    inProcess: timesOf(alone),
    inProcesses: timesOf(together)
  })
}

export const text = (comparison: Comparison): string => {
  const { chaos, directory, equal, together } = comparison
  const { distinct, files, identifiers, lines, mostFrequent, sha256, skipped, words } = summarize(together)
  const { speedup, speedupWithoutStartUp } = speedups(comparison)
  const names = mostFrequent.map(([name, count]) => `${name} ${count.toLocaleString("en")}`)
  return [
    `${speedup.toFixed(2)} times as fast, ${speedupWithoutStartUp.toFixed(2)} without the start-up`,
    ...(chaos ? [`A process was killed half-way; ${together.retries} files were asked for again.`] : []),
    "",
    directory,
    `${files.toLocaleString("en")} files` +
    (skipped === 0 ? "" : `, and ${skipped} that are no text or cannot be read`),
    `${lines.toLocaleString("en")} lines, ${words.toLocaleString("en")} words`,
    `${identifiers.toLocaleString("en")} identifiers, ${distinct.toLocaleString("en")} different: ${names.join(", ")}`,
    `sha256 ${sha256}`,
    "",
    equal ? "Both counts are equal." : "THE COUNTS DIFFER."
  ].join("\n")
}

export const time = (run: Run): string =>
  `${run.title.padEnd(20)}${total(run).toFixed(2).padStart(7)} s, ${
    Duration.toSeconds(run.work).toFixed(2)
  } s of it work`

/** A progress bar where someone can see it, and nothing where it would fill a file. */
export const progress = (title: string, files: number): (done: number) => Effect.Effect<void> => {
  if (!process.stderr.isTTY) return () => Effect.void
  const width = 40
  let drawn = -1
  return (done) =>
    Effect.sync(() => {
      const filled = Math.floor(width * done / files)
      if (filled === drawn) return
      drawn = filled
      const bar = "█".repeat(filled) + "░".repeat(width - filled)
      process.stderr.write(done === files ? "\r\x1b[K" : `\r${title.padEnd(20)}${bar} ${done}/${files}`)
    })
}
