/**
 * The guard where there is no shell: a thread in the child that ends the child with its parent.
 *
 * The parent opens one more pipe to the child and holds the other end without ever using it. The thread has an event
 * loop of its own, so it sees the pipe's end while the child's main thread is busy. Memory and a start of some 30 ms
 * are its price; the Reaper has neither.
 */
import { Worker } from "node:worker_threads"

/** The child's end of the pipe, after the three standard streams, the session's socket and the log channel. */
export const descriptor = 5

/** It must be a string: a file would be found anew, by whatever loaders the child has. */
const thread = `
const { Socket } = require("node:net")
const { workerData } = require("node:worker_threads")
const end = () => {
  // a group of this number is ours, if there is one
  try { process.kill(-process.pid, "SIGKILL") } catch {}
  process.kill(process.pid, "SIGKILL")
}
const pipe = new Socket({ fd: workerData, readable: true, writable: false })
pipe.on("error", end).on("close", end).resume()
`

/** To be called in the child, once: from then on it and its group do not outlive the pipe `fd`. */
export const watch = (fd: number): void => {
  // no inherited flags: neither a loader nor an inspector has any business there
  new Worker(thread, { eval: true, workerData: fd, execArgv: [], env: {} }).unref()
}
