/** Peers that mean no good, at a listener and at a client: each is told apart, none costs more than a little. */
import { assert, describe, it } from "@effect/vitest"
import type * as Address from "effect-multiprocessing/Address"
import * as Connection from "effect-multiprocessing/Connection"
import type { ConnectionErrorReason } from "effect-multiprocessing/ConnectionError"
import * as Listener from "effect-multiprocessing/Listener"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { createHmac, randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { authKey, frame, keyOf, knock, type Raw, rawServer, reasonOf, tagOf } from "../support/connections.ts"
import { talk } from "../support/pythons.ts"
import { rounds } from "../support/spawned.ts"

const live = <E>(name: string, test: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

const key = "a key of these tests"

/** What the key's owner answers. */
const answerTo = (challenge: Uint8Array): Buffer => {
  const message = challenge.subarray("#CHALLENGE#".length)
  return Buffer.concat([Buffer.from("{sha256}"), createHmac("sha256", key).update(message).digest()])
}

/** A listener that tells whom it refused, and serves who it did not: with an echo of one message. */
const guarded = (options: Partial<Listener.Options> = {}) =>
  Effect.gen(function*() {
    const refused: Array<ConnectionErrorReason> = []
    const listener = yield* Listener.make({
      authKey,
      onRefused: ({ reason }) => Effect.sync(() => refused.push(reason)),
      ...options
    })
    yield* Effect.forkScoped(
      listener.run((connection) => Effect.flatMap(connection.receiveBytes(), (bytes) => connection.sendBytes(bytes)))
    )
    return {
      address: listener.address,
      refused,
      /** as soon as so many were refused */
      told: (count: number) =>
        Effect.as(waitUntil(() => refused.length >= count, { what: `${count} refusals`, interval: 1 }), refused)
    }
  })

/** A good peer is served. */
const works = (address: Address.Address) =>
  Effect.scoped(Effect.gen(function*() {
    const connection = yield* Connection.connect(address, { authKey })
    yield* connection.sendBytes(Buffer.from("good"))
    assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "good")
  }))

const descriptors = (): number => Fs.readdirSync("/proc/self/fd").length

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Bytes in use, when what is not in use is collected. */
const memory = (): number => {
  collect()
  collect()
  const { arrayBuffers, external, heapUsed } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}

/** Peers in another process, each of which has begun a handshake and is silent. */
const silent = (address: Address.Address, many: number, bytes: number) =>
  Effect.gen(function*() {
    const file = fileURLToPath(new URL("../fixtures/connection/silent.ts", import.meta.url))
    const program = yield* talk(process.execPath, [
      file,
      (address as typeof Address.Unix.Type).path,
      String(many),
      String(bytes)
    ])
    assert.strictEqual(yield* program.line, "ready")
    return program
  })

/** Bytes of a client's side of the handshake: an answer, a question, a verdict. */
const wholeHandshake = 44 + 63 + 13

/** A client that knows the key, and says no more than so many bytes of its side. */
const shake = (raw: Raw, most: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    let left = most
    const say = (bytes: Buffer) =>
      Effect.suspend(() => {
        const part = bytes.subarray(0, left)
        left -= part.length
        return Effect.as(part.length === 0 ? Effect.void : raw.write(part), part.length === bytes.length)
      })
    if (!(yield* say(frame(answerTo(yield* raw.frame))))) return
    assert.strictEqual((yield* raw.frame).toString(), "#WELCOME#")
    const question = Buffer.concat([Buffer.from("#CHALLENGE#{sha256}"), randomBytes(40)])
    if (!(yield* say(frame(question)))) return
    assert.isTrue((yield* raw.frame).equals(answerTo(question)))
    yield* say(frame("#WELCOME#"))
  })

/** A server that knows the key, and says no more than so many bytes of its side. */
const receive = (raw: Raw, most: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const question = Buffer.concat([Buffer.from("#CHALLENGE#{sha256}"), randomBytes(40)])
    const whole = [() => Effect.succeed(frame(question)), () =>
      Effect.map(raw.frame, (answer) => {
        assert.isTrue(answer.equals(answerTo(question)))
        return frame("#WELCOME#")
      }), () => Effect.map(raw.frame, (asked) => frame(answerTo(asked)))]
    let left = most
    for (const next of whole) {
      const bytes = (yield* next()).subarray(0, left)
      yield* raw.write(bytes)
      left -= bytes.length
      if (left === 0) return
    }
  })

