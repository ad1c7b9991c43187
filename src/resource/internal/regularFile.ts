/** Opening a regular file and nothing else, and knowing it again. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as ProcessTable from "../../guard/internal/processTable.ts"
import { InvalidOption } from "../../wire/InvalidOption.ts"
import {
  FileReplaced,
  NotRegularFile,
  PathNotFound,
  type ResourceError,
  type ResourceErrorReason
} from "../ResourceError.ts"
import { because, fail, systemCallFailed } from "./because.ts"

/**
 * Which file it is, wherever it is then. An inode's number is given again as soon as nobody has the file, and machines
 * that began as copies have equal ones: hence the time of its birth, and where all of this means something.
 */
export interface Identity {
  /** this boot of this machine */
  readonly machine: string
  readonly device: string
  readonly inode: string
  /** nanoseconds; "0" where the file system does not know */
  readonly born: string
}

export interface Found {
  readonly handle: Fs.promises.FileHandle
  readonly identity: Identity
}

const machine = (): string => ProcessTable.realm().boot ?? ""

const identityOf = ({ birthtimeNs, dev, ino }: Fs.BigIntStats): Identity => ({
  machine: machine(),
  device: `${dev}`,
  inode: `${ino}`,
  born: `${birthtimeNs}`
})

const isSame = (one: Identity, other: Identity): boolean =>
  one.device === other.device && one.inode === other.inode &&
  (one.born === other.born || one.born === "0" || other.born === "0")

const kindOf = (stat: Fs.BigIntStats): string =>
  stat.isDirectory()
    ? "a directory"
    : stat.isFIFO()
    ? "a FIFO"
    : stat.isSocket()
    ? "a socket"
    : "a device"

/** Why what is there is not what is wanted. */
const mistake = (path: string, stat: Fs.BigIntStats, expected: Identity | undefined): ResourceErrorReason | undefined =>
  !stat.isFile()
    ? new NotRegularFile({ path, found: kindOf(stat) })
    : expected !== undefined && !isSame(identityOf(stat), expected)
    ? new FileReplaced({ path, detail: "another file is there now" })
    : undefined

export const asked = <A>(path: string, ask: () => Promise<A>): Effect.Effect<A, ResourceError> =>
  Effect.tryPromise({
    try: ask,
    catch: (error) => {
      const reason = systemCallFailed(error)
      return because(reason.code === "ENOENT" || reason.code === "ENOTDIR" ? new PathNotFound({ path }) : reason)
    }
  })

/** What is at the path before it is opened: to open a device may already do something. */
const look = (path: string, flags: number) =>
  Effect.catchIf(
    asked(path, () => Fs.promises.stat(path, { bigint: true })),
    ({ reason }) => reason._tag === "PathNotFound" && (flags & Fs.constants.O_CREAT) !== 0,
    () => Effect.undefined
  )

/**
 * Opens it for as long as the Scope: no FIFO makes anybody wait, and no device hears of it. What a message means is
 * `expected`, whatever else is at its path by now.
 */
export const open = (
  path: string,
  flags: number,
  options: { readonly mode?: number | undefined; readonly expected?: Identity }
): Effect.Effect<Found, ResourceError, Scope.Scope> => {
  const { expected, mode } = options
  const refused = (stat: Fs.BigIntStats) => {
    const reason = mistake(path, stat, expected)
    return reason === undefined ? Effect.void : fail(reason)
  }
  const acquire = Effect.gen(function*() {
    if (path === "" || path.includes("\0")) {
      return yield* fail(new InvalidOption({ option: "path", detail: `${JSON.stringify(path)} is no path` }))
    }
    if (expected !== undefined && expected.machine !== machine()) {
      const detail = "it was opened on another machine, or before this one was started"
      return yield* fail(new FileReplaced({ path, detail }))
    }
    const before = yield* look(path, flags)
    if (before !== undefined) yield* refused(before)
    // between the two looks something else may come there
    const careful = flags | Fs.constants.O_NONBLOCK | Fs.constants.O_NOCTTY
    const handle = yield* asked(path, () => Fs.promises.open(path, careful, mode))
    const checked = Effect.tap(asked(path, () => handle.stat({ bigint: true })), refused)
    const stat = yield* Effect.onError(checked, () => close(handle))
    return { handle, identity: identityOf(stat) }
  })
  return Effect.acquireRelease(acquire, ({ handle }) => close(handle))
}

/** Waits for what is being done with it. */
const close = (handle: Fs.promises.FileHandle): Effect.Effect<void> => Effect.promise(() => handle.close())
