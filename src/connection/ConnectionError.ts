/**
 * Why a connection could not be made, or no longer carries messages.
 *
 * `ConnectionError` wraps one `reason`; `docs/errors.md` lists every reason with what to do about it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ReaperFailed, RunDirectoryFailed, UnsupportedPlatform } from "../guard/GuardFailure.ts"
import { InvalidOption } from "../wire/InvalidOption.ts"
import { ProtocolViolation } from "../wire/RemoteError.ts"

/**
 * A text or a value is no address: an empty path, one that is too long for a socket, a port out of range.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class InvalidAddress extends Schema.TaggedError<InvalidAddress>("effect-multiprocessing/InvalidAddress")(
  "InvalidAddress",
  { address: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `${this.address} is no address: ${this.detail}`
  }
}

/**
 * What crosses a network in clear text must be asked for: the address is not on this machine, there is no TLS, and
 * `insecure: true` was not given.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class InsecureAddress extends Schema.TaggedError<InsecureAddress>("effect-multiprocessing/InsecureAddress")(
  "InsecureAddress",
  { address: Schema.String }
) {
  override get message(): string {
    return `${this.address} is not on this machine: it needs TLS, or insecure: true`
  }
}

/**
 * The system refused to listen at the address.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ListenFailed extends Schema.TaggedError<ListenFailed>("effect-multiprocessing/ListenFailed")(
  "ListenFailed",
  {
    address: Schema.String,
    /** the system's code, `EADDRINUSE` for example */
    code: Schema.String,
    detail: Schema.String
  }
) {
  override get message(): string {
    return `${this.address} cannot be listened at (${this.code}): ${this.detail}`
  }
}

/**
 * Nobody could be reached at the address.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ConnectFailed extends Schema.TaggedError<ConnectFailed>("effect-multiprocessing/ConnectFailed")(
  "ConnectFailed",
  {
    address: Schema.String,
    /** the system's code, `ECONNREFUSED` for example */
    code: Schema.String,
    detail: Schema.String
  }
) {
  override get message(): string {
    return `${this.address} cannot be reached (${this.code}): ${this.detail}`
  }
}

/**
 * TLS could not be agreed on: an unknown certificate, a wrong name, no certificate of the client's.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class TlsFailed extends Schema.TaggedError<TlsFailed>("effect-multiprocessing/TlsFailed")("TlsFailed", {
  peer: Schema.String,
  /** of Node.js or OpenSSL, `SELF_SIGNED_CERT_IN_CHAIN` for example */
  code: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `TLS with ${this.peer} failed (${this.code}): ${this.detail}`
  }
}

/**
 * The peer did not finish the handshake in time.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class HandshakeTimeout extends Schema.TaggedError<HandshakeTimeout>("effect-multiprocessing/HandshakeTimeout")(
  "HandshakeTimeout",
  {
    peer: Schema.String,
    /** milliseconds */
    timeout: Schema.Number
  }
) {
  override get message(): string {
    return `${this.peer} did not finish the handshake within ${this.timeout} ms`
  }
}

/**
 * The two sides do not share a key, or one of them is not what it says.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class AuthenticationFailed
  extends Schema.TaggedError<AuthenticationFailed>("effect-multiprocessing/AuthenticationFailed")(
    "AuthenticationFailed",
    {
      peer: Schema.String,
      /** `"us"`: the peer's answer was wrong. `"peer"`: it refused ours */
      refusedBy: Schema.Literals(["us", "peer"]),
      detail: Schema.String
    }
  )
{
  override get message(): string {
    return `authentication with ${this.peer} failed: ${this.detail}`
  }
}

/**
 * The peer uses a digest that this side's policy does not accept.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class DigestRefused extends Schema.TaggedError<DigestRefused>("effect-multiprocessing/DigestRefused")(
  "DigestRefused",
  {
    peer: Schema.String,
    /** `"legacy"` for the form without a name, which is HMAC-MD5 */
    digest: Schema.String,
    accepted: Schema.Array(Schema.String)
  }
) {
  override get message(): string {
    return `${this.peer} uses the digest ${this.digest}; accepted are ${this.accepted.join(", ")}`
  }
}

/**
 * The peer has ended the connection, between two messages.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class EndOfStream extends Schema.TaggedError<EndOfStream>("effect-multiprocessing/EndOfStream")("EndOfStream", {
  peer: Schema.String
}) {
  override get message(): string {
    return `${this.peer} has ended the connection`
  }
}

/**
 * The connection ended in the middle of a message.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class Truncated extends Schema.TaggedError<Truncated>("effect-multiprocessing/Truncated")("Truncated", {
  peer: Schema.String,
  /** bytes of the message, its header included, that had arrived */
  received: Schema.Int,
  /** bytes that it was to have, if so much had arrived that this is known */
  expected: Schema.UndefinedOr(Schema.Int)
}) {
  override get message(): string {
    return `the connection to ${this.peer} ended after ${this.received} of ${
      this.expected ?? "at least 4"
    } bytes of a message`
  }
}

/**
 * The connection broke.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ConnectionBroken extends Schema.TaggedError<ConnectionBroken>("effect-multiprocessing/ConnectionBroken")(
  "ConnectionBroken",
  {
    peer: Schema.String,
    /** the system's code, `ECONNRESET` for example */
    code: Schema.String,
    detail: Schema.String
  }
) {
  override get message(): string {
    return `the connection to ${this.peer} broke (${this.code}): ${this.detail}`
  }
}

