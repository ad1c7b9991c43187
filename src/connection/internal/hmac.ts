/**
 * HMAC (RFC 2104) of short messages under keys that are used again and again.
 *
 * As `createHmac` computes it, but by two digests at once, whose first blocks are prepared for each key: `createHmac`
 * makes an object that the garbage collector has to look after, which costs more than the digests.
 */
import { hash, type KeyObject } from "node:crypto"

/** bytes that a digest takes at a time */
const blockSizes = { "md5": 64, "sha256": 64, "sha384": 128, "sha3-256": 136, "sha3-384": 104 } as const

export type Hash = keyof typeof blockSizes

/** bytes that a message may have */
export const longestMessage = 256

/** What is digested: the key within a block, and behind it the message, or the digest of that. */
interface Pads {
  readonly inner: Buffer
  /** as much of `inner` as there is with the last message */
  filled: Buffer
  readonly outer: Buffer
}

const prepared = new WeakMap<KeyObject, Partial<Record<Hash, Pads>>>()

const prepare = (name: Hash, key: KeyObject): Pads => {
  const size = blockSizes[name]
  const secret = key.export()
  const short = secret.length > size ? hash(name, secret, "buffer") : secret
  // Of memory that is nobody else's.
  const inner = Buffer.alloc(size + longestMessage, 0x36)
  const outer = Buffer.alloc(size + hash(name, "", "buffer").length, 0x5c)
  for (let at = 0; at < short.length; at++) {
    inner[at]! ^= short[at]!
    outer[at]! ^= short[at]!
  }
  secret.fill(0)
  return { inner, filled: inner, outer }
}

/** Of at most `longestMessage` bytes. */
export const hmac = (name: Hash, key: KeyObject, message: Uint8Array): Buffer => {
  let known = prepared.get(key)
  if (known === undefined) prepared.set(key, known = {})
  const pads = known[name] ??= prepare(name, key)
  const { inner, outer } = pads
  const size = blockSizes[name]
  inner.set(message, size)
  const filled = size + message.length
  if (pads.filled.length !== filled) pads.filled = inner.subarray(0, filled)
  // As texts: a Buffer that comes out of OpenSSL takes four times as long as the digest in it.
  outer.write(hash(name, pads.filled, "binary"), size, "binary")
  return Buffer.from(hash(name, outer, "binary"), "binary")
}
