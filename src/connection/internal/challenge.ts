/** The texts of CPython's handshake: what is asked, and the answer that only the key gives. */
import { type KeyObject, timingSafeEqual } from "node:crypto"
import { accepted, type Digest, type Policy } from "../Authentication.ts"
import { type Hash, hmac } from "./hmac.ts"

export const tag = Buffer.from("#CHALLENGE#")
export const welcome = Buffer.from("#WELCOME#")
export const failure = Buffer.from("#FAILURE#")

/** bytes that one message of the handshake may have */
export const longestMessage = 256

/** bytes of a challenge that are random */
export const randomBytes = 40

const shortest = 20

/** bytes of the prefix within which its brace must close */
const longestName = 8

const openingBrace = 0x7b
const closingBrace = 0x7d

const hashes: Record<Digest, Hash> = {
  md5: "md5",
  sha256: "sha256",
  sha384: "sha384",
  sha3_256: "sha3-256",
  sha3_384: "sha3-384"
}

const digests: ReadonlyArray<Digest> = ["sha256", "sha384", "sha3_256", "sha3_384", "md5"]

const prefixes = Object.fromEntries(
  digests.map((digest) => [digest, Buffer.from(`{${digest}}`)])
) as Record<Digest, Buffer>

/** A loop, since both are short. */
export const startsWith = (bytes: Uint8Array, text: Uint8Array): boolean => {
  const { length } = text
  if (bytes.length < length) return false
  for (let at = 0; at < length; at++) {
    if (bytes[at] !== text[at]) return false
  }
  return true
}

export type Refusal =
  /** what arrived is no part of a handshake */
  | { readonly _tag: "Malformed"; readonly detail: string }
  | { readonly _tag: "Digest"; readonly digest: string }
  | { readonly _tag: "Wrong" }

/** Who answers with which digest; `"legacy"` where none is named. */
const digestOf = (message: Uint8Array): Digest | "legacy" | Refusal => {
  const { length } = message
  if (length === 20 || length === 16) return "legacy"
  for (const digest of digests) {
    if (startsWith(message, prefixes[digest])) return digest
  }
  const end = message[0] === openingBrace ? message.subarray(0, longestName + 2).indexOf(closingBrace) : -1
  return end < 0
    ? { _tag: "Malformed", detail: "no digest is named" }
    : { _tag: "Digest", digest: Buffer.from(message.buffer, message.byteOffset + 1, end - 1).toString("latin1") }
}

const mac = (digest: Digest | "legacy", key: KeyObject, message: Uint8Array): Buffer =>
  hmac(digest === "legacy" ? "md5" : hashes[digest], key, message)

const refused = (digest: Digest | "legacy", { accept = accepted }: Policy): Refusal | undefined =>
  accept.includes(digest) ? undefined : { _tag: "Digest", digest }

const isRefusal = (value: Digest | "legacy" | Refusal): value is Refusal => typeof value === "object"

/** What is asked: the tag, then the challenge itself, which is the digest's name and random bytes. */
export const make = (random: Uint8Array, { challenge = "sha256" }: Policy): Uint8Array =>
  Buffer.concat([tag, prefixes[challenge], random])

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
  return digest === "legacy" ? code : Buffer.concat([prefixes[digest], code])
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
  const given = digest === "legacy" ? response : response.subarray(prefixes[digest].length)
  const expected = mac(digest, key, challenge)
  return given.length === expected.length && timingSafeEqual(given, expected) ? undefined : { _tag: "Wrong" }
}
