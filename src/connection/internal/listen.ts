/** A listening socket whose traces are removed, whatever ends this process. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import * as Net from "node:net"
import type { GuardFailure } from "../../guard/GuardFailure.ts"
import * as Owner from "../../guard/internal/owner.ts"
import * as Guard from "../../guard/internal/shared.ts"
import * as Address from "../Address.ts"
import { ConnectionError, ListenFailed } from "../ConnectionError.ts"
import type { Options } from "../Listener.ts"
import { target } from "./open.ts"
import { resolve, type Resolved } from "./options.ts"

export interface Listening {
  readonly server: Net.Server
  /** with the port that the system chose */
  readonly address: Address.Address
  readonly resolved: Resolved
}

const because = (reason: GuardFailure): ConnectionError => new ConnectionError({ reason })

const failed = (address: Address.Address, { code = "EUNKNOWN", message }: NodeJS.ErrnoException): ConnectionError =>
  new ConnectionError({ reason: new ListenFailed({ address: Address.format(address), code, detail: message }) })

export const listen = Effect.fnUntraced(
  function*(options: Options): Effect.fn.Return<Listening, ConnectionError, Scope.Scope> {
    const given = options.address ?? (process.platform === "win32" ? freshPipe() : undefined)
    if (given !== undefined) {
      const resolved = yield* Effect.fromResult(resolve(given, options))
      if (resolved.address._tag !== "Unix") return yield* bound(resolved, options)
      const { reaper } = yield* Effect.mapError(Guard.shared, because)
      yield* Effect.promise(() => clear(resolved.address as typeof Address.Unix.Type))
      return yield* onFile(resolved, options, reaper)
    }
    const { directory, reaper } = yield* Effect.mapError(Guard.shared, because)
    const resolved = yield* Effect.fromResult(resolve(Address.unix(directory.socketPath()), options))
    return yield* onFile(resolved, options, reaper)
  }
)

const freshPipe = (): Address.Address => Address.pipe(`emp-${process.pid}-${randomBytes(8).toString("hex")}`)

const bound = (resolved: Resolved, { backlog }: Options): Effect.Effect<Listening, ConnectionError, Scope.Scope> => {
  const { address } = resolved
  const start = Effect.callback<Net.Server, ConnectionError>((resume) => {
    const server = Net.createServer({ pauseOnConnect: true })
    server.once("error", (error) => resume(Effect.fail(failed(address, error))))
    // `exclusive`: in a worker of node:cluster the socket must be ours, not the primary's.
    server.listen({ ...target(address), exclusive: true, ...(backlog === undefined ? {} : { backlog }) }, () => {
      server.removeAllListeners("error").on("error", () => {})
      resume(Effect.succeed(server))
    })
  })
  // The address is free at once; whoever owns a connection closes it.
  const stop = (server: Net.Server) => Effect.sync(() => server.close())
  return Effect.map(Effect.acquireRelease(start, stop), (server) => {
    const actual = server.address()
    return {
      server,
      resolved,
      address: address._tag === "Tcp" && actual !== null && typeof actual === "object"
        ? Address.tcp(actual.port, address.host)
        : address
    }
  })
}

const onFile = Effect.fnUntraced(
  function*(resolved: Resolved, options: Options, reaper: Guard.Shared["reaper"]) {
    const { path } = resolved.address as typeof Address.Unix.Type
    const listening = yield* bound(resolved, options)
    yield* Effect.try({
      try: () => Fs.chmodSync(path, options.mode ?? 0o600),
      catch: (error) => failed(resolved.address, error as NodeJS.ErrnoException)
    })
    const guarded = reaper.addPath(path)
    if (Result.isFailure(guarded)) return yield* Effect.fail(because(guarded.failure))
    yield* Effect.addFinalizer(() => Effect.sync(guarded.success))
    return listening
  }
)

/**
 * Removes the socket's file of somebody who died without a guard. What is removed is first put aside, so that of two
 * who come at once neither removes what the other has made meanwhile.
 */
const clear = async ({ path }: typeof Address.Unix.Type): Promise<void> => {
  const before = Fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (before?.isSocket() !== true || await Owner.answersAt(path)) return
  const aside = `${path}.${randomBytes(4).toString("hex")}`
  try {
    Fs.renameSync(path, aside)
    // A number of a file that is gone may be given again, so the time in which it was made tells them apart.
    const { dev, ino, mtimeNs } = Fs.lstatSync(aside, { bigint: true })
    if (dev !== before.dev || ino !== before.ino || mtimeNs !== before.mtimeNs) Fs.linkSync(aside, path)
    Fs.unlinkSync(aside)
  } catch {
    // Somebody else was faster, or it is not ours to remove: whoever listens here is told by the system.
  }
}
