import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as Inlet from "../../wire/internal/inlet.ts"
import { ProcessError, RunDirectoryFailed } from "../ProcessError.ts"

/** Two ends of one connection: ours, and the one that a child is started with. */
export interface HandedSocket {
  readonly ours: Net.Socket
  readonly inlet: Inlet.Inlet
  readonly theirs: Net.Socket
}

/**
 * Connects this process to itself at a path that exists for an instant. Unlike the pipes that `spawn` makes, both ends
 * have buffers of full size, and ours can read straight into place. It takes an instant, so it is not interrupted.
 */
export const make = (path: string): Effect.Effect<HandedSocket, ProcessError> =>
  Effect.callback<HandedSocket, ProcessError>((resume) => {
    const inlet = Inlet.make()
    const server = Net.createServer({ pauseOnConnect: true })
    let ours: Net.Socket | undefined
    const fail = (error: NodeJS.ErrnoException) => {
      server.close()
      ours?.destroy()
      resume(Effect.fail(
        new ProcessError({
          reason: new RunDirectoryFailed({ path, code: error.code ?? "EUNKNOWN", detail: error.message })
        })
      ))
    }
    server.once("error", fail)
    server.once("connection", (theirs) => {
      server.close()
      ours!.removeListener("error", fail)
      resume(Effect.succeed({ ours: ours!.resume(), inlet, theirs }))
    })
    // In a worker of node:cluster the socket must be ours, not the primary's.
    server.listen({ path, exclusive: true }, () => {
      ours = Net.connect({ path, onread: inlet.onread })
      ours.once("error", fail)
    })
  }).pipe(Effect.uninterruptible)