describe("a listener", () => {
  live(
    "refuses each wrong key, tells of each, and goes on",
    Effect.gen(function*() {
      const { address, refused, told } = yield* guarded()
      yield* works(address)
      const before = descriptors()
      const many = rounds(200, 5_000)
      const wrong = (n: number) =>
        Effect.map(
          reasonOf(Effect.scoped(Connection.connect(address, { authKey: keyOf(`wrong ${n}`) }))),
          (reason) => assert.deepInclude(reason, { _tag: "AuthenticationFailed", refusedBy: "peer" })
        )
      yield* Effect.forEach(Array.from({ length: many }, (_, n) => n), wrong, { concurrency: 10, discard: true })
      yield* told(many)
      assert.lengthOf(refused, many)
      for (const reason of refused) assert.deepInclude(reason, { _tag: "AuthenticationFailed", refusedBy: "us" })
      yield* waitUntil(() => descriptors() <= before, { what: "closed descriptors" })
      yield* works(address)
      assert.lengthOf(refused, many)
    })
  )

  live(
    "is not taken in by a handshake that was recorded, nor by its own question",
    Effect.gen(function*() {
      const { address, told } = yield* guarded()
      const first = yield* knock(address)
      const question = yield* first.frame
      const recorded = frame(answerTo(question))
      yield* first.write(recorded)
      assert.strictEqual((yield* first.frame).toString(), "#WELCOME#")

      const second = yield* knock(address)
      assert.isFalse((yield* second.frame).equals(question), "each is asked something else")
      yield* second.write(recorded)
      assert.strictEqual((yield* second.frame).toString(), "#FAILURE#")
      yield* second.end
      assert.deepInclude((yield* told(1))[0], { _tag: "AuthenticationFailed", refusedBy: "us" })

      // its question as an answer, and as a question before it has been answered
      const third = yield* knock(address)
      yield* third.write(frame(yield* third.frame))
      assert.notInclude((yield* third.frame).toString("latin1"), "{sha256}")
      yield* third.end
      assert.strictEqual((yield* told(2))[1]!._tag, "ProtocolViolation")
      yield* works(address)
    })
  )

  live(
    "ends at every byte of a handshake, typed; and at none of them hangs",
    Effect.gen(function*() {
      const { address, refused, told } = yield* guarded()
      const cuts = Array.from({ length: wholeHandshake }, (_, n) => n)
      yield* Effect.forEach(cuts, (cut) =>
        Effect.scoped(Effect.gen(function*() {
          const raw = yield* knock(address)
          yield* shake(raw, cut)
          raw.socket.end()
          yield* raw.end
        })), { concurrency: 10, discard: true })
      yield* told(cuts.length)
      const tags = refused.map(({ _tag }) => _tag)
      assert.lengthOf(tags.filter((tag) => tag === "EndOfStream"), 3, "between two messages")
      assert.lengthOf(tags.filter((tag) => tag === "Truncated"), cuts.length - 3)
      yield* Effect.scoped(Effect.gen(function*() {
        const raw = yield* knock(address)
        yield* shake(raw, wholeHandshake)
        yield* raw.write(frame("good"))
        assert.strictEqual((yield* raw.frame).toString(), "good")
      }))
    })
  )

  live(
    "refuses what is no handshake",
    Effect.gen(function*() {
      const { address, refused, told } = yield* guarded()
      const long = Buffer.alloc(12, 0xff)
      long.writeBigUInt64BE(1n << 32n, 4)
      const lengths = [
        Buffer.from([0xff, 0xff, 0xff, 0xfe]),
        Buffer.from([0x80, 0, 0, 0]),
        Buffer.from([0, 0, 1, 1]),
        long
      ]
      const violations = [
        Buffer.from("GET / HTTP/1.1\r\nhost: here\r\n\r\n"),
        Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
        ...lengths,
        ...lengths.map((length) => Buffer.concat([length, randomBytes(2_000)])),
        frame(""),
        frame("#WELCOME#"),
        frame("{nonsense"),
        frame(randomBytes(40).fill(1, 0, 1)),
        frame(randomBytes(256).fill(1, 0, 1))
      ]
      const others: ReadonlyArray<readonly [Buffer, string]> = [
        [frame("#FAILURE#"), "AuthenticationFailed"],
        [frame("{md5}0123456789abcdef"), "DigestRefused"],
        [frame("{what}0123456789abcdef"), "DigestRefused"],
        [frame(randomBytes(16)), "DigestRefused"],
        [frame(randomBytes(20)), "DigestRefused"],
        [frame("{sha256}"), "AuthenticationFailed"],
        [frame(`{sha256}${"x".repeat(31)}`), "AuthenticationFailed"],
        [frame(`{sha256}${"x".repeat(32)}`), "AuthenticationFailed"],
        [frame(`{sha384}${"x".repeat(33)}`), "AuthenticationFailed"]
      ]
      const all = [...violations.map((bytes) => [bytes, "ProtocolViolation"] as const), ...others]
      for (const [i, [bytes, tag]] of all.entries()) {
        const raw = yield* knock(address)
        if (i % 2 === 0) yield* raw.frame
        yield* raw.write(bytes)
        yield* raw.end
        assert.strictEqual((yield* told(i + 1))[i]!._tag, tag, bytes.toString("latin1"))
      }
      // the same behind a right answer
      const count = refused.length
      for (const [i, bytes] of violations.entries()) {
        const raw = yield* knock(address)
        yield* shake(raw, 44)
        yield* raw.write(bytes)
        yield* raw.end
        assert.strictEqual((yield* told(count + i + 1))[count + i]!._tag, "ProtocolViolation")
      }
      yield* works(address)
    })
  )

  live(
    "goes on after any bytes, before, within and behind the handshake",
    Effect.gen(function*() {
      const { address } = yield* guarded({ timeout: 1_000 })
      yield* Effect.forEach(
        Array.from({ length: rounds(60, 2_000) }, (_, n) => n),
        (n) =>
          Effect.scoped(Effect.gen(function*() {
            const raw = yield* knock(address)
            yield* shake(raw, n % 3 === 0 ? wholeHandshake : (n * 7) % wholeHandshake)
            raw.socket.end(randomBytes(1 + (n * 37) % 3_000))
            yield* raw.end
          })),
        { concurrency: 10, discard: true }
      )
      yield* works(address)
    })
  )

  live(
    "tells of those who are too slow, and takes those who are slow but in time",
    Effect.gen(function*() {
      const { address, told } = yield* guarded({ timeout: 200 })
      const slow = yield* knock(address)
      const dribbles = yield* Effect.forkChild(Effect.gen(function*() {
        for (const byte of frame(Buffer.alloc(200, "{"))) {
          yield* slow.write(Uint8Array.of(byte))
          yield* Effect.sleep(10)
        }
      }))
      const nothing = yield* knock(address)
      const reasons = yield* told(2)
      for (const reason of reasons) assert.deepInclude(reason, { _tag: "HandshakeTimeout", timeout: 200 })
      yield* slow.end
      yield* nothing.end
      yield* Fiber.interrupt(dribbles)

      const patient = yield* guarded()
      const raw = yield* knock(patient.address)
      for (const byte of frame(answerTo(yield* raw.frame))) yield* raw.write(Uint8Array.of(byte))
      assert.strictEqual((yield* raw.frame).toString(), "#WELCOME#")
    })
  )

  live(
    "serves others while 1,000 are silent; the oldest give way, and each is told of",
    Effect.gen(function*() {
      for (const pending of [undefined, 2_000]) {
        const { address, refused, told } = yield* guarded({ pending })
        const before = descriptors()
        const many = 1_000
        const program = yield* silent(address, many, 10)
        const kept = pending === undefined ? 256 : many
        yield* told(many - kept)
        yield* waitUntil(() => descriptors() - before <= kept + 8, { what: "closed descriptors" })
        const times: Array<number> = []
        for (let n = 0; n < rounds(50, 500); n++) {
          const start = performance.now()
          yield* works(address)
          times.push(performance.now() - start)
        }
        const p99 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]!
        assert.isBelow(p99, 2_000, "milliseconds: it is not held up")
        program.kill()
        yield* program.end
        yield* told(many)
        for (const { _tag } of refused) {
          assert.include(["ConnectionClosed", "Truncated", "EndOfStream", "ConnectionBroken"], _tag)
        }
        yield* waitUntil(() => descriptors() <= before, { what: "closed descriptors" })
      }
    })
  )

  live(
    "gives little memory to whom it does not know, and has it back",
    Effect.gen(function*() {
      const { address, refused, told } = yield* guarded({ pending: 2_000 })
      yield* works(address)
      const many = 500
      // code that runs for the first time is not theirs
      const first = yield* silent(address, many, 43)
      first.kill()
      yield* told(many)
      refused.length = 0
      const before = memory()
      const program = yield* silent(address, many, 43)
      const each = (memory() - before) / many
      console.info(`a peer in its handshake: ${(each / 1024).toFixed(1)} KiB`)
      assert.isBelow(each, 64 << 10)
      program.kill()
      yield* told(many)
      refused.length = 0
      yield* waitUntil(() => memory() - before < many * 2_048, { what: "freed memory", interval: 50 })
    })
  )
})

