/** How segments are made, found, mapped and let go. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import type { GuardFailure } from "../../guard/GuardFailure.ts"
import * as Records from "../../guard/internal/records.ts"
import { InvalidOption } from "../../wire/InvalidOption.ts"
import type { Native } from "../Native.ts"
import {
  MalformedSegment,
  NameTaken,
  OutOfSharedMemory,
  type ResourceError,
  type ResourceErrorReason,
  SegmentNotFound,
  SegmentTooSmall,
  type SystemCallFailed
} from "../ResourceError.ts"
import { attempt, because, fail, systemCallFailed } from "./because.ts"
import * as Overlay from "./overlay.ts"
import * as SegmentName from "./segmentName.ts"

type Services = Native["Service"]

/** What the memory of a segment is here. */
interface Mapping {
  readonly buffer: SharedArrayBuffer
  readonly isClosed: () => boolean
}

/** A segment, and how its owner ends its name. */
export interface Made extends Mapping {
  readonly name: string
  readonly size: number
  readonly unlink: Effect.Effect<void>
}

/** A segment that somebody else has made. */
export type Found = Omit<Made, "unlink">

const { O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = Fs.constants

/** of `<fcntl.h>`, which Node.js does not name: a file without a name */
const O_TMPFILE = 0o20000000 | O_DIRECTORY

/** bytes that one may have */
export const largest = Overlay.largest

const checkSize = (size: number): Effect.Effect<void, ResourceError> => {
  const refuse = (detail: string) => fail(new InvalidOption({ option: "size", detail }))
  if (!Number.isInteger(size) || size < 1) return refuse(`${size} is no positive whole number of bytes`)
  return size > largest
    ? refuse(`${size} bytes are more than the ${largest} that can be mapped`)
    : Effect.void
}

const checkMode = (mode: number): Effect.Effect<void, ResourceError> =>
  Number.isInteger(mode) && mode >= 0 && mode <= 0o777
    ? Effect.void
    : fail(new InvalidOption({ option: "mode", detail: `${mode} is not from 0 to 0o777` }))

/** A descriptor that is open as long as the Scope. */
const descriptor = (
  open: () => number,
  reason?: (error: SystemCallFailed) => ResourceErrorReason
): Effect.Effect<number, ResourceError, Scope.Scope> =>
  Effect.acquireRelease(attempt(open, reason), (fd) => Effect.sync(() => Fs.closeSync(fd)))

const free = (): number => {
  const { bavail, bsize } = Fs.statfsSync(SegmentName.directory)
  return bavail * bsize
}

/** Makes sure that no byte is without memory, which else is found out at its first touch, by SIGBUS. */
const reserve = ({ system }: Services, fd: number, size: number): Effect.Effect<void, ResourceError> =>
  Effect.tryPromise({
    try: () => system.reserve(fd, size),
    catch: (error) => {
      const reason = systemCallFailed(error)
      if (reason.code === "ENOSPC") {
        return because(new OutOfSharedMemory({ size, free: free(), detail: `${SegmentName.directory} is full` }))
      }
      return because(
        reason.code === "ENOMEM" ? new OutOfSharedMemory({ size, free: undefined, detail: reason.detail }) : reason
      )
    }
    // The system is at work on the descriptor until it has answered.
  }).pipe(Effect.uninterruptible)

const overlay = (
  { system }: Services,
  fd: number,
  size: number
): Effect.Effect<Overlay.Overlay, ResourceError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => Overlay.make(system, fd, size),
      catch: (error) =>
        because(
          error instanceof RangeError
            ? new OutOfSharedMemory({ size, free: undefined, detail: "no address space is left" })
            : systemCallFailed(error)
        )
    }),
    ({ remove }) => Effect.sync(remove)
  )

/** Who is going to use it first: this process, or another one. */
export type User = "here" | "elsewhere"

/** Mapped as long as the Scope is open. */
const mapped = (
  native: Services,
  fd: number,
  size: number,
  user: User
): Effect.Effect<Mapping, ResourceError, Scope.Scope> =>
  Effect.gen(function*() {
    const { buffer, populate } = yield* overlay(native, fd, size)
    // A page at a time, at its first touch, it would take twice as long.
    if (user === "here") yield* Effect.uninterruptible(Effect.promise(populate))
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
      })
    )
    return { buffer, isClosed: () => closed }
  })

/** What fails leaves nothing behind, however long the Scope goes on. */
export const whole = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.gen(function*() {
    const own = yield* Scope.fork(yield* Effect.scope)
    return yield* Effect.onError(
      Effect.provideService(effect, Scope.Scope, own),
      (cause) => Scope.close(own, Exit.failCause(cause))
    )
  })

const guardFailed = (reason: GuardFailure): ResourceError => because(reason)

/**
 * Gives the file its name, which nobody can have seen before. Its record is written first: whenever we are killed, there
 * is no name or somebody who unlinks it.
 */
const published = (
  native: Services,
  fd: number,
  name: string
): Effect.Effect<Effect.Effect<void>, ResourceError, Scope.Scope> =>
  Effect.gen(function*() {
    const { reaper } = yield* Effect.mapError(native.guard, guardFailed)
    const path = SegmentName.path(name)
    const stat = Fs.fstatSync(fd, { bigint: true })
    return yield* Effect.acquireRelease(
      Effect.suspend(() => {
        const guarded = reaper.addPath(path, stat)
        if (Result.isFailure(guarded)) return fail(guarded.failure)
        const unlink = Effect.sync(() => {
          Records.removeIfSame(path, stat, false)
          guarded.success()
        })
        return attempt(
          () => native.system.link(fd, path),
          (error) => error.code === "EEXIST" ? new NameTaken({ name }) : error
        ).pipe(
          Effect.tapError(() => Effect.sync(guarded.success)),
          Effect.as(unlink)
        )
      }),
      (unlink) => unlink
    )
  })

