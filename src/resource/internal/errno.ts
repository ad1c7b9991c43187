/** A call into the C library that failed, as `node:fs` would say it. */
import { constants } from "node:os"

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

export const failure = (syscall: string, errno: number): NodeJS.ErrnoException => {
  const code = names.get(errno) ?? `E${errno}`
  return Object.assign(new Error(`${code}: ${syscall}`), { code, errno, syscall })
}
