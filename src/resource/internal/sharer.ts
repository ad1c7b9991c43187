/** Descriptors that are on their way to another process: each promise is fetched once, at this process's desk. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Address from "../../connection/Address.ts"
import * as Desk from "../../connection/internal/desk.ts"
import type { Link } from "../../connection/internal/link.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import { type ResourceError, SharingFailed, TicketRefused } from "../ResourceError.ts"
import type * as ResourceSharer from "../ResourceSharer.ts"
import { because, fail } from "./because.ts"
import { close, Errands, most } from "./errands.ts"
import * as Handles from "./handles.ts"
import type { Sockets } from "./sockets.ts"

export { most }

export interface Sharer {
  /**
   * Opens the desk, and gives what promises duplicates of descriptors, in one step; it throws what the system throws.
   * Whoever has them may close them at once.
   */
  readonly opened: Effect.Effect<(descriptors: ReadonlyArray<number>) => Desk.Ticket, ResourceError>
  /** Fetches them; they belong to the caller. */
  readonly claim: (ticket: ResourceSharer.Ticket) => Effect.Effect<ReadonlyArray<number>, ResourceError>
  /** how many promises wait */
  readonly waiting: () => number
}

const ofFamily = "it is a handle of Node.js, which only `ResourceSharer.layerRelated` fetches"

export const make = Effect.fnUntraced(
  function*(sockets: Sockets, expiry: number): Effect.fn.Return<Sharer, never, Scope.Scope> {
    const desk = yield* Desk.make()
    const errands = yield* Effect.acquireRelease(
      Effect.sync(() => new Errands(sockets)),
      (errands) => Effect.sync(() => errands.close())
    )

    const opened = desk.opened.pipe(
      Effect.mapError(({ message }) => because(new SharingFailed({ detail: message }))),
      Effect.map((put) => (descriptors: ReadonlyArray<number>) => {
        const own = duplicates(sockets, descriptors)
        const forget = () => own.forEach(close)
        const give = (link: Link, grant: Uint8Array) => {
          const room = hand(sockets, link, grant, own)
          if (room === undefined) forget()
          return room
        }
        return put({ give, forget }, expiry)
      })
    )

    const claim = (ticket: ResourceSharer.Ticket): Effect.Effect<ReadonlyArray<number>, ResourceError> => {
      if (!("path" in ticket)) return fail(new TicketRefused({ peer: "its root", detail: ofFamily }))
      const { path } = ticket
      return Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          let arrived: ReadonlyArray<number> = []
          const fetched = Effect.callback<ReadonlyArray<number>, ResourceError>((resume) => {
            const leave = errands.fetch(ticket, (outcome) => {
              if (typeof outcome === "string") {
                const peer = Address.format(Address.unix(path))
                resume(fail(new TicketRefused({ peer, detail: outcome })))
              } else resume(Effect.succeed(arrived = outcome))
            })
            return Effect.sync(leave)
          })
          return Effect.onExit(restore(fetched), (exit) =>
            Effect.sync(() => {
              if (Exit.isFailure(exit)) arrived.forEach(close)
            }))
        })
      )
    }
    return { opened, claim, waiting: desk.waiting }
  }
)

/** All of them, or none. */
const duplicates = (sockets: Sockets, descriptors: ReadonlyArray<number>): ReadonlyArray<number> => {
  const own: Array<number> = []
  try {
    for (const descriptor of descriptors) own.push(sockets.duplicate(descriptor))
  } catch (error) {
    own.forEach(close)
    throw error
  }
  return own
}

/** milliseconds until the kernel is asked again that has too many descriptors on their way */
const pause = 10

const busy = new Set<string | undefined>(["ETOOMANYREFS", "ENOBUFS", "ENOMEM"])

/** Sends them with the message, which the kernel takes as a whole or not at all; what to wait for if it does not. */
const hand = (
  sockets: Sockets,
  link: Link,
  message: Uint8Array,
  descriptors: ReadonlyArray<number>
): Effect.Effect<void> | undefined => {
  const { carrier } = link
  const connection = carrier instanceof Net.Socket ? Handles.ofSocket(carrier)?.fd : undefined
  try {
    if (connection !== undefined) {
      const frame = Buffer.concat([Uint8Array.of(0, 0, 0, message.length), message])
      if (sockets.send(connection, frame, descriptors) > 0) return undefined
      return Effect.callback((resume) => {
        const stop = sockets.whenWritable(connection, () => resume(Effect.void))
        return Effect.sync(stop)
      })
    }
  } catch (error) {
    if (busy.has((error as NodeJS.ErrnoException).code)) return RealTime.sleep(pause)
  }
  // It is gone, and what it has claimed is still here for somebody else.
  link.destroy()
  return Effect.interrupt
}
