/** The texts of CPython's handshake: what is asked, and the answer that only the key gives. */
import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto"
import { accepted, type Digest, type Policy } from "../Authentication.ts"

export const tag = Buffer.from("#CHALLENGE#")
export const welcome = Buffer.from("#WELCOME#")
export const failure = Buffer.from("#FAILURE#")

/** bytes that one message of the handshake may have */
export const longestMessage = 256

/** bytes of a challenge that are random */
export const randomBytes = 40

const shortest = 20
const legacyLengths = new Set([20, 16])

/** bytes of the prefix within which its brace must close */
const longestName = 8

const openingBrace = 0x7b
const closingBrace = 0x7d

const hashes: Record<Digest, string> = {
  md5: "md5",
  sha256: "sha256",
  sha384: "sha384",
  sha3_256: "sha3-256",
  sha3_384: "sha3-384"
}

export type Refusal =
  /** what arrived is no part of a handshake */
  | { readonly _tag: "Malformed"; readonly detail: string }
  | { readonly _tag: "Digest"; readonly digest: string }
  | { readonly _tag: "Wrong" }

const isDigest = (name: string): name is Digest => Object.hasOwn(hashes, name)

/** Who answers with which digest; `"legacy"` where none is named. */
const digestOf = (message: Uint8Array): Digest | "legacy" | Refusal => {
  if (legacyLengths.has(message.length)) return "legacy"
  const end = message[0] === openingBrace ? message.subarray(0, longestName + 2).indexOf(closingBrace) : -1
  if (end < 0) return { _tag: "Malformed", detail: "no digest is named" }
  const name = Buffer.from(message.buffer, message.byteOffset + 1, end - 1).toString("latin1")
  return isDigest(name) ? name : { _tag: "Digest", digest: name }
}

const mac = (digest: Digest | "legacy", key: KeyObject, message: Uint8Array): Buffer =>
  createHmac(digest === "legacy" ? "md5" : hashes[digest], key).update(message).digest()

const prefix = (digest: Digest): Buffer => prefixes[digest]

const prefixes = Object.fromEntries(
  Object.keys(hashes).map((digest) => [digest, Buffer.from(`{${digest}}`)])
) as Record<Digest, Buffer>

const refused = (digest: Digest | "legacy", { accept = accepted }: Policy): Refusal | undefined =>
  accept.includes(digest) ? undefined : { _tag: "Digest", digest }

const isRefusal = (value: unknown): value is Refusal => typeof value === "object" && value !== null && "_tag" in value

/** What is asked: the tag, then the challenge itself, which is the digest's name and random bytes. */
export const make = (random: Uint8Array, { challenge = "sha256" }: Policy): Uint8Array =>
  Buffer.concat([tag, prefix(challenge), random])

/** The answer to a challenge without its tag. */
export const answer = (challenge: Uint8Array, key: KeyObject, policy: Policy): Uint8Array | Refusal => {
  if (challenge.length < shortest) {
    return { _tag: "Malformed", detail: `a challenge of only ${challenge.length} bytes` }
  }
  const digest = digestOf(challenge)
  if (isRefusal(digest)) return digest
  const refusal = refused(digest, policy)
  if (refusal !== undefined) return refusal
  const code = mac(digest, key, challenge)
  return digest === "legacy" ? code : Buffer.concat([prefix(digest), code])
}

/** What is wrong with the peer's answer to our challenge, if anything. */
export const verify = (
  response: Uint8Array,
  challenge: Uint8Array,
  key: KeyObject,
  policy: Policy
): Refusal | undefined => {
  const digest = digestOf(response)
  if (isRefusal(digest)) return digest
  const refusal = refused(digest, policy)
  if (refusal !== undefined) return refusal
  const given = digest === "legacy" ? response : response.subarray(prefix(digest).length)
  const expected = mac(digest, key, challenge)
  return given.length === expected.length && timingSafeEqual(given, expected) ? undefined : { _tag: "Wrong" }
}
