/** Hashing is slow on purpose, and nothing else runs in a process meanwhile. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto"
import { Passwords } from "./contract.ts"

const saltLength = 16

const salted = (password: string, salt: Uint8Array) => Buffer.concat([salt, scryptSync(password, salt, 32)])

const layer = Passwords.toLayer({
  hash: ({ password }) => Effect.sync(() => salted(password, randomBytes(saltLength))),
  verify: ({ hash, password }) =>
    Effect.sync(() => {
      const again = salted(password, hash.subarray(0, saltLength))
      return again.length === hash.length && timingSafeEqual(again, hash)
    })
})

export default layer satisfies Remote.Module
