/**
 * CPython's mutual handshake. The one who listens asks first, then answers; the one who connects the other way round:
 * neither goes on before both have shown that they have the key.
 *
 * Each step is taken within the call that delivers the peer's message, and what it sends leaves before that call
 * returns: there are many peers, and a handshake is nothing but waiting for each other.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { createSecretKey, type KeyObject, randomFillSync } from "node:crypto"
import type { AuthKey } from "../../wire/AuthKey.ts"
import * as AuthKeys from "../../wire/internal/authKey.ts"
import { Expectation } from "../../wire/internal/expectation.ts"
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

const equals = (bytes: Uint8Array, text: Uint8Array): boolean =>
  bytes.length === text.length && Challenge.startsWith(bytes, text)

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

/** Random bytes of many challenges: to ask for them takes the same time however many they are. */
const pool = Buffer.alloc(100 * Challenge.randomBytes)
let used = pool.length

/** Nobody else has had them, or will. */
const fresh = (): Uint8Array => {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  return pool.subarray(used, used += Challenge.randomBytes)
}

const textOf = ({ buffer, byteLength, byteOffset }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("latin1")

/**
 * `"client-of-self"` connects to a listener of its own process.
 *
 * One who listens answers only those who have shown the key, so it has nothing to fear from them.
 */
export type Role = "listener" | "client" | "client-of-self"

/** Whether peers answer at once, those who listen and those who connect. */
const expected: Record<Role, Expectation> = {
  "listener": new Expectation(),
  "client": new Expectation(),
  "client-of-self": new Expectation()
}

/** Takes a message of the peer's; gives why it must not go on, if so. */
type Step = (this: Handshake, message: Uint8Array) => ConnectionErrorReason | undefined

export class Handshake {
  private readonly link: Link
  private readonly role: Role
  private readonly key: KeyObject
  private readonly policy: Policy
  private readonly done: (failure: ConnectionErrorReason | undefined) => void
  private readonly expected: Expectation
  /** what the peer's next messages are for */
  private readonly steps: Array<Step>
  private challenge: Uint8Array = Challenge.failure
  private asking: string | undefined
  private leave: () => void = () => {}
  private over = false
  private told = false

  /** `done`: both sides have shown that they have the key, or the connection must be closed, and why. */
  constructor(
    link: Link,
    role: Role,
    authKey: AuthKey,
    policy: Policy,
    done: (failure: ConnectionErrorReason | undefined) => void
  ) {
    this.link = link
    this.role = role
    this.key = secretOf(authKey)
    this.policy = policy
    this.done = done
    this.expected = expected[role]
    this.steps = role === "listener"
      ? [this.judge, this.answer, this.hearVerdict]
      : [this.answer, this.hearVerdict, this.judge]
  }

  begin(): void {
    this.leave = this.link.whenReady(this.advance)
    const failure = this.role === "listener" ? this.ask() : undefined
    if (failure === undefined) this.advance()
    else this.end(failure)
  }

  /** Nothing is done any more, and nobody told. */
  stop(): void {
    this.told = true
    this.finish()
  }

  private finish(): void {
    this.over = true
    this.leave()
    if (this.asking !== undefined) asked.delete(this.asking)
    this.asking = undefined
  }

  private end(failure: ConnectionErrorReason | undefined): void {
    this.finish()
    this.tell(failure)
  }

  private tell(failure: ConnectionErrorReason | undefined): void {
    if (this.told) return
    this.told = true
    this.done(failure)
  }

  private readonly advance = (): void => {
    const { link, steps } = this
    while (!this.over) {
      const message = link.takeNow()
      if (message === undefined) {
        link.flushNow()
        return this.expected.begin()
      }
      this.expected.end()
      if (!(message instanceof Uint8Array)) {
        const { peer } = link
        return this.end(
          message._tag === "MessageTooLong"
            ? new ProtocolViolation({ peer, detail: `a message of ${message.size} bytes in the handshake` })
            : message
        )
      }
      const failure = steps.shift()!.call(this, message)
      if (failure !== undefined) return this.over ? undefined : this.end(failure)
      if (steps.length > 0) continue
      link.flushNow()
      return this.end(undefined)
    }
  }

  /** Tells the peer that it gets no answer, and nobody why. */
  private refuse(reason: ConnectionErrorReason): ConnectionErrorReason {
    const { link } = this
    this.finish()
    link.putNow(Challenge.failure)
    link.whenTaken(() => this.tell(reason))
    return reason
  }

  private because(refusal: Challenge.Refusal): ConnectionErrorReason {
    const { peer } = this.link
    switch (refusal._tag) {
      case "Malformed":
        return new ProtocolViolation({ peer, detail: refusal.detail })
      case "Digest":
        return new DigestRefused({ peer, digest: refusal.digest, accepted: this.policy.accept ?? accepted })
      case "Wrong":
        return new AuthenticationFailed({ peer, refusedBy: "us", detail: "its answer to our challenge is wrong" })
    }
  }

  /** Sends a challenge, and remembers it for as long as its answer would be worth something. */
  private ask(): ConnectionErrorReason | undefined {
    const message = Challenge.make(fresh(), this.policy)
    this.challenge = message.subarray(Challenge.tag.length)
    asked.add(this.asking = textOf(this.challenge))
    return this.link.putNow(message)
  }

  /** Hears the answer to our challenge, and tells the peer what it is worth. */
  private judge(response: Uint8Array): ConnectionErrorReason | undefined {
    asked.delete(this.asking!)
    this.asking = undefined
    if (equals(response, Challenge.failure)) {
      const detail = "it does not answer us"
      return new AuthenticationFailed({ peer: this.link.peer, refusedBy: "peer", detail })
    }
    const refusal = Challenge.verify(response, this.challenge, this.key, this.policy)
    return refusal === undefined ? this.link.putNow(Challenge.welcome) : this.refuse(this.because(refusal))
  }

  /** Answers the peer's challenge. A client's own leaves together with the answer: the peer reads it when it is right. */
  private answer(message: Uint8Array): ConnectionErrorReason | undefined {
    const { link, role } = this
    const { peer } = link
    if (!Challenge.startsWith(message, Challenge.tag)) {
      return new ProtocolViolation({ peer, detail: "something else than a challenge" })
    }
    const challenge = message.subarray(Challenge.tag.length)
    if (role === "client" && asked.size > 0 && asked.has(textOf(challenge))) {
      const detail = "it asked what we had asked ourselves"
      return this.refuse(new AuthenticationFailed({ peer, refusedBy: "us", detail }))
    }
    const response = Challenge.answer(challenge, this.key, this.policy)
    if (!(response instanceof Uint8Array)) return this.refuse(this.because(response))
    return link.putNow(response) ?? (role === "listener" ? undefined : this.ask())
  }

  /** Hears what our answer was worth. */
  private hearVerdict(verdict: Uint8Array): ConnectionErrorReason | undefined {
    const { peer } = this.link
    if (equals(verdict, Challenge.welcome)) return undefined
    return equals(verdict, Challenge.failure)
      ? new AuthenticationFailed({ peer, refusedBy: "peer", detail: "it refused our answer" })
      : new ProtocolViolation({ peer, detail: "neither welcome nor refused" })
  }
}

/** Ends when both sides have shown that they have the key; fails, and then the connection must be closed. */
export const authenticate = (
  link: Link,
  role: Role,
  authKey: AuthKey,
  policy: Policy
): Effect.Effect<void, ConnectionError> =>
  Effect.callback((resume) => {
    const handshake = new Handshake(link, role, authKey, policy, (reason) =>
      resume(reason === undefined ? Exit.void : Exit.fail(new ConnectionError({ reason }))))
    handshake.begin()
    return Effect.sync(() =>
      handshake.stop()
    )
  })
