import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { AuthKey } from "../../wire/AuthKey.ts"
import * as Address from "../Address.ts"
import type { Credentials, Policy } from "../Authentication.ts"
import type { ConnectionError } from "../ConnectionError.ts"
import * as Challenge from "./challenge.ts"

/** What both sides say of a connection. */
export interface Common {
  /** what both sides must have; `"none"` only where everybody who can connect may, as CPython's `authkey=None` */
  readonly authKey: AuthKey | "none"
  /** which digests the handshake may use; default SHA-2 and SHA-3 */
  readonly policy?: Policy | undefined
  /** bytes of the longest message, both ways; default 256 MiB */
  readonly limit?: number | undefined
  /** speaks TLS */
  readonly tls?: Credentials | undefined
  /** allows an address of another machine without TLS; default false */
  readonly insecure?: boolean | undefined
}

/** bytes of a message from somebody who has not shown the key */
export const strangersLimit = Challenge.longestMessage

/** bytes of any other message */
export const defaultLimit = 256 << 20

/** milliseconds */
const defaultTimeout = 10_000

export interface Resolved {
  readonly address: Address.Address
  readonly authKey: AuthKey | "none"
  readonly policy: Policy
  readonly limit: number
  /** milliseconds */
  readonly timeout: number
}

export const resolve = (
  input: Address.Input,
  options: Common & { readonly timeout?: Duration.Input | undefined }
): Result.Result<Resolved, ConnectionError> =>
  Result.map(
    Address.resolve(input, { tls: options.tls !== undefined, insecure: options.insecure === true }),
    (address) => ({
      address,
      authKey: options.authKey,
      policy: options.policy ?? {},
      limit: options.limit ?? defaultLimit,
      timeout: options.timeout === undefined ? defaultTimeout : Duration.toMillis(options.timeout)
    })
  )
