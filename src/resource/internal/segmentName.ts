/** What segments are called, and where they are. */
import * as Result from "effect/Result"
import { randomBytes } from "node:crypto"
import { InvalidName } from "../ResourceError.ts"

/** where `shm_open` of every C library for Linux makes its files */
export const directory = "/dev/shm"

/** The path of a segment's file. */
export const path = (name: string): string => `${directory}/${name}`

/** A new name; `LeakCheck` knows by it which process has made the segment. */
export const fresh = (): string => `emp-${process.pid}-${randomBytes(4).toString("hex")}`

/** bytes that a file's name may have */
const longest = 255

/** The name as CPython shows it: without the slash that `shm_open` wants before it. */
export const parse = (given: string): Result.Result<string, InvalidName> => {
  const name = given.startsWith("/") ? given.slice(1) : given
  const invalid = (detail: string) => Result.fail(new InvalidName({ name: given, detail }))
  if (name === "") return invalid("it is empty")
  if (name === "." || name === "..") return invalid("it is a directory")
  if (name.includes("/")) return invalid("it has a slash")
  if (/[\0\n]/.test(name)) return invalid("it has a NUL or a line break")
  if (/\p{Surrogate}/u.test(name)) return invalid("it is no valid Unicode")
  if (Buffer.byteLength(name) > longest) return invalid(`it has more than ${longest} bytes`)
  return isSealed(name) ? invalid("sealed segments are called so") : Result.succeed(name)
}

/** A segment that has no file in the directory: it is found at its owner, who holds it open. */
export interface Sealed {
  readonly pid: number
  readonly descriptor: number
  /** what it is called, by which it is told from another one that has its number now */
  readonly token: string
}

const sealedForm = /^memfd:([1-9]\d{0,9}):(\d{1,9}):([0-9a-f]{32})$/

const isSealed = (name: string): boolean => name.startsWith("memfd:")

/** The name by which others attach a sealed segment. */
export const sealed = ({ descriptor, pid, token }: Sealed): string => `memfd:${pid}:${descriptor}:${token}`

export const parseSealed = (name: string): Sealed | undefined => {
  const [, pid, descriptor, token] = sealedForm.exec(name) ?? []
  return token === undefined ? undefined : { pid: Number(pid), descriptor: Number(descriptor), token }
}

/** What a link to one of its descriptors says. */
export const target = ({ token }: Sealed): string => `/memfd:${token} (deleted)`

export const freshToken = (): string => randomBytes(16).toString("hex")
