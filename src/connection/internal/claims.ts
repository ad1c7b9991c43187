/**
 * Ends of connections that are on their way to another process.
 *
 *     holder --- a message with a ticket ---> receiver
 *       |                                        |
 *       '-- claims socket <-- digest, handshake --'   then the bytes of the end, both ways
 *
 * Whoever has the ticket has the end: its token is the key of the handshake, in which both sides show that they know it
 * and neither sends it. A digest of the token says which claim is meant.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { createHash, randomBytes } from "node:crypto"
import * as Path from "node:path"
import * as OwnFolder from "../../guard/internal/ownFolder.ts"
import * as AuthKeys from "../../wire/internal/authKey.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import * as Address from "../Address.ts"
import type { Connection } from "../Connection.ts"
import { ClaimRefused, ConnectionError, type ConnectionErrorReason, HandshakeTimeout } from "../ConnectionError.ts"
import * as Doorway from "./doorway.ts"
import { authenticate } from "./handshake.ts"
import { Link, type Ways } from "./link.ts"
import * as Open from "./open.ts"
import { defaultLimit, strangersLimit } from "./options.ts"
import * as OwnAddresses from "./ownAddresses.ts"
import { abandon, type Loose, relay } from "./relay.ts"

/** What travels instead of an end. */
export interface Ticket extends Ways {
  readonly path: string
  readonly token: Uint8Array
}

export interface Claims {
  readonly offer: (connection: Connection) => Effect.Effect<Ticket, ConnectionError>
  readonly claim: (ticket: Ticket) => Effect.Effect<Connection, ConnectionError>
}

interface Claim {
  readonly loose: Loose
  readonly token: Uint8Array
  readonly stopWaiting: () => void
}

/** milliseconds that a claim may take, its handshake included */
const deadline = 10_000

/** bytes of a token, as hard to guess as any key */
const tokenSize = 32

const granted = Uint8Array.of(1)
const refused = Uint8Array.of(0)

const fail = (reason: ConnectionErrorReason) => Effect.fail(new ConnectionError({ reason }))

const digestOf = (token: Uint8Array): Buffer => createHash("sha256").update(token).digest()

