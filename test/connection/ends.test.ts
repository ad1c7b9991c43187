/** How a connection ends, by peers that are bare sockets: at every byte, and with lengths that no message has. */
import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { frame, reasonOf, tagOf, toRaw, withRaw } from "../support/connections.ts"

const live = <E>(name: string, test: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

/** both ways in which a connection is made: the two read their sockets in different ways */
const opened = [["accepted", withRaw], [
  "connected",
  (_: undefined, options?: { limit: number }) => toRaw(options)
]] as const

const long = (size: bigint): Buffer => {
  const header = Buffer.alloc(12, 0xff)
  header.writeBigUInt64BE(size, 4)
  return header
}

for (const [name, open] of opened) {
  describe(`a connection that was ${name}`, () => {
    live(
      "is truncated by an end at every byte but those between two messages",
      Effect.gen(function*() {
        const first = frame("first")
        for (const whole of [frame("abcdefg"), Buffer.concat([long(7n), Buffer.from("abcdefg")]), frame("")]) {
          const header = whole[0] === 0xff ? 12 : 4
          for (let cut = 0; cut <= whole.length; cut++) {
            yield* Effect.scoped(Effect.gen(function*() {
              const { connection, raw } = yield* open(undefined)
              raw.socket.end(Buffer.concat([first, whole.subarray(0, cut)]))
              assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "first")
              if (cut === whole.length) assert.lengthOf(yield* connection.receiveBytes(), whole.length - header)
              for (let i = 0; i < 2; i++) {
                const reason = yield* reasonOf(connection.receiveBytes())
                if (cut === 0 || cut === whole.length) assert.strictEqual(reason._tag, "EndOfStream")
                else {
                  const expected = cut < header ? undefined : whole.length
                  assert.deepInclude(reason, { _tag: "Truncated", received: cut, expected })
                }
              }
            }))
          }
        }
      })
    )

    live(
      "is truncated in the middle of a long message, with the bytes of it that came",
      Effect.gen(function*() {
        const whole = frame(Buffer.alloc(300_000, 7))
        for (const cut of [5, 40_000, 299_999]) {
          const { connection, raw } = yield* open(undefined)
          raw.socket.end(whole.subarray(0, cut))
          const reason = yield* reasonOf(connection.receiveBytes())
          assert.deepInclude(reason, { _tag: "Truncated", received: cut, expected: 300_004 })
        }
      })
    )

    live(
      "refuses lengths that no message has, and goes on to send",
      Effect.gen(function*() {
        for (const size of [-2, -7, -0x8000_0000]) {
          const { connection, raw } = yield* open(undefined)
          const header = Buffer.alloc(4)
          header.writeInt32BE(size)
          yield* raw.write(Buffer.concat([frame("good"), header, frame("behind")]))
          assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "good")
          for (let i = 0; i < 2; i++) {
            const reason = yield* reasonOf(connection.receiveBytes())
            assert.deepInclude(reason, { _tag: "ProtocolViolation", detail: `a message of ${size} bytes` })
          }
          yield* connection.sendBytes(Buffer.from("answer"))
          assert.strictEqual((yield* raw.frame).toString(), "answer")
        }
      })
    )

    live(
      "allocates nothing for a message that would be too long, and reads no more of it",
      Effect.gen(function*() {
        const sizes = [1n << 32n, (1n << 63n) + 5n, (1n << 64n) - 1n, BigInt((256 << 20) + 1)]
        const before = process.memoryUsage().arrayBuffers
        for (const size of sizes) {
          const { connection, raw } = yield* open(undefined)
          yield* raw.write(Buffer.concat([frame("good"), long(size), Buffer.alloc(100)]))
          assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "good")
          const reason = yield* reasonOf(connection.receiveBytes())
          assert.deepInclude(reason, { _tag: "MessageTooLong", size: Number(size), limit: 256 << 20 })
        }
        assert.isBelow(process.memoryUsage().arrayBuffers - before, 32 << 20)
      })
    )

    live(
      "takes the long form of the header for short messages, too",
      Effect.gen(function*() {
        const { connection, raw } = yield* open(undefined)
        yield* raw.write(Buffer.concat([long(0n), long(2n), Buffer.from("ab"), frame("c")]))
        assert.lengthOf(yield* connection.receiveBytes(), 0)
        assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "ab")
        assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "c")
      })
    )

    live(
      "whose peer sends no more is at its end, and what it was still sent arrives",
      Effect.gen(function*() {
        const { connection, raw } = yield* open(undefined)
        yield* raw.write(frame("question"))
        assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "question")
        yield* connection.sendBytes(Buffer.alloc(100_000, 1))
        raw.socket.end()
        assert.strictEqual(yield* tagOf(connection.receiveBytes()), "EndOfStream")
        yield* waitUntil(() => Effect.runSync(Effect.isFailure(connection.sendBytes(Buffer.alloc(1)))), {
          what: "the end of both ways"
        })
        assert.strictEqual(yield* tagOf(connection.sendBytes(Buffer.alloc(1))), "ConnectionBroken")
        assert.lengthOf(yield* raw.frame, 100_000)
      })
    )
  })
}

live(
  "a peer that resets the connection broke it; what had come before can be received",
  Effect.gen(function*() {
    for (const part of [frame(""), frame("abc").subarray(0, 5)]) {
      const { connection, raw } = yield* withRaw("127.0.0.1:0")
      yield* raw.write(Buffer.concat([frame("first"), part]))
      assert.isTrue(yield* connection.poll("10 seconds"))
      raw.socket.resetAndDestroy()
      // the system may drop what it had for us
      const first = yield* Effect.result(connection.receiveBytes())
      assert.strictEqual(first._tag, "Success")
      let last = yield* Effect.result(connection.receiveBytes())
      if (last._tag === "Success") last = yield* Effect.result(connection.receiveBytes())
      assert.strictEqual(last._tag === "Failure" && last.failure.reason._tag, "ConnectionBroken")
      assert.deepInclude(yield* reasonOf(connection.receiveBytes()), { _tag: "ConnectionBroken", code: "ECONNRESET" })
      assert.strictEqual(yield* tagOf(connection.sendBytes(Buffer.alloc(1))), "ConnectionBroken")
    }
  })
)