/**
 * This side has closed the connection or the listener, or the Scope that owned it has ended.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ConnectionClosed extends Schema.TaggedError<ConnectionClosed>("effect-multiprocessing/ConnectionClosed")(
  "ConnectionClosed",
  { peer: Schema.String }
) {
  override get message(): string {
    return `the connection to ${this.peer} is closed`
  }
}

/**
 * This end was sent to another process, and belongs to whoever has claimed it there.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ConnectionMoved extends Schema.TaggedError<ConnectionMoved>("effect-multiprocessing/ConnectionMoved")(
  "ConnectionMoved",
  { peer: Schema.String }
) {
  override get message(): string {
    return `this end of the connection to ${this.peer} was sent to another process`
  }
}

/**
 * An end that arrived in a message could not be taken: it was claimed before, it was not claimed in time, or the process
 * that has sent it is gone.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ClaimRefused extends Schema.TaggedError<ClaimRefused>("effect-multiprocessing/ClaimRefused")(
  "ClaimRefused",
  { peer: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `${this.peer} does not give away what was sent: ${this.detail}`
  }
}

/**
 * A message is longer than the receiver's limit. An announced one was not read, and the connection cannot be read any
 * more; one that was to be sent was not sent.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class MessageTooLong extends Schema.TaggedError<MessageTooLong>("effect-multiprocessing/MessageTooLong")(
  "MessageTooLong",
  {
    peer: Schema.String,
    /** bytes */
    size: Schema.Number,
    /** bytes */
    limit: Schema.Int
  }
) {
  override get message(): string {
    return `a message of ${this.size} bytes with ${this.peer}, the limit is ${this.limit}`
  }
}

/**
 * This end of a one-way pipe does not go that way.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class WrongDirection extends Schema.TaggedError<WrongDirection>("effect-multiprocessing/WrongDirection")(
  "WrongDirection",
  { peer: Schema.String, end: Schema.Literals(["read-only", "write-only"]) }
) {
  override get message(): string {
    return `this end of the connection to ${this.peer} is ${this.end}`
  }
}

/**
 * A value does not fit the Schema that it was to be sent with, or holds what cannot be sent. Nothing was sent.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotEncodable extends Schema.TaggedError<NotEncodable>("effect-multiprocessing/NotEncodable")(
  "NotEncodable",
  { peer: Schema.String, issue: Schema.String }
) {
  override get message(): string {
    return `a value for ${this.peer} does not fit its Schema: ${this.issue}`
  }
}

/**
 * A message that arrived does not fit the Schema that it was received with. It is consumed; the connection goes on.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotDecodable extends Schema.TaggedError<NotDecodable>("effect-multiprocessing/NotDecodable")(
  "NotDecodable",
  { peer: Schema.String, issue: Schema.String }
) {
  override get message(): string {
    return `a message of ${this.peer} does not fit its Schema: ${this.issue}`
  }
}

/**
 * The peer does not serve what is asked of it: `missing` are methods that it does not know, `different` those whose
 * Schemas are others there.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotServed extends Schema.TaggedError<NotServed>("effect-multiprocessing/NotServed")("NotServed", {
  peer: Schema.String,
  missing: Schema.Array(Schema.String),
  different: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const missing = this.missing.length === 0 ? [] : [`does not serve ${this.missing.join(", ")}`]
    const different = this.different.length === 0 ? [] : [`has another contract of ${this.different.join(", ")}`]
    return `${this.peer} ${[...missing, ...different].join(" and ")}`
  }
}

/**
 * A server has as many clients as it may have.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ServerFull extends Schema.TaggedError<ServerFull>("effect-multiprocessing/ServerFull")("ServerFull", {
  /** the server's */
  address: Schema.String,
  /** clients that it may have */
  limit: Schema.Int
}) {
  override get message(): string {
    return `the server at ${this.address} has ${this.limit} clients, and takes no more`
  }
}

/**
 * All reasons of a `ConnectionError`, as a Schema.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const ConnectionErrorReason = Schema.Union([
  InvalidAddress,
  InsecureAddress,
  UnsupportedPlatform,
  ListenFailed,
  RunDirectoryFailed,
  ReaperFailed,
  ConnectFailed,
  TlsFailed,
  HandshakeTimeout,
  AuthenticationFailed,
  DigestRefused,
  ProtocolViolation,
  EndOfStream,
  Truncated,
  ConnectionBroken,
  ConnectionClosed,
  ConnectionMoved,
  ClaimRefused,
  MessageTooLong,
  WrongDirection,
  NotEncodable,
  NotDecodable,
  InvalidOption,
  NotServed,
  ServerFull
])

/**
 * All reasons of a `ConnectionError`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type ConnectionErrorReason = typeof ConnectionErrorReason.Type

/**
 * A connection could not be made, or does not carry what it was to; `reason` says why.
 *
 * **When to use**
 *
 * Match its reasons with `Effect.catchReason("ConnectionError", "EndOfStream", ...)`.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ConnectionError
  extends Schema.TaggedError<ConnectionError>("effect-multiprocessing/ConnectionError")("ConnectionError", {
    reason: ConnectionErrorReason
  })
{
  override get message(): string {
    return this.reason.message
  }
}
