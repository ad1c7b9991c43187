/**
 * CPython's mutual handshake. The one who listens asks first, then answers; the one who connects the other way round:
 * neither goes on before both have shown that they have the key.
 */
import * as Effect from "effect/Effect"
import { createSecretKey, type KeyObject, randomBytes } from "node:crypto"
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

const secrets = new WeakMap<AuthKey, KeyObject>()

/** A key as OpenSSL wants it, made once. */
const secretOf = (authKey: AuthKey): KeyObject => {
  let secret = secrets.get(authKey)
  if (secret === undefined) {
    const bytes = AuthKeys.unsafeBytes(authKey)
    secrets.set(authKey, secret = createSecretKey(bytes))
    bytes.fill(0)
  }
  return secret
}

/** Tells the peer that it gets no answer, and nobody why. */
const refuse = (link: Link, reason: ConnectionErrorReason) =>
  Effect.andThen(Effect.andThen(link.sendBytes(Challenge.failure), link.flush), failWith(reason))

/** Sends a challenge. */
const ask = (link: Link, policy: Policy): Effect.Effect<Uint8Array, ConnectionError> => {
  const challenge = Challenge.make(randomBytes(Challenge.randomBytes), policy)
  return Effect.as(link.sendBytes(Buffer.concat([Challenge.tag, challenge])), challenge)
}

/** Hears the answer to our challenge, and tells the peer what it is worth. */
const judge = Effect.fnUntraced(function*(link: Link, challenge: Uint8Array, key: KeyObject, policy: Policy) {
  const response = yield* receive(link)
  if (equals(response, Challenge.failure)) {
    const detail = "it does not answer us"
    return yield* failWith(new AuthenticationFailed({ peer: link.peer, refusedBy: "peer", detail }))
  }
  const refusal = Challenge.verify(response, challenge, key, policy)
  if (refusal !== undefined) return yield* refuse(link, because(link, refusal, policy))
  yield* link.sendBytes(Challenge.welcome)
})

/** Answers the peer's challenge. */
const answer = Effect.fnUntraced(function*(link: Link, key: KeyObject, policy: Policy, mayBeOurs: boolean) {
  const { peer } = link
  const message = yield* receive(link)
  if (!equals(message.subarray(0, Challenge.tag.length), Challenge.tag)) {
    return yield* violation(link, "something else than a challenge")
  }
  const challenge = message.subarray(Challenge.tag.length)
  if (!mayBeOurs && asked.has(textOf(challenge))) {
    const detail = "it asked what we had asked ourselves"
    return yield* refuse(link, new AuthenticationFailed({ peer, refusedBy: "us", detail }))
  }
  const response = Challenge.answer(challenge, key, policy)
  if (!(response instanceof Uint8Array)) return yield* refuse(link, because(link, response, policy))
  yield* link.sendBytes(response)
})

/** Hears what our answer was worth. */
const hearVerdict = Effect.fnUntraced(function*(link: Link) {
  const { peer } = link
  const verdict = yield* receive(link)
  if (equals(verdict, Challenge.welcome)) return
  if (equals(verdict, Challenge.failure)) {
    return yield* failWith(new AuthenticationFailed({ peer, refusedBy: "peer", detail: "it refused our answer" }))
  }
  return yield* violation(link, "neither welcome nor refused")
})

const textOf = (challenge: Uint8Array): string => Buffer.from(challenge).toString("latin1")

/** Remembers a challenge for as long as its answer would be worth something. */
const whileAsked = <A>(
  challenge: Uint8Array,
  effect: Effect.Effect<A, ConnectionError>
): Effect.Effect<A, ConnectionError> =>
  Effect.suspend(() => {
    const text = textOf(challenge)
    asked.add(text)
    return Effect.ensuring(effect, Effect.sync(() => asked.delete(text)))
  })

const asListener = (link: Link, key: KeyObject, policy: Policy) =>
  ask(link, policy).pipe(
    Effect.flatMap((challenge) => whileAsked(challenge, judge(link, challenge, key, policy))),
    Effect.andThen(answer(link, key, policy, true)),
    Effect.andThen(hearVerdict(link))
  )

/** Its challenge leaves together with its answer: the peer reads it when it has found the answer right. */
const asClient = (link: Link, key: KeyObject, policy: Policy, ofSelf: boolean) =>
  answer(link, key, policy, ofSelf).pipe(
    Effect.andThen(ask(link, policy)),
    Effect.flatMap((challenge) =>
      whileAsked(challenge, Effect.andThen(hearVerdict(link), judge(link, challenge, key, policy)))
    )
  )

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
    const key = secretOf(authKey)
    return role === "listener"
      ? asListener(link, key, policy)
      : asClient(link, key, policy, role === "client-of-self")
  })
