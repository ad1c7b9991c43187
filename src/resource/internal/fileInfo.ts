/** What `node:fs` says of a file, and what it refuses, as Effect's `FileSystem` says it. */
import * as ByteSize from "effect/ByteSize"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import type * as Fs from "node:fs"

const module = "FileSystem"

/** as Effect's own */
const tags: Readonly<Record<string, PlatformError.SystemErrorTag>> = {
  ENOENT: "NotFound",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied",
  EEXIST: "AlreadyExists",
  EISDIR: "BadResource",
  ENOTDIR: "BadResource",
  ELOOP: "BadResource",
  EBUSY: "Busy"
}

export const badArgument = (method: string, description: string): PlatformError.PlatformError =>
  PlatformError.badArgument({ module, method, description })

export const writeZero = (path: string): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: "WriteZero",
    module,
    method: "writeAll",
    pathOrDescriptor: path,
    description: "nothing of it was written"
  })

export const platformError = (method: string, path: string, error: unknown): PlatformError.PlatformError => {
  const { code, message, syscall } = error as NodeJS.ErrnoException
  // what Node.js refuses itself, before it asks the system
  if (code === undefined || code.startsWith("ERR_")) return badArgument(method, message)
  return PlatformError.systemError({
    _tag: tags[code] ?? "Unknown",
    module,
    method,
    pathOrDescriptor: path,
    syscall,
    cause: error
  })
}

/** Node.js shows those with the highest bit as negative. */
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value)

export const fileInfo = (stat: Fs.BigIntStats): FileSystem.File.Info => ({
  type: "File",
  mtime: Option.some(stat.mtime),
  atime: Option.some(stat.atime),
  birthtime: Option.some(stat.birthtime),
  dev: unsigned(stat.dev),
  rdev: Option.some(unsigned(stat.rdev)),
  ino: Option.some(unsigned(stat.ino)),
  mode: Number(stat.mode),
  nlink: Option.some(unsigned(stat.nlink)),
  uid: Option.some(Number(stat.uid)),
  gid: Option.some(Number(stat.gid)),
  size: ByteSize.bytes(stat.size),
  blksize: Option.some(ByteSize.bytes(stat.blksize)),
  blocks: Option.some(stat.blocks)
})
