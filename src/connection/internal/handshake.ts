/**
 * CPython's mutual handshake. The one who listens asks first, then answers; the one who connects the other way round:
 * neither goes on before both have shown that they have the key.
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import type { AuthKey } from "../../wire/AuthKey.ts"
import * as AuthKeys from "../../wire/internal/authKey.ts"
import { ProtocolViolation } from "../../wire/RemoteError.ts"
import { accepted, type Policy } from "../Authentication.ts"
import { AuthenticationFailed, ConnectionError, type ConnectionErrorReason, DigestRefused } from "../ConnectionError.ts"
import * as Challenge from "./challenge.ts"
import type { Link } from "./link.ts"

/**
 * What this process has asked and not seen answered. Whoever it connects to and is asked the same by has it from there,
 * and wants our own answer to give it back to us; unless that is this process itself.
 */
const asked = new Set<string>()

const failWith = (reason: ConnectionErrorReason) => Effect.fail(new ConnectionError({ reason }))

const violation = (link: Link, detail: string) => failWith(new ProtocolViolation({ peer: link.peer, detail }))

const receive = (link: Link) =>
  Effect.catchReason(
    link.receiveBytes(),
    "ConnectionError",
    "MessageTooLong",
    ({ size }) => violation(link, `a message of ${size} bytes in the handshake`)
  )

const equals = (bytes: Uint8Array, text: Uint8Array): boolean => Buffer.compare(bytes, text) === 0

const because = (link: Link, refusal: Challenge.Refusal, { accept = accepted }: Policy): ConnectionErrorReason => {
  const { peer } = link
  switch (refusal._tag) {
    case "Malformed":
      return new ProtocolViolation({ peer, detail: refusal.detail })
    case "Digest":
      return new DigestRefused({ peer, digest: refusal.digest, accepted: accept })
    case "Wrong":
      return new AuthenticationFailed({ peer, refusedBy: "us", detail: "its answer to our challenge is wrong" })
  }
}

/** Tells the peer that it gets no answer, and nobody why. */
const refuse = (link: Link, reason: ConnectionErrorReason) =>
  Effect.andThen(Effect.andThen(link.sendBytes(Challenge.failure), link.flush), failWith(reason))

/** Asks, and tells the peer what its answer is worth. */
const deliver = Effect.fnUntraced(function*(link: Link, key: Uint8Array, policy: Policy) {
  const challenge = Challenge.make(randomBytes(Challenge.randomBytes), policy)
  const known = Buffer.from(challenge).toString("latin1")
  asked.add(known)
  const refusal = yield* link.sendBytes(Buffer.concat([Challenge.tag, challenge])).pipe(
    Effect.andThen(receive(link)),
    Effect.flatMap((response) =>
      equals(response, Challenge.failure)
        ? failWith(new AuthenticationFailed({ peer: link.peer, refusedBy: "peer", detail: "it does not answer us" }))
        : Effect.succeed(Challenge.verify(response, challenge, key, policy))
    ),
    Effect.ensuring(Effect.sync(() => asked.delete(known)))
  )
  if (refusal !== undefined) return yield* refuse(link, because(link, refusal, policy))
  yield* link.sendBytes(Challenge.welcome)
})

/** Answers, and hears what that was worth. */
const answer = Effect.fnUntraced(function*(link: Link, key: Uint8Array, policy: Policy, mayBeOurs: boolean) {
  const { peer } = link
  const message = yield* receive(link)
  if (!equals(message.subarray(0, Challenge.tag.length), Challenge.tag)) {
    return yield* violation(link, "something else than a challenge")
  }
  const challenge = message.subarray(Challenge.tag.length)
  if (!mayBeOurs && asked.has(Buffer.from(challenge).toString("latin1"))) {
    const detail = "it asked what we had asked ourselves"
    return yield* refuse(link, new AuthenticationFailed({ peer, refusedBy: "us", detail }))
  }
  const response = Challenge.answer(challenge, key, policy)
  if (!(response instanceof Uint8Array)) return yield* refuse(link, because(link, response, policy))
  yield* link.sendBytes(response)
  const verdict = yield* receive(link)
  if (equals(verdict, Challenge.welcome)) return
  if (equals(verdict, Challenge.failure)) {
    return yield* failWith(new AuthenticationFailed({ peer, refusedBy: "peer", detail: "it refused our answer" }))
  }
  return yield* violation(link, "neither welcome nor refused")
})

/**
 * `"client-of-self"` connects to a listener of its own process.
 *
 * One who listens answers only those who have shown the key, so it has nothing to fear from them.
 */
export type Role = "listener" | "client" | "client-of-self"

/** Ends when both sides have shown that they have the key; fails, and then the connection must be closed. */
export const authenticate = (
  link: Link,
  role: Role,
  authKey: AuthKey,
  policy: Policy
): Effect.Effect<void, ConnectionError> =>
  Effect.suspend(() => {
    const key = AuthKeys.unsafeBytes(authKey)
    const both = role === "listener"
      ? Effect.andThen(deliver(link, key, policy), answer(link, key, policy, true))
      : Effect.andThen(answer(link, key, policy, role === "client-of-self"), deliver(link, key, policy))
    return Effect.ensuring(both, Effect.sync(() => key.fill(0)))
  })