describe("a client", () => {
  live(
    "does not answer what its own process asked",
    Effect.gen(function*() {
      const { address, refused } = yield* guarded()
      const server = yield* rawServer()
      const connects = yield* Effect.forkChild(
        reasonOf(Effect.scoped(Connection.connect(server.address, { authKey })))
      )
      const victim = yield* server.next
      const raw = yield* knock(address)
      yield* victim.write(frame(yield* raw.frame))
      const said = yield* victim.frame
      assert.strictEqual(said.toString(), "#FAILURE#")
      assert.deepInclude(yield* Fiber.join(connects), { _tag: "AuthenticationFailed", refusedBy: "us" })
      assert.lengthOf(refused, 0)
      yield* works(address)
    })
  )

  live(
    "ends at every byte of the other side's handshake, typed",
    Effect.gen(function*() {
      const server = yield* rawServer()
      for (let cut = 0; cut <= 63 + 13 + 44; cut++) {
        const connects = yield* Effect.forkChild(
          Effect.result(Effect.scoped(Connection.connect(server.address, { authKey })))
        )
        const raw = yield* server.next
        yield* receive(raw, cut)
        if (cut < 120) raw.socket.end()
        else assert.strictEqual((yield* raw.frame).toString(), "#WELCOME#")
        const result = yield* Fiber.join(connects)
        const seen = result._tag === "Success" ? result._tag : result.failure.reason._tag
        const expected = cut === 120 ? "Success" : [0, 63, 76].includes(cut) ? "EndOfStream" : "Truncated"
        assert.strictEqual(seen, expected, `after ${cut} bytes`)
      }
    })
  )

  live(
    "refuses what is no handshake",
    Effect.gen(function*() {
      const server = yield* rawServer()
      const cases: ReadonlyArray<readonly [Buffer, string]> = [
        [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), "ProtocolViolation"],
        [Buffer.from([0xff, 0xff, 0xff, 0xfe]), "ProtocolViolation"],
        [frame(Buffer.alloc(257)), "ProtocolViolation"],
        [frame(""), "ProtocolViolation"],
        [frame("#WELCOME#"), "ProtocolViolation"],
        [frame("#CHALLENGE#"), "ProtocolViolation"],
        [frame("#CHALLENGE#{sha256}too short"), "ProtocolViolation"],
        [frame(`#CHALLENGE#${"x".repeat(40)}`), "ProtocolViolation"],
        [frame(`#CHALLENGE#${"x".repeat(20)}`), "DigestRefused"],
        [frame(`#CHALLENGE#{md5}${"x".repeat(40)}`), "DigestRefused"],
        [frame(`#CHALLENGE#{crc32}${"x".repeat(40)}`), "DigestRefused"]
      ]
      for (const [bytes, tag] of cases) {
        const connects = yield* Effect.forkChild(tagOf(Effect.scoped(Connection.connect(server.address, { authKey }))))
        const raw = yield* server.next
        yield* raw.write(bytes)
        assert.strictEqual(yield* Fiber.join(connects), tag, bytes.toString("latin1"))
        yield* raw.end
        const said = raw.received.toString("latin1")
        assert.notInclude(said, "{sha256}", "it has answered nothing")
        assert.notInclude(said, "#CHALLENGE#")
      }
      // a verdict that is none, and a wrong answer to its own question
      for (
        const [verdict, answer, tag] of [
          ["#WELCOME!", "", "ProtocolViolation"],
          ["#FAILURE#", "", "AuthenticationFailed"],
          ["#WELCOME#", `{sha256}${"x".repeat(32)}`, "AuthenticationFailed"]
        ] as const
      ) {
        const connects = yield* Effect.forkChild(tagOf(Effect.scoped(Connection.connect(server.address, { authKey }))))
        const raw = yield* server.next
        yield* raw.write(frame(`#CHALLENGE#{sha256}${"x".repeat(40)}`))
        yield* raw.frame
        yield* raw.write(frame(verdict))
        if (answer !== "") {
          yield* raw.frame
          yield* raw.write(frame(answer))
        }
        assert.strictEqual(yield* Fiber.join(connects), tag)
      }
    })
  )
})
