/** A snapshot of trees as lines of text. */
import { basename } from "node:path"
import * as ProcessTable from "../../guard/internal/processTable.ts"
import type { Tree } from "../../process/Process.ts"

/** The processor time of an earlier snapshot, by pid. */
export type Before = ReadonlyMap<number, { readonly age: number; readonly cpuTime: number }>

const flatten = (tree: Tree): ReadonlyArray<Tree> => [tree, ...tree.children.flatMap(flatten)]

export const count = (trees: ReadonlyArray<Tree>): number => trees.flatMap(flatten).length

export const remember = (trees: ReadonlyArray<Tree>): Before =>
  new Map(trees.flatMap(flatten).map(({ age = 0, cpuTime = 0, pid }) => [pid, { age, cpuTime }]))

/** Names are what others have chosen: none of it may mean anything to a terminal. */
const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?")

const two = (n: number): string => String(Math.floor(n)).padStart(2, "0")

/** `1:02`, `1:02:03`, `4d 01:02` */
export const clock = (millis: number): string => {
  const seconds = millis / 1000
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor(seconds / 3600)
  if (days > 0) return `${days}d ${two(hours % 24)}:${two(seconds / 60 % 60)}`
  const rest = `${hours > 0 ? two(seconds / 60 % 60) : Math.floor(seconds / 60)}:${two(seconds % 60)}`
  return hours > 0 ? `${hours}:${rest}` : rest
}

const mebibytes = (bytes: number): string => (bytes / (1 << 20)).toFixed(bytes < 100 << 20 ? 1 : 0)

/** In per cent of one processor: since the earlier snapshot, and of a process's whole life where there is none. */
const load = ({ age, cpuTime, pid }: Tree, before: Before): string | undefined => {
  if (age === undefined || cpuTime === undefined) return undefined
  const since = before.get(pid)
  const earlier = since === undefined || since.age >= age ? { age: 0, cpuTime: 0 } : since
  return (100 * Math.max(0, cpuTime - earlier.cpuTime) / Math.max(1, age - earlier.age)).toFixed(1)
}

const header = ["PID", "STATE", "CALLS", "CPU%", "TIME", "RSS", "PRIVATE", "AGE"]
const widths = [7, 12, 6, 6, 8, 8, 8, 9]

const columns = (cells: ReadonlyArray<string | undefined>, name: string): string =>
  `${cells.map((cell = "-", i) => i === 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join(" ")}  ${name}`

const row = (tree: Tree, before: Before, name: string): string => {
  const { age, callsInFlight, cpuTime, pid, privateBytes, residentBytes, state, stopped } = tree
  const of = (shown: (value: number) => string, value: number | undefined) =>
    value === undefined ? undefined : shown(value)
  return columns([
    String(pid),
    stopped ? "stopped" : state,
    String(callsInFlight),
    load(tree, before),
    of(clock, cpuTime),
    of(mebibytes, residentBytes),
    of(mebibytes, privateBytes),
    of(clock, age)
  ], name)
}

const rows = (tree: Tree, before: Before, lead: string, name: string): ReadonlyArray<string> => [
  row(tree, before, name),
  ...tree.children.flatMap((child, i) => {
    const last = i === tree.children.length - 1
    return rows(
      child,
      before,
      `${lead}${last ? "   " : "|  "}`,
      `${lead}${last ? "`- " : "|- "}${printable(child.name)}`
    )
  })
]

/** All roots have one name; their command lines differ. */
const titleOf = ({ name, pid }: Tree): string => {
  const [program, ...words] = name === "MainProcess" ? ProcessTable.commandLine(pid) : []
  return printable(program === undefined ? name : [basename(program), ...words].join(" "))
}

/** The whole of it, memory in MiB. */
export const table = (trees: ReadonlyArray<Tree>, before: Before): ReadonlyArray<string> => [
  columns(header, "NAME"),
  ...trees.flatMap((tree) => rows(tree, before, "", titleOf(tree)))
]

/** As much of the lines as fits. */
export const fit = (lines: ReadonlyArray<string>, size: { readonly columns: number; readonly rows: number }) => {
  const shown = lines.length <= size.rows
    ? lines
    : [...lines.slice(0, Math.max(0, size.rows - 1)), `... and ${lines.length - size.rows + 1} more`]
  return shown.map((line) => line.slice(0, size.columns))
}
