/** Descriptors that are on their way to another process: each promise is fetched once, at this process's desk. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Address from "../../connection/Address.ts"
import * as Desk from "../../connection/internal/desk.ts"
import { Link } from "../../connection/internal/link.ts"
import { strangersLimit } from "../../connection/internal/options.ts"
import * as OwnAddresses from "../../connection/internal/ownAddresses.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import { type ResourceError, SharingFailed, TicketRefused } from "../ResourceError.ts"
import type * as ResourceSharer from "../ResourceSharer.ts"
import { attempt, because, fail } from "./because.ts"
import * as Handles from "./handles.ts"
import type { Sockets } from "./sockets.ts"

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

/** milliseconds that descriptors may take from one process to the other when both are ready */
const deadline = 10_000

/** milliseconds until a full listener is asked again */
const pause = 10

/** descriptors in one message of the kernel's */
export const most = 253

const ofFamily = "it is a handle of Node.js, which only `ResourceSharer.layerRelated` fetches"

/** What the receiver says, as a message of CPython's frames, when nobody but itself reads its end of the connection. */
const ready = Uint8Array.of(0, 0, 0, 1, 1)

export const make = Effect.fnUntraced(
  function*(sockets: Sockets, expiry: number): Effect.fn.Return<Sharer, never, Scope.Scope> {
    const desk = yield* Desk.make()

    const opened = desk.opened.pipe(
      Effect.mapError(({ message }) => because(new SharingFailed({ detail: message }))),
      Effect.map((put) => (descriptors: ReadonlyArray<number>) => {
        const own = duplicates(sockets, descriptors)
        const forget = () => own.forEach(close)
        const collect = (link: Link) =>
          void Effect.runFork(
            RealTime.within(Effect.exit(link.receiveBytes()), deadline).pipe(
              Effect.andThen(Effect.sync(() => hand(sockets, link, own))),
              Effect.ensuring(Effect.sync(forget))
            )
          )
        return put({ collect, forget }, expiry)
      })
    )

    const claim = Effect.fnUntraced(function*(ticket: ResourceSharer.Ticket) {
      if (!("path" in ticket)) return yield* fail(new TicketRefused({ peer: "its root", detail: ofFamily }))
      const { path } = ticket
      const address = Address.unix(path)
      const peer = Address.format(address)
      const refused = (detail: string) => because(new TicketRefused({ peer, detail }))
      const mistrust = Desk.strange(ticket)
      if (mistrust !== undefined) return yield* refused(mistrust)
      const role = OwnAddresses.has(address) ? "client-of-self" : "client"
      return yield* Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const connection = yield* restore(connected(sockets, path, refused))
          const received: Array<number> = []
          const fetched = Effect.gen(function*() {
            const socket = new Net.Socket({ fd: sockets.duplicate(connection), readable: true, writable: true })
            const link = new Link(socket, { peer, limit: strangersLimit })
            yield* Effect.ensuring(Desk.show(ticket, link, Effect.void, role), Effect.sync(() => link.destroy())).pipe(
              Effect.mapError(({ message }) => refused(message))
            )
            yield* attempt(() => sockets.send(connection, ready, []))
            const arrived = yield* RealTime.within(arrival(sockets, connection, received), deadline)
            if (Option.isNone(arrived)) return yield* refused(`nothing came within ${deadline} ms`)
            if (received.length === 0) return yield* refused("its holder is gone")
            return received as ReadonlyArray<number>
          })
          return yield* Effect.onExit(restore(fetched), (exit) =>
            Effect.sync(() => {
              close(connection)
              if (Exit.isFailure(exit)) received.forEach(close)
            }))
        })
      )
    })
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

const close = (descriptor: number): void => {
  Fs.closeSync(descriptor)
}

/** Whoever is gone meanwhile gets nothing, and nobody else will. */
const hand = (sockets: Sockets, link: Link, descriptors: ReadonlyArray<number>): void => {
  const { stream } = link.move()
  const connection = stream instanceof Net.Socket ? Handles.ofSocket(stream)?.fd : undefined
  try {
    if (connection !== undefined) sockets.send(connection, Uint8Array.of(descriptors.length & 0xff), descriptors)
  } catch (error) {
    if (!gone.has((error as NodeJS.ErrnoException).code)) throw error
  } finally {
    stream.destroy()
  }
}

const gone = new Set<string | undefined>(["EPIPE", "ECONNRESET", "ENOTCONN", "EBADF"])

const connected = (
  sockets: Sockets,
  path: string,
  refused: (detail: string) => ResourceError
): Effect.Effect<number, ResourceError> => {
  const ask = Effect.try({
    try: () => sockets.connect(path),
    catch: (error) => refused((error as Error).message)
  })
  const asked: typeof ask = Effect.flatMap(
    ask,
    (descriptor) => descriptor === undefined ? Effect.andThen(RealTime.sleep(pause), asked) : Effect.succeed(descriptor)
  )
  return Effect.flatMap(
    RealTime.within(asked as Effect.Effect<number, ResourceError>, deadline),
    Option.match({
      onNone: () => Effect.fail(refused(`no room at its listener for ${deadline} ms`)),
      onSome: Effect.succeed
    })
  )
}

/** Puts what arrives into `received`. */
const arrival = (sockets: Sockets, connection: number, received: Array<number>): Effect.Effect<void, ResourceError> =>
  Effect.callback((resume) => {
    const stop = sockets.whenReadable(connection, () =>
      resume(attempt(() => {
        received.push(...sockets.receive(connection, 1, most)?.descriptors ?? [])
      })))
    return Effect.sync(stop)
  })
