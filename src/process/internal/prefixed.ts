import type { Readable, Writable } from "node:stream"

const newline = 10
/** memory of its own: a small Buffer would keep the pool alive of which it is a part */
const lineEnd = Uint8Array.of(newline)

/** bytes; a longer line is written in pieces, each as if it were one */
const longestLine = 64 << 10

/**
 * Writes what comes to a stream of this process, each line with the name of who wrote it, and only whole lines, so that
 * lines of several processes do not mix. What comes last is a line, whether it ends like one or not.
 */
export const write = (pipe: Readable, name: string, to: Writable): void => {
  const prefix = new TextEncoder().encode(`[${name}] `)
  /** the line that has no end yet */
  let parts: Array<Uint8Array> = []
  let size = 0
  let lines: Array<Uint8Array> = []
  const end = (): void => {
    lines.push(prefix, ...parts, lineEnd)
    parts = []
    size = 0
  }
  const flush = (then?: () => void): void => {
    to.write(Buffer.concat(lines), then)
    lines = []
  }
  pipe.on("data", (chunk: Buffer) => {
    for (let at = 0; at < chunk.length;) {
      const found = chunk.indexOf(newline, at)
      const part = chunk.subarray(at, found === -1 ? chunk.length : found)
      parts.push(part)
      size += part.length
      if (found !== -1 || size >= longestLine) end()
      at += part.length + 1
    }
    if (lines.length === 0) return
    pipe.pause()
    flush(() => pipe.resume())
  })
  const last = (): void => {
    if (size === 0) return
    end()
    flush()
  }
  // A pipe that somebody else holds too has no end.
  pipe.once("end", last).once("close", last)
}
