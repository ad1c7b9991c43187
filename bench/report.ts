/** Rows as people read them: a table of Markdown a case, in a terminal and in docs/benchmarks.md. */
import { readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg } from "node:os"
import type { Row } from "./harness.ts"

const shown = (value: number | undefined): string =>
  value === undefined ? "" : value >= 10_000 ? Math.round(value).toLocaleString("en") : String(value)

const namesOf = (rows: ReadonlyArray<Row>, group: "peers" | "floors"): ReadonlyArray<string> => [
  ...new Set(rows.flatMap((row) => Object.keys(row[group])))
]

/** Rows of one case; the best peer of each stands in bold. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const peers = namesOf(rows, "peers")
  const floors = namesOf(rows, "floors")
  const cells = rows.map((row) => {
    const best = row.better === "lower" ? Math.min(...Object.values(row.peers)) : Math.max(...Object.values(row.peers))
    return [
      `${row.name}, ${row.unit} (${row.better} is better)`,
      shown(row.ours),
      row.ratio.toFixed(2),
      ...peers.map((name) => row.peers[name] === best ? `**${shown(best)}**` : shown(row.peers[name])),
      ...floors.map((name) => shown(row.floors[name]))
    ]
  })
  const lines = [[rows[0]!.case, "ours", "ratio", ...peers, ...floors.map((name) => `floor: ${name}`)], ...cells]
  const widths = lines[0]!.map((_, column) => Math.max(3, ...lines.map((line) => line[column]!.length)))
  const [head, ...body] = lines.map((line) => `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`)
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n")
}

/** On what it is measured, and how busy that is now. */
export const machine = (): string =>
  `Node.js ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores (${
    cpus()[0]!.model.trim()
  }), load average ${loadavg()[0]!.toFixed(1)} before the run`

const page = new URL("../docs/benchmarks.md", import.meta.url)
const marks = /(<!-- results -->\n)[^]*(<!-- end of results -->)/

/** Puts tables in the place of the last ones. */
export const publish = (machine: string, tables: ReadonlyArray<string>): void => {
  const date = new Date().toISOString().slice(0, 10)
  const results = `\n${date}, ${machine}.\n\n${tables.join("\n\n")}\n\n`
  writeFileSync(page, readFileSync(page, "utf8").replace(marks, (_, begin, end) => `${begin}${results}${end}`))
}