export const make = Effect.fnUntraced(
  function*(options: { readonly expiry: number; readonly limit: number | undefined }): Effect.fn.Return<
    Claims,
    never,
    Scope.Scope
  > {
    const { expiry, limit = defaultLimit } = options
    const scope = yield* Effect.scope
    /** by the digest of their token, in hexadecimal digits */
    const claims = new Map<string, Claim>()
    /** which claim somebody has shown the token of */
    const wanted = new WeakMap<Link, string>()
    /** of ends that were sent, until they are closed */
    const away = new Set<Loose>()
    const claimed = new Set<Link>()
    let isOpen = true
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        isOpen = false
        for (const { stopWaiting } of claims.values()) stopWaiting()
        claims.clear()
        for (const { stream } of away) stream.destroy()
        return Effect.forEach(claimed, (link) => link.close, { concurrency: "unbounded", discard: true })
      })
    )

    const own = (link: Link): void => {
      claimed.add(link)
      link.whenClosed(() => claimed.delete(link))
    }

    const known = Effect.fnUntraced(function*(link: Link) {
      const name = Buffer.from(yield* link.receiveBytes()).toString("hex")
      // Who asks for what is not there is not told so: nothing that it could know answers to a random key.
      const token = claims.get(name)?.token ?? randomBytes(tokenSize)
      yield* authenticate(link, "listener", AuthKeys.make(token), {})
      wanted.set(link, name)
    })
    const welcome = (link: Link): void => {
      const name = wanted.get(link)!
      const claim = claims.get(name)
      if (claim === undefined) {
        // Somebody else was faster, by a handshake's length.
        own(link)
        return void Effect.runFork(Effect.andThen(Effect.ignore(link.sendBytes(refused)), link.close))
      }
      claims.delete(name)
      claim.stopWaiting()
      Effect.runSync(Effect.ignore(link.sendBytes(granted)))
      relay(claim.loose, link.move())
    }

    // A process that only receives ends needs no socket.
    let door: Doorway.Doorway | undefined
    const oneAtATime = yield* Semaphore.make(1)
    const opened = Effect.suspend(() =>
      door !== undefined ?
        Effect.succeed(door) :
        Doorway.open({ authKey: "none", timeout: deadline }, { known, welcome }).pipe(
          Scope.provide(scope),
          Effect.tap((made) => Effect.sync(() => door = made))
        )
    ).pipe(Effect.uninterruptible, oneAtATime.withPermits(1))

    const keep = (loose: Loose): void => {
      away.add(loose)
      loose.stream.once("close", () => away.delete(loose))
      if (loose.stream.closed) away.delete(loose)
    }

    const offer = Effect.fnUntraced(function*(connection: Connection) {
      if (!(connection instanceof Link)) {
        return yield* fail(new ClaimRefused({ peer: connection.peer, detail: "it is no connection of this library" }))
      }
      const { path } = (yield* opened).address as typeof Address.Unix.Type
      if (!isOpen) return yield* fail(new ClaimRefused({ peer: connection.peer, detail: closedDetail }))
      const settled = connection.settled
      if (settled !== undefined) return yield* fail(settled)
      const { readable, writable } = connection
      const loose = connection.move()
      keep(loose)
      const token = randomBytes(tokenSize)
      const name = digestOf(token).toString("hex")
      const stopWaiting = RunningTime.after(expiry, () => {
        claims.delete(name)
        abandon(loose)
      })
      claims.set(name, { loose, token, stopWaiting })
      return { path, token: new Uint8Array(token), readable, writable }
    })

    const claim = (ticket: Ticket): Effect.Effect<Connection, ConnectionError> => {
      const { path, token } = ticket
      const address = Address.unix(path)
      const peer = Address.format(address)
      const because = (detail: string) => new ClaimRefused({ peer, detail })
      return Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const mistrust = strange(path)
          if (mistrust !== undefined) return yield* fail(because(mistrust))
          const opening = Open.connect(address, undefined)
          const { inlet, socket } = opening
          const link = new Link(socket, { peer, limit: strangersLimit, inlet })
          const role = OwnAddresses.has(address) ? "client-of-self" : "client"
          const shown = Effect.gen(function*() {
            yield* Open.connected(opening)
            yield* link.sendBytes(digestOf(token))
            yield* authenticate(link, role, AuthKeys.make(token), {})
            return (yield* link.receiveBytes())[0] === granted[0]
          }).pipe(Effect.catchIf(({ reason }) => saysNo.has(reason._tag), () => Effect.succeed(false)))
          const exit = yield* Effect.exit(restore(RealTime.within(shown, deadline)))
          if (Exit.isSuccess(exit) && Option.isSome(exit.value) && exit.value.value && isOpen) {
            link.trust(limit, ticket)
            own(link)
            return link
          }
          link.destroy()
          if (Exit.isFailure(exit)) return yield* Exit.failCause(exit.cause)
          return yield* fail(
            Option.isNone(exit.value)
              ? new HandshakeTimeout({ peer, timeout: deadline })
              : because(isOpen ? "it was claimed before, or not in time" : closedDetail)
          )
        })
      )
    }

    return { offer, claim }
  }
)

const closedDetail = "the Layer of Connection.Claims has ended"

/** what the handshake ends with where nobody has such a claim */
const saysNo = new Set<string>(["AuthenticationFailed", "EndOfStream", "ConnectionBroken", "Truncated"])

/** Why a path is none that a claim of this user's can have: a message must not make this process knock anywhere else. */
const strange = (path: string): string | undefined => {
  const base = Path.dirname(Path.dirname(path))
  if (Path.normalize(path) !== path || !Path.isAbsolute(path) || Path.basename(base) !== `emp-${OwnFolder.uid()}`) {
    return "the path is not one of this user's"
  }
  try {
    return OwnFolder.refusal(base)
  } catch (error) {
    return (error as NodeJS.ErrnoException).message
  }
}
