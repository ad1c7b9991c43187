import { assert, describe, it } from "@effect/vitest"
import { createSecretKey } from "node:crypto"
import { accepted, legacy, type Policy } from "../../../src/connection/Authentication.ts"
import * as Challenge from "../../../src/connection/internal/challenge.ts"

const key = createSecretKey(Buffer.from("supadupasecretkey"))

/** The bytes 0, 1, 2, ... behind a prefix. */
const asked = (prefix: string, length: number) =>
  Buffer.concat([Buffer.from(prefix), Uint8Array.from({ length }, (_, i) => i)])

/** Measured at CPython: challenge, and the answer in hexadecimal digits. */
const vectors: ReadonlyArray<readonly [prefix: string, length: number, answer: string]> = [
  ["", 20, "264a416e6bf8fbca704dd80d6acd61c2"],
  ["{md5}", 20, "7b6d64357d215607222f32355c501c4610ab63efd8"],
  ["{sha256}", 20, "7b7368613235367d626954383eaf1d167b625e42b55022b8803c9e1bcceb260afe06e33acd510ec1"],
  ["{sha256}", 40, "7b7368613235367d8d546a07722430e6e36d9a1e16a2b23c30b7f555678dc9d50321e882a89160fc"],
  [
    "{sha384}",
    40,
    "7b7368613338347d80f217a24d41a113e9724667529721c68db497159c18e345a8f56026bea288054250b72024db3d2a66f5cb3579b7df83"
  ],
  ["{sha3_256}", 40, "7b736861335f3235367d2984584f46f14f34164437f95c8a44d8b23b6873e146182134a4c58a75df604d"],
  [
    "{sha3_384}",
    40,
    "7b736861335f3338347ddf59fcaa8c7df1db9b842a125150a5445e4cfa817a33dcd29e1c33b6e5f4a440592e9aad867c49f3d9e3014188433548"
  ]
]

const digest = (prefix: string) => prefix === "" ? "legacy" : prefix.slice(1, -1)

describe("CPython's challenges", () => {
  for (const [prefix, length, hex] of vectors) {
    const challenge = asked(prefix, length)
    const answer = Buffer.from(hex, "hex")

    it(`${digest(prefix)} of ${length} bytes is answered as CPython does, and such an answer is right`, () => {
      assert.deepStrictEqual(Challenge.answer(challenge, key, legacy), answer)
      assert.isUndefined(Challenge.verify(answer, challenge, key, legacy))
    })

    it(`${digest(prefix)} of ${length} bytes: any other answer is wrong`, () => {
      for (let at = prefix.length; at < answer.length; at++) {
        const other = Buffer.from(answer)
        other[at]! ^= 1
        assert.deepStrictEqual(Challenge.verify(other, challenge, key, legacy), { _tag: "Wrong" })
      }
      assert.deepStrictEqual(Challenge.verify(answer, asked(prefix, length + 1), key, legacy), { _tag: "Wrong" })
      assert.deepStrictEqual(Challenge.verify(answer, challenge, createSecretKey(Buffer.from("another key")), legacy), {
        _tag: "Wrong"
      })
      for (const shorter of [answer.subarray(0, -1), Buffer.concat([answer, Buffer.alloc(1)])]) {
        assert.isDefined(Challenge.verify(shorter, challenge, key, legacy))
      }
    })

    it(`${digest(prefix)} is ${prefix === "" || prefix === "{md5}" ? "refused" : "accepted"} without a policy`, () => {
      const refusal: Challenge.Refusal | undefined = prefix === "" || prefix === "{md5}"
        ? { _tag: "Digest", digest: digest(prefix) }
        : undefined
      assert.deepStrictEqual(Challenge.verify(answer, challenge, key, {}), refusal)
      assert.deepStrictEqual(Challenge.answer(challenge, key, {}), refusal ?? answer)
    })
  }

  it("only what the policy accepts is used", () => {
    const policy: Policy = { challenge: "sha3_384", accept: ["sha3_384"] }
    const challenge = Challenge.make(Buffer.alloc(40, 7), policy).subarray(Challenge.tag.length)
    assert.strictEqual(Buffer.from(challenge).toString("latin1", 0, 10), "{sha3_384}")
    assert.strictEqual(challenge.length, 50)
    const weaker = Challenge.answer(asked("{sha256}", 40), key, {})
    assert.deepStrictEqual(Challenge.verify(weaker as Uint8Array, challenge, key, policy), {
      _tag: "Digest",
      digest: "sha256"
    })
    assert.notInclude(accepted as ReadonlyArray<string>, "md5")
  })

  const malformed: Record<string, Uint8Array> = {
    "of 40 bytes without a digest's name": asked("", 40),
    "of 19 bytes": asked("{md5}", 14),
    "without anything": Buffer.alloc(0),
    "whose brace does not close": asked("{sha256", 40),
    "whose brace closes too late": asked("{sha3_256_}", 40)
  }
  for (const [name, challenge] of Object.entries(malformed)) {
    it(`a challenge ${name} is no challenge`, () => {
      assert.deepInclude(Challenge.answer(challenge, key, legacy), { _tag: "Malformed" })
    })
  }

  for (const name of ["sha1", "sha512", "", "toString", "valueOf"]) {
    it(`the digest ${JSON.stringify(name)} is unknown`, () => {
      const refusal: Challenge.Refusal = { _tag: "Digest", digest: name }
      assert.deepStrictEqual(Challenge.answer(asked(`{${name}}`, 40), key, legacy), refusal)
    })
  }
})
