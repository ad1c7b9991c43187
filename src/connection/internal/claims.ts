/**
 * Ends of connections that are on their way to another process: from when on one is fetched, this process carries its
 * bytes.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as RealTime from "../../wire/internal/realTime.ts"
import * as Address from "../Address.ts"
import type { Connection } from "../Connection.ts"
import { ClaimRefused, ConnectionError, type ConnectionErrorReason } from "../ConnectionError.ts"
import * as Desk from "./desk.ts"
import { FrameReader } from "./frameReader.ts"
import { Link, type Ways } from "./link.ts"
import * as Open from "./open.ts"
import { defaultLimit, strangersLimit } from "./options.ts"
import { abandon, type Loose, relay } from "./relay.ts"

/** What travels instead of an end. */
export interface Ticket extends Ways, Desk.Ticket {}

export interface Claims {
  readonly offer: (connection: Connection) => Effect.Effect<Ticket, ConnectionError>
  readonly claim: (ticket: Ticket) => Effect.Effect<Connection, ConnectionError>
}

const fail = (reason: ConnectionErrorReason) => Effect.fail(new ConnectionError({ reason }))

/** milliseconds until a listener that has no room for a connection is asked again, and how often */
const pause = 10
const mostTimes = 1_000

const whenThereIsRoom = <A>(
  claim: Effect.Effect<A, ConnectionError>,
  times = mostTimes
): Effect.Effect<A, ConnectionError> =>
  Effect.catchIf(
    claim,
    ({ reason }) => times > 0 && reason._tag === "ConnectFailed" && reason.code === "EAGAIN",
    () => Effect.andThen(RealTime.sleep(pause), whenThereIsRoom(claim, times - 1))
  )

export const make = Effect.fnUntraced(
  function*(options: { readonly expiry: number; readonly limit: number | undefined }): Effect.fn.Return<
    Claims,
    never,
    Scope.Scope
  > {
    const { expiry, limit = defaultLimit } = options
    /** of ends that were sent, until they are closed */
    const away = new Set<Loose>()
    const claimed = new Set<Link>()
    let isOpen = true
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        isOpen = false
        for (const { stream } of away) stream.destroy()
        return Effect.forEach(claimed, (link) => link.close, { concurrency: "unbounded", discard: true })
      })
    )
    const desk = yield* Desk.make()

    const own = (link: Link): void => {
      claimed.add(link)
      link.whenClosed(() => claimed.delete(link))
    }

    const keep = (loose: Loose): void => {
      away.add(loose)
      loose.stream.once("close", () => away.delete(loose))
      if (loose.stream.closed) away.delete(loose)
    }

    const offer = Effect.fnUntraced(function*(connection: Connection) {
      if (!(connection instanceof Link)) {
        return yield* fail(new ClaimRefused({ peer: connection.peer, detail: "it is no connection of this library" }))
      }
      const put = yield* desk.opened
      const settled = connection.settled
      if (settled !== undefined) return yield* fail(settled)
      const { readable, writable } = connection
      const loose = connection.move()
      keep(loose)
      const give = (link: Link, grant: Uint8Array) => {
        Effect.runSync(Effect.ignore(link.sendBytes(grant)))
        relay(loose, link.move())
        return undefined
      }
      return { ...put({ give, forget: () => abandon(loose) }, expiry), readable, writable }
    })

    const claimOnce = (ticket: Ticket): Effect.Effect<Connection, ConnectionError> => {
      const address = Address.unix(ticket.path)
      const peer = Address.format(address)
      return Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const mistrust = Desk.strange(ticket.path)
          if (mistrust !== undefined) return yield* fail(new ClaimRefused({ peer, detail: mistrust }))
          const reader = new FrameReader(strangersLimit)
          const opening = Open.connect(address, undefined, reader)
          const { inlet, socket } = opening
          const link = new Link(socket, peer, strangersLimit, inlet, reader)
          const exit = yield* Effect.exit(restore(Desk.show(ticket, link, Open.connected(opening))))
          if (Exit.isSuccess(exit) && isOpen) {
            link.trust(limit, ticket)
            own(link)
            return link
          }
          link.destroy()
          return yield* Exit.isFailure(exit)
            ? Exit.failCause(exit.cause)
            : fail(new ClaimRefused({ peer, detail: Desk.closedDetail }))
        })
      )
    }

    return { offer, claim: (ticket) => whenThereIsRoom(claimOnce(ticket)) }
  }
)
