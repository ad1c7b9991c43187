import { RemoteDefect } from "../RemoteError.ts"
import { bounded, longest } from "./bounded.ts"

/** Loaded when it is needed: it would be 2 ms of every child's start. */
const util = () => process.getBuiltinModule("node:util")

/** What an unknown value says of itself. It may be anything: a cycle, a getter that throws, a megabyte. */
export const remoteDefect = (method: string, defect: unknown): RemoteDefect =>
  new RemoteDefect({
    method,
    ...(isError(defect)
      ? {
        errorName: bounded(() => defect.name, longest.name),
        errorMessage: bounded(() => messageOf(defect), longest.message),
        remoteStack: bounded(() => stackOf(defect), longest.stack)
      }
      : {
        errorName: typeof defect,
        errorMessage: bounded(() => typeof defect === "string" ? defect : shown(defect), longest.message),
        remoteStack: ""
      })
  })

/** Even `instanceof` runs code of a Proxy. */
const isError = (value: unknown): value is Error => {
  try {
    return util().types.isNativeError(value) || value instanceof Error
  } catch {
    return false
  }
}

/** A tagged error often has fields and no message. */
const messageOf = (error: Error): unknown => {
  if (error.message !== "") return error.message
  const fields = { ...error }
  return Object.keys(fields).length === 0 ? "" : shown(fields)
}

/** Redacted values stay so, getters are not run. */
const shown = (value: unknown): string => util().inspect(value, { maxStringLength: longest.message })

/** With the causes, since the first error is seldom the one that tells. */
const stackOf = (error: Error): string => {
  const parts: Array<string> = []
  let cause: unknown = error
  while (cause !== undefined && parts.length < 8) {
    const current = cause
    parts.push(bounded(() => isError(current) ? current.stack ?? current : shown(current), longest.stack))
    cause = isError(current) ? current.cause : undefined
  }
  return parts.join("\n[cause]: ")
}
