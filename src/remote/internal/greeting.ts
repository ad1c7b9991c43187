/**
 * How an authenticated connection becomes a session: both sides say so first, the client before the server, each by one
 * message as connections have them. So neither takes somebody who exchanges messages for a broken session, nor does
 * that one take a session for messages.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import {
  ConnectionBroken,
  ConnectionClosed,
  ConnectionError,
  type ConnectionErrorReason,
  HandshakeTimeout,
  ServerFull
} from "../../connection/ConnectionError.ts"
import type { Link } from "../../connection/internal/link.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import { ProtocolViolation, type RemoteErrorReason } from "../../wire/RemoteError.ts"

const session = Buffer.from("#SESSION#")
/** then the most clients that there may be, in digits */
const full = Buffer.from("#FULL#")

/** bytes of the longest of them */
const longest = 64

const failWith = (reason: ConnectionErrorReason) => Effect.fail(new ConnectionError({ reason }))

const violation = ({ peer }: Link, detail: string) => failWith(new ProtocolViolation({ peer, detail }))

const receive = (link: Link) =>
  Effect.catchReason(
    link.receiveBytes({ limit: longest }),
    "ConnectionError",
    "MessageTooLong",
    ({ size }) => violation(link, `it began with a message of ${size} bytes, not with a session`)
  )

const equals = (bytes: Uint8Array, text: Uint8Array): boolean => Buffer.compare(bytes, text) === 0

const shown = (bytes: Uint8Array): string => JSON.stringify(Buffer.from(bytes).toString("latin1"))

const unexpected = (link: Link, message: Uint8Array) =>
  violation(link, `it began with the message ${shown(message)}, not with a session`)

/** The client's: ends when the server is there for sessions. */
export const ask = (link: Link): Effect.Effect<void, ConnectionError> =>
  Effect.flatMap(Effect.andThen(link.sendBytes(session), receive(link)), (message) => {
    if (equals(message, session)) return Effect.void
    const limit = /^\d{1,9}$/.exec(Buffer.from(message.subarray(full.length)).toString("latin1"))?.[0]
    return equals(message.subarray(0, full.length), full) && limit !== undefined
      ? failWith(new ServerFull({ address: link.peer, limit: Number(limit) }))
      : unexpected(link, message)
  })

/** The server's, which says nothing to who has not asked. */
export const answer = (link: Link): Effect.Effect<void, ConnectionError> =>
  Effect.flatMap(
    receive(link),
    (message) => equals(message, session) ? link.sendBytes(session) : unexpected(link, message)
  )

/** The server's to one client too many. */
export const refuse = (link: Link, reason: ServerFull): Effect.Effect<never, ConnectionError> =>
  receive(link).pipe(
    Effect.flatMap((message) => equals(message, session) ? Effect.void : unexpected(link, message)),
    Effect.andThen(link.sendBytes(Buffer.concat([full, Buffer.from(String(reason.limit))]))),
    Effect.andThen(link.flush),
    Effect.andThen(failWith(reason))
  )

/** All of a beginning has one deadline: a peer that falls silent in it holds up nobody. */
export const within = <A>(
  peer: string,
  timeout: number,
  beginning: Effect.Effect<A, ConnectionError>
): Effect.Effect<A, ConnectionError> =>
  Effect.flatMap(
    RealTime.within(beginning, timeout),
    Option.match({
      onNone: () => failWith(new HandshakeTimeout({ peer, timeout })),
      onSome: Effect.succeed
    })
  )

/** Why a session ended, in the words of connections. */
export const reasonOf = (reason: RemoteErrorReason, peer: string): ConnectionErrorReason => {
  switch (reason._tag) {
    case "ProtocolViolation":
      return reason
    case "SessionClosed":
      return new ConnectionClosed({ peer })
    case "Disconnected":
      return new ConnectionBroken({ peer, code: "ECONNRESET", detail: reason.detail })
    default:
      return new ConnectionBroken({ peer, code: "ECONNRESET", detail: reason.message })
  }
}
