import { assert, describe, it } from "@effect/vitest"
import { createHmac, createSecretKey, randomBytes } from "node:crypto"
import { type Hash, hmac, longestMessage } from "../../../src/connection/internal/hmac.ts"

const hashes: ReadonlyArray<Hash> = ["md5", "sha256", "sha384", "sha3-256", "sha3-384"]

describe("HMAC of a short message", () => {
  for (const name of hashes) {
    it(`${name} is what createHmac gives, for keys shorter and longer than a block and messages of any length`, () => {
      for (const keyLength of [1, 16, 32, 63, 64, 65, 104, 105, 128, 129, 136, 137, 300]) {
        const key = createSecretKey(randomBytes(keyLength))
        // Long ones first: nothing of them may be left for shorter ones.
        for (const length of [longestMessage, 255, 128, 65, 64, 48, 20, 1, 0]) {
          const message = randomBytes(length)
          assert.deepStrictEqual(hmac(name, key, message), createHmac(name, key).update(message).digest())
        }
      }
    })
  }

  it("keys do not mix, nor digests of one key", () => {
    const keys = [1, 2].map((byte) => createSecretKey(Buffer.alloc(32, byte)))
    const message = randomBytes(48)
    for (let round = 0; round < 2; round++) {
      for (const key of keys) {
        for (const name of hashes) {
          assert.deepStrictEqual(hmac(name, key, message), createHmac(name, key).update(message).digest())
        }
      }
    }
  })

  it("a message that is longer is no message", () => {
    const key = createSecretKey(randomBytes(32))
    assert.throws(() => hmac("sha256", key, randomBytes(longestMessage + 1)), RangeError)
    const message = randomBytes(40)
    assert.deepStrictEqual(hmac("sha256", key, message), createHmac("sha256", key).update(message).digest())
  })
})
