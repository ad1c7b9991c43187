import { RemoteDefect } from "../RemoteError.ts"

/** characters; a stack longer than this says nothing more */
const longest = { name: 256, message: 16 * 1024, stack: 32 * 1024 } as const

/** What an unknown value says of itself. It may be anything: a cycle, a getter that throws, a megabyte. */
export const remoteDefect = (method: string, defect: unknown): RemoteDefect => {
  const isError = defect instanceof Error
  return new RemoteDefect({
    method,
    errorName: text(() => isError ? defect.name : typeof defect, longest.name),
    errorMessage: text(
      () => isError ? defect.message : typeof defect === "object" ? JSON.stringify(defect) : String(defect),
      longest.message
    ),
    remoteStack: text(() => isError ? defect.stack : "", longest.stack)
  })
}

const text = (read: () => unknown, limit: number): string => {
  try {
    const value = String(read())
    return value.length > limit ? `${value.slice(0, limit)}…` : value
  } catch (error) {
    return `(cannot be shown: ${error instanceof Error ? error.message : typeof error})`
  }
}
