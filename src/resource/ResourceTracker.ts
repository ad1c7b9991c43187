/**
 * What is removed when its owner dies: files, sockets, FIFOs, directories, names in shared memory.
 *
 * CPython's `multiprocessing.resource_tracker`, with a memory that survives it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { GuardFailure } from "../guard/GuardFailure.ts"
import * as Records from "../guard/internal/records.ts"
import * as Guard from "../guard/internal/shared.ts"
import { InvalidOption } from "../wire/InvalidOption.ts"
import { attempt, because, fail } from "./internal/because.ts"
import * as Precious from "./internal/precious.ts"
import { PathNotFound, type ResourceError } from "./ResourceError.ts"

/**
 * How something is registered.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface RegisterOptions {
  /** Whether the end of the Scope removes it. Default `false`: it is only forgotten then */
  readonly unlink?: boolean | undefined
}

/**
 * Has what this process owns removed when the process dies.
 *
 * **When to use**
 *
 * For whatever has a name in a file system and must not outlive its owner. What this library makes itself (segments of
 * shared memory, sockets of listeners) it registers itself.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class ResourceTracker extends Context.Service<ResourceTracker, {
  /** see `register` */
  readonly register: (path: string, options?: RegisterOptions) => Effect.Effect<void, ResourceError, Scope.Scope>
  /** see `tempDirectory` */
  readonly tempDirectory: Effect.Effect<string, ResourceError, Scope.Scope>
  /** see `pending` */
  readonly pending: Effect.Effect<ReadonlyArray<string>>
}>()("effect-multiprocessing/ResourceTracker") {}

/**
 * Has what is at a path removed when this process dies, until the Scope closes.
 *
 * **When to use**
 *
 * Right after it was made, by who has made it. Who only uses what others own registers nothing.
 *
 * **Details**
 *
 * A directory is removed with all that is in it, anything else is unlinked: a file, a socket, a FIFO, or a symbolic link
 * itself, never what it leads to. It is known by its device and inode: what was renamed, or is another file by then, is
 * left alone, and so are other names of the same file. Relative paths are resolved, now.
 *
 * It happens within milliseconds of the owner's death, `kill -9` included. If the Reaper is killed, another one takes its
 * place and knows as much; if both are killed, the next process of this user that owns anything does it.
 *
 * It fails with `PathNotFound` when nothing is there, and with `InvalidOption` for a directory that cannot be meant: one
 * that holds the home directory, the working directory, the temporary folder, what this library keeps there, or
 * `/dev/shm`.
 *
 * **Gotchas**
 *
 * A process that is killed after it has made something and before it has registered that leaves it. What is made in a
 * `tempDirectory` has no such moment.
 *
 * **Example** (A FIFO)
 *
 * ```ts
 * Effect.gen(function*() {
 *   execFileSync("mkfifo", ["/tmp/app.fifo"])
 *   yield* ResourceTracker.register("/tmp/app.fifo", { unlink: true })
 * })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const register = (
  path: string,
  options?: RegisterOptions
): Effect.Effect<void, ResourceError, ResourceTracker | Scope.Scope> =>
  Effect.flatMap(ResourceTracker, (tracker) => tracker.register(path, options))

/**
 * A fresh directory, for this user only, which is removed with all that is in it when the Scope closes, or this process
 * dies: at no moment can a kill leave any of it.
 *
 * **Details**
 *
 * Its path is short, so that there is room for the names of sockets.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const tempDirectory: Effect.Effect<string, ResourceError, ResourceTracker | Scope.Scope> = Effect.flatMap(
  ResourceTracker,
  (tracker) => tracker.tempDirectory
)

/**
 * What is registered in this process by `register`, once for each registration, the oldest first.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export const pending: Effect.Effect<ReadonlyArray<string>, never, ResourceTracker> = Effect.flatMap(
  ResourceTracker,
  (tracker) => tracker.pending
)

const guard: Effect.Effect<Guard.Shared, ResourceError, Scope.Scope> = Effect.mapError(
  Guard.shared,
  (reason: GuardFailure) => because(reason)
)

const tempDirectoryOf: Effect.Effect<string, ResourceError, Scope.Scope> = Effect.flatMap(
  guard,
  ({ directory }) =>
    Effect.acquireRelease(
      attempt(() => {
        const path = directory.socketPath()
        Fs.mkdirSync(path, { mode: 0o700 })
        return path
      }),
      (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
    )
)

/** What is there. */
const found = (given: string): Effect.Effect<readonly [string, Fs.BigIntStats], ResourceError> => {
  const refuse = (detail: string) => fail(new InvalidOption({ option: "path", detail }))
  if (given === "" || given.includes("\0")) return refuse(`${JSON.stringify(given)} is no path`)
  const path = Path.resolve(given)
  return Effect.flatMap(
    attempt(
      () => Fs.lstatSync(path, { bigint: true }),
      (error) => error.code === "ENOENT" || error.code === "ENOTDIR" ? new PathNotFound({ path }) : error
    ),
    (stat) => {
      const why = stat.isDirectory() ? Precious.why(stat) : undefined
      return why === undefined ? Effect.succeed([path, stat] as const) : refuse(`${path} ${why}`)
    }
  )
}

/**
 * `ResourceTracker`. It makes this process's run directory and starts its Reaper, unless another part of the process
 * has. They stand as long as the Layer, or anything that is registered.
 *
 * **Details**
 *
 * It needs no `koffi`. It fails with `RunDirectoryFailed`, `ReaperFailed`, or on Windows with `UnsupportedPlatform`.
 * Where there is no `/bin/sh` (`Spawner.capabilities` says so), what a killed process has left is removed by the next
 * process of this user.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<ResourceTracker, ResourceError> = Layer.effect(
  ResourceTracker,
  Effect.gen(function*() {
    yield* guard
    const registered = new Map<symbol, string>()
    const register = Effect.fnUntraced(function*(given: string, { unlink = false }: RegisterOptions = {}) {
      // stands as long as the Scope, whatever becomes of the Layer
      const { reaper } = yield* guard
      yield* Effect.acquireRelease(
        Effect.gen(function*() {
          const [path, stat] = yield* found(given)
          const forget = yield* Effect.mapError(Effect.fromResult(reaper.addPath(path, stat)), because)
          const key = Symbol()
          registered.set(key, path)
          return Effect.sync(() => {
            try {
              if (unlink) Records.removeIfSame(path, stat, stat.isDirectory())
            } finally {
              registered.delete(key)
              forget()
            }
          })
        }),
        (end) => end
      )
    })
    return { register, tempDirectory: tempDirectoryOf, pending: Effect.sync(() => [...registered.values()]) }
  })
)
