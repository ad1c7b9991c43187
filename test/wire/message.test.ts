import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as Records from "../../src/wire/internal/records.ts"
import { FromBytes, kinds, Message } from "../../src/wire/Message.ts"
import * as Messages from "../support/messages.ts"
import { rounds } from "../support/spawned.ts"

const encode = Schema.encodeSync(FromBytes)
const decode = Schema.decodeUnknownResult(FromBytes)
const runs = { numRuns: rounds(5000, 100_000), seed: 20_261_122 }
const timeout = rounds(60_000, 900_000)

const tryRead = (bytes: Uint8Array) => Result.try(() => Messages.read(bytes))

describe("Message", () => {
  it("is written by the session as its Schema writes it, and read as it was", () => {
    fc.assert(
      fc.property(Messages.message, (message) => {
        const bytes = Messages.write(message)
        assert.deepStrictEqual(bytes, Uint8Array.from(encode(message)))
        assert.deepStrictEqual(Messages.read(bytes), message)
        assert.deepStrictEqual(Result.getOrThrow(decode(bytes)), message)
      }),
      runs
    )
  }, timeout)

  it("is refused by the session exactly when its Schema refuses it", () => {
    const seen = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(Messages.mutated, (bytes) => {
        const slow = decode(bytes)
        const fast = tryRead(bytes)
        assert.strictEqual(Result.isSuccess(fast), Result.isSuccess(slow), Buffer.from(bytes).toString("hex"))
        if (Result.isSuccess(fast) && Result.isSuccess(slow)) assert.deepStrictEqual(fast.success, slow.success)
        seen[Result.isSuccess(fast) ? "accepted" : "refused"]++
      }),
      runs
    )
    // both happen often, or the test would say nothing
    assert.isAbove(seen.accepted, runs.numRuns / 20)
    assert.isAbove(seen.refused, runs.numRuns / 20)
  }, timeout)

  it("has the same kinds in its Schema and in the session", () => {
    const names = Object.keys(kinds).map((tag) => tag.toLowerCase())
    assert.deepStrictEqual(Object.fromEntries(names.map((name, i) => [name, i])), { ...Records.kind })
    assert.strictEqual(Message.members.length, names.length)
  })
})