const filled = (native: Services, fd: number, size: number): Effect.Effect<void, ResourceError> =>
  Effect.andThen(attempt(() => Fs.ftruncateSync(fd, size)), reserve(native, fd, size))

/** Makes a named segment, all zeros. */
export const make = (
  native: Services,
  given: string | undefined,
  size: number,
  mode: number,
  user: User
): Effect.Effect<Made, ResourceError, Scope.Scope> =>
  whole(Effect.gen(function*() {
    const name = given === undefined
      ? SegmentName.fresh()
      : yield* Effect.mapError(Effect.fromResult(SegmentName.parse(given)), because)
    yield* checkSize(size)
    yield* checkMode(mode)
    // once it is mapped and has its name the descriptor is not needed
    return yield* Effect.scopedWith((brief) =>
      Effect.gen(function*() {
        const open = () => Fs.openSync(SegmentName.directory, O_TMPFILE | O_RDWR, mode)
        const fd = yield* Scope.provide(descriptor(open), brief)
        yield* attempt(() => Fs.fchmodSync(fd, mode))
        yield* filled(native, fd, size)
        const mapping = yield* mapped(native, fd, size, user)
        return { ...mapping, name, size, unlink: yield* published(native, fd, name) }
      })
    )
  }))

/** Makes a segment without a file, whose size nobody can change. It ends with its owner, however that ends. */
export const makeSealed = (
  native: Services,
  size: number,
  user: User
): Effect.Effect<Made, ResourceError, Scope.Scope> =>
  whole(Effect.gen(function*() {
    yield* checkSize(size)
    const token = SegmentName.freshToken()
    // others find it for as long as we have it open
    const open = yield* Scope.fork(yield* Effect.scope)
    const fd = yield* Scope.provide(descriptor(() => native.system.anonymous(token)), open)
    yield* filled(native, fd, size)
    yield* attempt(() => native.system.seal(fd))
    const mapping = yield* mapped(native, fd, size, user)
    const name = SegmentName.sealed({ pid: process.pid, descriptor: fd, token })
    return { ...mapping, name, size, unlink: Scope.close(open, Exit.void) }
  }))

/** Nobody waits for what is no file: not for the other end of a FIFO, and no terminal becomes ours. */
const O_ATTACH = O_RDWR | O_NOCTTY | O_NONBLOCK

/** What says that nobody of this name is there. */
const missing = (name: string) => (error: SystemCallFailed): ResourceErrorReason =>
  error.code === "ENOENT" || error.code === "ESRCH" ? new SegmentNotFound({ name }) : error

const openNamed = (given: string): Effect.Effect<readonly [string, number], ResourceError, Scope.Scope> =>
  Effect.gen(function*() {
    const name = yield* Effect.mapError(Effect.fromResult(SegmentName.parse(given)), because)
    const fd = yield* descriptor(() => Fs.openSync(SegmentName.path(name), O_ATTACH | O_NOFOLLOW), missing(name))
    return [name, fd]
  })

const openSealed = (
  name: string,
  sealed: SegmentName.Sealed
): Effect.Effect<readonly [string, number], ResourceError, Scope.Scope> =>
  Effect.gen(function*() {
    // its number may be another file's by now: that one is neither opened nor taken
    const isIt = (link: string) =>
      Effect.flatMap(
        attempt(() => Fs.readlinkSync(link), missing(name)),
        (target) => target === SegmentName.target(sealed) ? Effect.void : fail(new SegmentNotFound({ name }))
      )
    const path = `/proc/${sealed.pid}/fd/${sealed.descriptor}`
    yield* isIt(path)
    const fd = yield* descriptor(() => Fs.openSync(path, O_ATTACH), missing(name))
    yield* isIt(`/proc/self/fd/${fd}`)
    return [name, fd]
  })

/** Maps a segment that somebody has made. */
export const attach = (
  native: Services,
  given: string,
  expected: number
): Effect.Effect<Found, ResourceError, Scope.Scope> =>
  whole(Effect.scopedWith((brief) =>
    Effect.gen(function*() {
      const sealed = SegmentName.parseSealed(given)
      const [name, fd] = yield* Scope.provide(
        sealed === undefined ? openNamed(given) : openSealed(given, sealed),
        brief
      )
      const stat = Fs.fstatSync(fd)
      if (!stat.isFile()) return yield* fail(new MalformedSegment({ name, detail: "it is no file" }))
      const { blocks, size } = stat
      // CPython gives a segment its name first, and then its size
      if (size < expected) return yield* fail(new SegmentTooSmall({ name, size, expected }))
      yield* checkSize(size)
      // one that has all its memory already is not asked for it again, which takes long
      if (blocks * blockSize < size) yield* reserve(native, fd, size)
      // Of what is there already, often only a part is used.
      return { ...yield* mapped(native, fd, size, "elsewhere"), name, size }
    })
  ))

/** bytes of what `stat` calls a block, everywhere */
const blockSize = 512

/** Ends the name of a segment, whoever has made it. */
export const unlink = (given: string): Effect.Effect<void, ResourceError> =>
  Effect.gen(function*() {
    const name = yield* Effect.mapError(Effect.fromResult(SegmentName.parse(given)), because)
    yield* attempt(() => Fs.unlinkSync(SegmentName.path(name)), missing(name))
  })
