/**
 * How two processes show each other that they have the same key, without showing it: CPython's mutual HMAC challenge.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { SecureContextOptions } from "node:tls"

/**
 * A digest of the handshake. `"md5"` is broken as a hash, and still what old peers have.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Digest = Schema.Literals(["md5", "sha256", "sha384", "sha3_256", "sha3_384"])

/**
 * A digest of the handshake.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Digest = typeof Digest.Type

/**
 * Which digests are used, and accepted from the peer.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Policy {
  /** named in our challenges; a peer of CPython 3.12 or later answers with it. Default `"sha256"` */
  readonly challenge?: Digest | undefined
  /**
   * what the peer may challenge with and answer with. `"legacy"` is the form without a name, HMAC-MD5, which is all
   * that CPython 3.11 and older have. Default: all but `"md5"` and `"legacy"`
   */
  readonly accept?: ReadonlyArray<Digest | "legacy"> | undefined
}

/**
 * What is accepted unless the policy says otherwise.
 *
 * @stability unstable
 * @category constants
 * @since 0.1.0
 */
export const accepted: ReadonlyArray<Digest> = ["sha256", "sha384", "sha3_256", "sha3_384"]

/**
 * A policy for peers of CPython 3.11 and older, which know only HMAC-MD5.
 *
 * **When to use**
 *
 * Only for such peers: whoever can make them answer with MD5 has an easier time to forge.
 *
 * @stability unstable
 * @category constants
 * @since 0.1.0
 */
export const legacy: Policy = { accept: [...accepted, "md5", "legacy"] }

/**
 * What one side of a TLS connection shows, and whom it believes, in the words of `node:tls`.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Credentials
  extends Pick<SecureContextOptions, "ca" | "cert" | "ciphers" | "crl" | "key" | "passphrase" | "pfx">
{
  /** the oldest version that is spoken; default `"TLSv1.2"`, and 1.3 with every peer that has it */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
}
