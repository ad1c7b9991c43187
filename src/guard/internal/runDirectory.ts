/**
 * The directory of a process that starts children: their records, and its sockets.
 *
 * `<tmp>/emp-<uid>/<8 characters>`, 0700, holding
 *
 * - `owner`: whom it belongs to, and where that pid means something;
 * - `o`: a socket that answers for as long as the owner lives, which no pid can promise across containers, and that
 *   tells its user how the owner is (see reception.ts);
 * - `c`, `p`: the records (see records.ts);
 * - sockets and directories with short names, since a socket's path may have no more than about a hundred bytes.
 *
 * It is made under another name and gets its own when its socket listens. So a directory whose socket does not answer
 * is one whose owner is dead.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { type GuardFailure, RunDirectoryFailed, UnsupportedPlatform } from "../GuardFailure.ts"
import * as Kills from "./kills.ts"
import * as Owner from "./owner.ts"
import * as OwnFolder from "./ownFolder.ts"
import * as Reception from "./reception.ts"
import * as Records from "./records.ts"
import { sweep } from "./sweep.ts"

/** A run directory that exists for as long as the Scope it was made in. */
export interface RunDirectory {
  readonly path: string
  /** whom it belongs to: this process */
  readonly owner: Owner.Owner
  /** to be set in the environment of every child, which is how its descendants are known */
  readonly mark: { readonly name: string; readonly value: string }
  /** A new short path for a socket, or a directory, which goes with this one. */
  readonly socketPath: () => string
  /** What the directory's socket answers, by the word that it is asked; nothing at first. */
  readonly answers: Map<string, Reception.Answer>
  /** Removes the directory now, and not only when the Scope closes. What it cannot remove, a sweep will. */
  readonly remove: () => void
}

/** The longest name of a socket in the directory, with the slash before it. */
const socketNameLength = 8

/** What `sockaddr_un` holds besides the final zero. */
const maxSocketPath = process.platform === "darwin" ? 103 : 107

const failed = (path: string, code: string, detail: string): RunDirectoryFailed =>
  new RunDirectoryFailed({ path, code, detail })

const fromSystem = (path: string) => (error: unknown): RunDirectoryFailed => {
  const { code, message } = error as NodeJS.ErrnoException
  return failed(path, code ?? "EUNKNOWN", message)
}

const pathLength = (base: string): number => Buffer.byteLength(base) + "/.12345678".length + socketNameLength

/** Where the run directories of this user are, best place first. */
export const bases = (): ReadonlyArray<string> => {
  const name = `emp-${OwnFolder.uid()}`
  return [...new Set([Path.resolve(Os.tmpdir(), name), `/tmp/${name}`])]
}

/** `/tmp` is the way out where `$TMPDIR` is too deep for a socket's path. */
const chooseBase: Effect.Effect<string, RunDirectoryFailed> = Effect.suspend(() => {
  const base = bases().find((path) => pathLength(path) <= maxSocketPath)
  return base === undefined
    ? Effect.fail(failed(Os.tmpdir(), "ENAMETOOLONG", `too deep for the path of a socket (${maxSocketPath} bytes)`))
    : Effect.succeed(base)
})

/** Makes the directory of all run directories of this user, or makes sure that it is really ours. */
const makeBase = (base: string): Effect.Effect<void, RunDirectoryFailed> =>
  Effect.try({
    try: () => OwnFolder.make(base),
    catch: fromSystem(base)
  }).pipe(
    Effect.flatMap((refusal) => refusal === undefined ? Effect.void : Effect.fail(failed(base, "EPERM", refusal)))
  )

/** `exclusive`: in a worker of node:cluster the socket must be ours, not the primary's. */
const listen = (path: string, { receive }: Reception.Reception): Effect.Effect<Net.Server, RunDirectoryFailed> =>
  Effect.callback((resume) => {
    const server = Net.createServer(receive)
    server.once("error", (error) => resume(Effect.fail(fromSystem(path)(error))))
    server.listen({ path, exclusive: true }, () => {
      server.removeAllListeners("error").on("error", () => {}).unref()
      resume(Effect.succeed(server))
    })
  })

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

const randomName = (): string => Array.from({ length: 8 }, () => alphabet[Crypto.randomInt(alphabet.length)]).join("")

interface Made extends RunDirectory {
  readonly close: () => void
}

const assemble = (path: string, owner: Owner.Owner, server: Net.Server, reception: Reception.Reception): Made => {
  const stopTouching = Owner.keepFresh(path)
  let sockets = 0
  const remove = (): void => {
    try {
      Fs.rmSync(path, { recursive: true, force: true })
    } catch {
      // a sweep after our death will try again
    }
  }
  return {
    path,
    owner,
    mark: { name: Records.markName, value: Records.markValue(path, owner) },
    socketPath: () => Path.join(path, `s${(sockets++).toString(36)}`),
    answers: reception.answers,
    remove,
    close: () => {
      stopTouching()
      remove()
      server.close()
      reception.close()
    }
  }
}

const makeIn = (base: string): Effect.Effect<Made, RunDirectoryFailed> => {
  const name = randomName()
  const hidden = Path.join(base, `.${name}`)
  const path = Path.join(base, name)
  return Effect.gen(function*() {
    const owner = Owner.self()
    yield* Effect.try({
      try: () => {
        Fs.mkdirSync(hidden, { mode: 0o700 })
        Records.makeFolders(hidden)
        Owner.write(hidden, owner)
      },
      catch: fromSystem(path)
    })
    const reception = Reception.make()
    const server = yield* listen(Path.join(hidden, Owner.socketName), reception)
    yield* Effect.try({ try: () => Fs.renameSync(hidden, path), catch: fromSystem(path) }).pipe(
      Effect.onError(() => Effect.sync(() => server.close()))
    )
    return assemble(path, owner, server, reception)
  }).pipe(Effect.onError(() => Effect.sync(() => Fs.rmSync(hidden, { recursive: true, force: true }))))
}

/**
 * Makes this process's run directory. It exists, and its socket listens, until the Scope closes; meanwhile what dead
 * owners have left behind is swept in the background.
 */
export const make: Effect.Effect<RunDirectory, GuardFailure, Scope.Scope> = Effect.gen(function*() {
  if (process.platform === "win32") {
    return yield* new UnsupportedPlatform({
      platform: "win32",
      detail: "processes are kept from leaking by POSIX means only"
    })
  }
  const base = yield* chooseBase
  yield* makeBase(base)
  const directory = yield* Effect.acquireRelease(makeIn(base), (made) => Effect.sync(made.close))
  const context = yield* Effect.context()
  const killed = (children: number) => Kills.countUnsafe("orphans", children, context)
  yield* Effect.forkScoped(Effect.promise((signal) => sweep(base, signal, killed)))
  return directory
})
