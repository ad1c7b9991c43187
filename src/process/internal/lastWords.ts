import type { Readable } from "node:stream"

/** milliseconds after which a pipe that has not ended is somebody else's too: a grandchild may hold it */
const patience = 200

/** bytes; no pipe holds more, so what comes then was written by somebody else */
const longest = 16 << 20

/**
 * Calls back when all has been read that an ended process had written: at the end of its pipe, or when nothing is left
 * of what the kernel held. The pipe has a reader who lets it flow, or will.
 */
export const ofPipe = (pipe: Readable, heard: () => void): void => {
  if (pipe.closed) return heard()
  let bytes = 0
  let silent = true
  const hear = (chunk: Buffer): void => {
    silent = false
    bytes += chunk.length
  }
  const settle = (): void => {
    clearTimeout(timer)
    pipe.off("data", hear).off("close", settle).off("resume", listen)
    heard()
  }
  // This process may have been busy all the time: what lies there is read before the second turn.
  const listen = (): void => {
    silent = true
    setImmediate(() => setImmediate(decide))
  }
  const decide = (): void => {
    if (pipe.closed) return
    if (pipe.isPaused()) pipe.once("resume", listen)
    else if (silent || bytes > longest) settle()
    else listen()
  }
  const timer = setTimeout(listen, patience)
  pipe.on("data", hear).once("close", settle)
}
