/**
 * The terminal that children read from. One that is killed cannot put back what it has changed of its settings, as a
 * raw mode; so this process does, when the last of them has ended.
 */
import * as ChildProcess from "node:child_process"
import { isatty } from "node:tty"
import * as ProcessTable from "../../guard/internal/processTable.ts"
import type { Stdio } from "./options.ts"

let borrowers = 0
let settings: string | undefined
let isSpoiled = false

/** None where there is no such program: then they stay as they are. */
const stty = (argument: string): string | undefined =>
  ChildProcess.spawnSync("stty", [argument], { encoding: "utf8", stdio: ["inherit", "pipe", "ignore"] }).stdout?.trim()

/** To be called before a child is started; the result when it has ended, or could not be started. */
export const lend = (stdin: Stdio): (signal: NodeJS.Signals | null) => void => {
  if (stdin !== "inherit" || !isatty(0)) return nothing
  if (borrowers++ === 0) {
    settings = stty("-g")
    isSpoiled = false
  }
  return (signal) => {
    isSpoiled ||= signal !== null
    // In the background, the terminal is somebody else's now.
    if (--borrowers === 0 && isSpoiled && settings && !ProcessTable.isInBackground()) stty(settings)
  }
}

const nothing = (): void => {}
