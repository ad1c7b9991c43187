/** Files that are opened again where they arrive: by path, with what their flag allows, at their position. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { NotShareable, type ResourceError } from "../ResourceError.ts"
import { fail } from "./because.ts"
import { badArgument, fileInfo, platformError, writeZero } from "./fileInfo.ts"
import * as RegularFile from "./regularFile.ts"

type Flag = FileSystem.OpenFlag

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = Fs.constants

/** what who has the file may do with it; the rest of a flag is done once, when it is opened first */
const access: Readonly<Record<Flag, number>> = {
  "r": O_RDONLY,
  "r+": O_RDWR,
  "w": O_WRONLY,
  "wx": O_WRONLY,
  "w+": O_RDWR,
  "wx+": O_RDWR,
  "a": O_WRONLY | O_APPEND,
  "ax": O_WRONLY | O_APPEND,
  "a+": O_RDWR | O_APPEND,
  "ax+": O_RDWR | O_APPEND
}

export const flags = Object.keys(access) as ReadonlyArray<string> as ReadonlyArray<Flag>

const creation = (flag: Flag): number =>
  (flag.startsWith("r") ? 0 : O_CREAT) | (flag.startsWith("w") ? O_TRUNC : 0) | (flag.includes("x") ? O_EXCL : 0)

/** What travels. */
export interface Parts extends RegularFile.Identity {
  readonly path: string
  readonly flag: Flag
  readonly position: number
}

// to import it would load all of Effect's file system, and its streams
const FileTypeId: typeof FileSystem.FileTypeId = "~effect/FileSystem/File"

/** As Effect's own, by a handle that is closed only when nothing is being done with it. */
export class OpenFile implements FileSystem.File {
  readonly [FileTypeId]: typeof FileTypeId = FileTypeId
  readonly path: string
  readonly flag: Flag
  private readonly handle: Fs.promises.FileHandle
  private readonly identity: RegularFile.Identity
  private at: bigint

  constructor(path: string, flag: Flag, { handle, identity }: RegularFile.Found, position: bigint) {
    this.path = path
    this.flag = flag
    this.handle = handle
    this.identity = identity
    this.at = position
  }

  get position(): bigint {
    return this.at
  }

  get parts(): Effect.Effect<Parts, ResourceError> {
    const { flag, identity, path } = this
    const refuse = (detail: string) => fail(new NotShareable({ resource: `the file ${path}`, detail }))
    const position = Number(this.at)
    if (this.handle.fd < 0) return refuse("it is closed")
    if (!Number.isSafeInteger(position)) return refuse("its position is beyond 2^53")
    return Effect.succeed({ ...identity, path, flag, position })
  }

  get stat(): Effect.Effect<FileSystem.File.Info, PlatformError> {
    return Effect.map(this.ask("stat", () => this.handle.stat({ bigint: true })), fileInfo)
  }

  get sync(): Effect.Effect<void, PlatformError> {
    return this.ask("sync", () => this.handle.sync())
  }

  seek(offset: bigint, from: FileSystem.SeekMode): Effect.Effect<bigint, PlatformError> {
    return Effect.suspend(() => {
      const position = from === "start" ? offset : this.at + offset
      if (position < 0n) return Effect.fail(badArgument("seek", "Cannot seek before the start of the file"))
      this.at = position
      return Effect.succeed(position)
    })
  }

  read(buffer: Uint8Array, options?: FileSystem.File.ReadOptions): Effect.Effect<number, PlatformError> {
    return this.readInto("read", buffer, options)
  }

  readAlloc(
    size: number,
    options?: FileSystem.File.ReadOptions
  ): Effect.Effect<Option.Option<Uint8Array>, PlatformError> {
    return Effect.suspend(() => {
      if (!Number.isInteger(size) || size < 0) {
        return Effect.fail(badArgument("readAlloc", "size must be a non-negative integer"))
      }
      const buffer = new Uint8Array(size)
      return Effect.map(this.readInto("readAlloc", buffer, options), (bytesRead) =>
        bytesRead === 0
          ? Option.none()
          : Option.some(bytesRead === size ? buffer : buffer.slice(0, bytesRead)))
    })
  }

  truncate(length = 0): Effect.Effect<void, PlatformError> {
    return this.ask("truncate", async () => {
      await this.handle.truncate(length)
      const end = BigInt(length)
      if (!this.appends && this.at > end) this.at = end
    })
  }

  write(buffer: Uint8Array): Effect.Effect<number, PlatformError> {
    return this.writeFrom("write", buffer)
  }

  writeAll(buffer: Uint8Array): Effect.Effect<void, PlatformError> {
    if (buffer.length === 0) return Effect.void
    return Effect.flatMap(this.writeFrom("writeAll", buffer), (bytesWritten) =>
      bytesWritten === 0
        ? Effect.fail(writeZero(this.path))
        : this.writeAll(buffer.subarray(bytesWritten)))
  }

  private get appends(): boolean {
    return (access[this.flag] & O_APPEND) !== 0
  }

  private readInto(method: string, buffer: Uint8Array, options: FileSystem.File.ReadOptions | undefined) {
    return Effect.suspend(() => {
      const position = options?.position ?? this.at
      if (position < 0n) return Effect.fail(badArgument(method, "Cannot read before the start of the file"))
      return this.ask(method, async () => {
        const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, position)
        if (options?.position === undefined) this.at = position + BigInt(bytesRead)
        return bytesRead
      })
    })
  }

  private writeFrom(method: string, buffer: Uint8Array) {
    return Effect.suspend(() => {
      const position = Number(this.at)
      // Node.js would write anywhere
      if (!this.appends && !Number.isSafeInteger(position)) {
        return Effect.fail(badArgument(method, `position exceeds the safe integer range: ${this.at}`))
      }
      return this.ask(method, async () => {
        const { bytesWritten } = await this.handle.write(buffer, 0, buffer.length, this.appends ? null : position)
        if (!this.appends) this.at = BigInt(position + bytesWritten)
        return bytesWritten
      })
    })
  }

  /** To its end: what has been asked of the system happens, and the position must say so. */
  private ask<A>(method: string, ask: () => Promise<A>): Effect.Effect<A, PlatformError> {
    return Effect.uninterruptible(
      Effect.tryPromise({ try: ask, catch: (error) => platformError(method, this.path, error) })
    )
  }
}

export const partsOf = (file: FileSystem.File): Effect.Effect<Parts, ResourceError> =>
  file instanceof OpenFile
    ? file.parts
    : fail(new NotShareable({ resource: "a file", detail: "it was not opened to be sent" }))

/** Does all that its flag says. */
export const open = (
  path: string,
  flag: Flag,
  mode: number | undefined
): Effect.Effect<OpenFile, ResourceError, Scope.Scope> =>
  Effect.gen(function*() {
    const found = yield* RegularFile.open(path, access[flag] | creation(flag), { mode })
    const resolved = yield* RegularFile.asked(path, () => Fs.promises.realpath(path))
    return new OpenFile(resolved, flag, found, 0n)
  })

/** Makes nothing and truncates nothing. */
export const reopen = (
  { flag, path, position, ...expected }: Parts
): Effect.Effect<OpenFile, ResourceError, Scope.Scope> =>
  Effect.map(
    RegularFile.open(path, access[flag], { expected }),
    (found) => new OpenFile(path, flag, found, BigInt(position))
  )
