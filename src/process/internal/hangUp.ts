import { isatty } from "node:tty"

/**
 * What is printed to a terminal that has been closed is lost, and no reason to die in the middle of an orderly end. The
 * result takes that back.
 */
export const outlive = (): () => void => {
  const streams = [isatty(1) && process.stdout, isatty(2) && process.stderr].filter((stream) => stream !== false)
  for (const stream of streams) stream.on("error", ignoreHangUp)
  return () => {
    for (const stream of streams) stream.off("error", ignoreHangUp)
  }
}

const ignoreHangUp = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EIO") throw error
}
