/** What two ends of a connection exchange, over each kind of socket. */
import { assert, describe, it } from "@effect/vitest"
import type * as Address from "effect-multiprocessing/Address"
import * as Connection from "effect-multiprocessing/Connection"
import * as Listener from "effect-multiprocessing/Listener"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Net from "node:net"
import { networkInterfaces } from "node:os"
import { authKey, type Pair, pair, reasonOf, tagOf, toRaw, withRaw } from "../support/connections.ts"
import { rounds } from "../support/spawned.ts"

const hasIPv6 = Object.values(networkInterfaces()).flat().some((one) => one?.address === "::1")
if (!hasIPv6) console.warn("NOT RUN: connections over IPv6, because this machine has no address ::1")

const kinds: ReadonlyArray<readonly [string, Address.Input | undefined]> = [
  ["a Unix socket", undefined],
  ["TCP, IPv4", "127.0.0.1:0"],
  ...(hasIPv6 ? [["TCP, IPv6", "[::1]:0"] as const] : []),
  ...(process.platform === "linux" ? [["an abstract name", `abstract:emp-test-${process.pid}`] as const] : [])
]

const live = <E>(name: string, test: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

class Point extends Schema.Class<Point>("test/Point")({ x: Schema.Finite, y: Schema.Finite }) {}

const Everything = Schema.Struct({
  text: Schema.String,
  list: Schema.Array(Schema.Int),
  point: Point,
  when: Schema.Date,
  big: Schema.BigInt,
  bytes: Schema.Uint8Array,
  maybe: Schema.optional(Schema.Boolean),
  nothing: Schema.Null
})

const everything: typeof Everything.Type = {
  text: "größer \u{1f600} \0",
  list: [1, -2, 2 ** 40],
  point: new Point({ x: 0.1, y: -5 }),
  when: new Date(1_700_000_000_123),
  big: 2n ** 80n,
  bytes: Uint8Array.from([0, 255, 7]),
  nothing: null
}

const numbered = (n: number, size: number): Buffer => {
  const bytes = Buffer.alloc(Math.max(4, size), n)
  bytes.writeUInt32BE(n)
  return bytes
}
const numberOf = (bytes: Uint8Array): number => Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32BE()

for (const [name, address] of kinds) {
  describe(`over ${name}`, () => {
    live(
      "values go each way in both formats, and are what they were",
      Effect.gen(function*() {
        const { far, near } = yield* pair(address)
        for (const format of ["msgpack", "json"] as const) {
          for (const [from, to] of [[near, far], [far, near]] as const) {
            yield* from.send(Everything, everything, { format })
            const received = yield* to.receive(Everything, { format })
            assert.deepStrictEqual(received, everything)
            assert.instanceOf(received.point, Point)
          }
        }
      })
    )

    live(
      "bytes go each way, of lengths around each boundary, and 16 MiB",
      Effect.gen(function*() {
        const { far, near } = yield* pair(address)
        const lengths = [0, 1, 3, 4, 5, 0, 511, 512, 16_383, 16_384, 16_385, 32_768, 32_769, 65_532, 65_536, 200_000]
        const long = numbered(7, 16 << 20)
        for (const [from, to] of [[near, far], [far, near]] as const) {
          const sent = yield* Effect.forkChild(Effect.andThen(
            Effect.forEach(lengths, (length, i) => from.sendBytes(Buffer.alloc(length, i))),
            from.sendBytes(long)
          ))
          for (const [i, length] of lengths.entries()) {
            assert.strictEqual(Buffer.compare(yield* to.receiveBytes(), Buffer.alloc(length, i)), 0)
          }
          assert.strictEqual(Buffer.compare(yield* to.receiveBytes(), long), 0)
          yield* Fiber.join(sent)
        }
      })
    )

    live(
      "an answer to each of many questions",
      Effect.gen(function*() {
        const { far, near } = yield* pair(address)
        const echo = yield* Effect.forkChild(Stream.run(Connection.bytes(far), Connection.bytesSink(far)))
        for (let n = 0; n < 500; n++) {
          yield* near.sendBytes(numbered(n, n * 50))
          assert.strictEqual(numberOf(yield* near.receiveBytes()), n)
        }
        yield* near.close
        yield* Fiber.join(echo)
      })
    )

    live(
      "the end comes behind all that was sent",
      Effect.gen(function*() {
        const { far, near } = yield* pair(address)
        for (let n = 0; n < 100; n++) yield* near.sendBytes(numbered(n, n * 97))
        yield* Effect.forkChild(near.close)
        const all = yield* Stream.runCollect(Connection.bytes(far))
        assert.deepStrictEqual(all.map(numberOf), Array.from({ length: 100 }, (_, n) => n))
        assert.strictEqual(yield* tagOf(far.receiveBytes()), "EndOfStream")
        assert.strictEqual(yield* tagOf(far.receiveBytes()), "EndOfStream")
        assert.isTrue(yield* far.poll())
        yield* waitUntil(() => Effect.runSync(Effect.isFailure(far.sendBytes(Buffer.alloc(1)))), { what: "an error" })
        assert.strictEqual(yield* tagOf(far.sendBytes(Buffer.alloc(1))), "ConnectionBroken")
      })
    )
  })
}

describe("values", () => {
  live(
    "that do not fit their Schema are not sent, and the connection goes on",
    Effect.gen(function*() {
      const { far, near } = yield* pair(undefined)
      for (const format of ["msgpack", "json"] as const) {
        const misfit = yield* reasonOf(near.send(Schema.Int, 1.5, { format }))
        assert.strictEqual(misfit._tag, "NotEncodable")
        assert.include(misfit.message, "integer")
        const alien = near.send(Schema.Any, () => 1, { format })
        assert.strictEqual(yield* tagOf(alien), "NotEncodable")
        yield* near.send(Schema.Int, 5, { format })
        assert.strictEqual(yield* far.receive(Schema.Int, { format }), 5)
      }
    })
  )

  live(
    "that do not fit when they arrive are consumed, and the connection goes on",
    Effect.gen(function*() {
      const { far, near } = yield* pair(undefined)
      const bad = [
        Buffer.alloc(0),
        Buffer.from("{"),
        Buffer.from([0xc1]),
        Buffer.from([0xff, 0xfe]),
        Buffer.from("1 2")
      ]
      for (const format of ["msgpack", "json"] as const) {
        for (const bytes of bad) {
          yield* near.sendBytes(bytes)
          yield* near.send(Schema.String, "good", { format })
          assert.strictEqual(yield* tagOf(far.receive(Schema.String, { format })), "NotDecodable")
          assert.strictEqual(yield* far.receive(Schema.String, { format }), "good")
        }
        yield* near.send(Schema.String, "text", { format })
        assert.strictEqual(yield* tagOf(far.receive(Schema.Int, { format })), "NotDecodable")
      }
    })
  )

  live(
    "as a Stream and from a Sink",
    Effect.gen(function*() {
      const { far, near } = yield* pair(undefined)
      const numbers = Array.from({ length: 300 }, (_, n) => n)
      const sent = yield* Effect.forkChild(Effect.andThen(
        Stream.run(Stream.fromIterable(numbers), Connection.sink(near, Schema.Int, { format: "json" })),
        near.close
      ))
      assert.deepStrictEqual(yield* Stream.runCollect(Connection.values(far, Schema.Int, { format: "json" })), numbers)
      yield* Fiber.join(sent)
    })
  )
})

describe("limits", () => {
  live(
    "of one receive: a longer message waits",
    Effect.gen(function*() {
      const { far, near } = yield* pair(undefined)
      for (const size of [101, 40_000]) {
        yield* near.sendBytes(numbered(1, size))
        for (let i = 0; i < 3; i++) {
          const reason = yield* reasonOf(far.receiveBytes({ limit: 100 }))
          assert.deepInclude(reason, { _tag: "MessageTooLong", size, limit: 100 })
        }
        assert.lengthOf(yield* far.receiveBytes({ limit: size }), size)
      }
      yield* near.sendBytes(Buffer.alloc(100))
      assert.lengthOf(yield* far.receiveBytes({ limit: 100 }), 100)
      yield* near.sendBytes(Buffer.alloc(0))
      assert.lengthOf(yield* far.receiveBytes({ limit: 0 }), 0)
    })
  )

  live(
    "of the connection: a longer message is not sent",
    Effect.gen(function*() {
      const { far, near } = yield* pair(undefined, { limit: 1000 })
      for (const size of [1001, 100_000]) {
        const reason = yield* reasonOf(near.sendBytes(Buffer.alloc(size)))
        assert.deepInclude(reason, { _tag: "MessageTooLong", size, limit: 1000 })
      }
      assert.strictEqual(yield* tagOf(near.send(Schema.String, "x".repeat(999))), "MessageTooLong")
      yield* near.sendBytes(Buffer.alloc(1000))
      assert.lengthOf(yield* far.receiveBytes(), 1000)
    })
  )

  live(
    "of the connection: nothing is read any further behind a longer one",
    Effect.gen(function*() {
      const listener = yield* Listener.make({ authKey, limit: 1000 })
      const near = yield* Connection.connect(listener.address, { authKey })
      const far = yield* listener.accept
      yield* near.sendBytes(Buffer.alloc(10))
      yield* near.sendBytes(Buffer.alloc(1001))
      yield* near.sendBytes(Buffer.alloc(10))
      assert.lengthOf(yield* far.receiveBytes(), 10)
      for (let i = 0; i < 3; i++) {
        const reason = yield* reasonOf(far.receiveBytes())
        assert.deepInclude(reason, { _tag: "MessageTooLong", size: 1001, limit: 1000 })
      }
      yield* far.sendBytes(Buffer.alloc(3))
      assert.lengthOf(yield* near.receiveBytes(), 3, "it can still send")
    })
  )
})

describe("poll", () => {
  for (const [name, open] of [["accepted", withRaw(undefined)], ["connected", toRaw()]] as const) {
    live(
      `takes nothing, at any byte of a message (${name})`,
      Effect.gen(function*() {
        const { connection, raw } = yield* open
        const stream = Buffer.concat([Buffer.from([0, 0, 0, 0]), Buffer.from([0, 0, 0, 3, 65, 66, 67])])
        assert.isFalse(yield* connection.poll())
        for (const [i, byte] of stream.entries()) {
          yield* raw.write(Uint8Array.of(byte))
          const whole = i === 3 || i === stream.length - 1
          assert.strictEqual(yield* connection.poll(whole ? "10 seconds" : i % 3), whole)
          assert.strictEqual(yield* connection.poll(), whole)
          if (i === 3) assert.lengthOf(yield* connection.receiveBytes(), 0)
        }
        assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "ABC")
        assert.isFalse(yield* connection.poll())
        assert.isFalse(yield* connection.poll(-1))
        raw.socket.end()
        assert.isTrue(yield* connection.poll("10 seconds"))
        assert.isTrue(yield* connection.poll())
        assert.strictEqual(yield* tagOf(connection.receiveBytes()), "EndOfStream")
      })
    )
  }

  live(
    "waits for ever if it is told so",
    Effect.gen(function*() {
      const { far, near } = yield* pair(undefined)
      const polls = yield* Effect.forkChild(far.poll(Infinity))
      assert.isFalse(yield* far.poll(20))
      yield* near.sendBytes(Buffer.alloc(1))
      assert.isTrue(yield* Fiber.join(polls))
    })
  )
})

describe("interruption", () => {
  for (const [name, address] of kinds.slice(0, 2)) {
    live(
      `of a receive, again and again, loses no message and gives none twice (${name})`,
      Effect.gen(function*() {
        const { far, near } = yield* pair(address)
        const count = rounds(1_000, 20_000)
        yield* Effect.forkChild(Effect.gen(function*() {
          for (let n = 0; n < count; n++) {
            yield* near.sendBytes(numbered(n, n % 50 === 0 ? 50_000 : n % 97))
            if (n % 3 === 0) yield* turns(n % 4)
          }
          yield* near.close
        }))
        const seen: Array<number> = []
        let interrupted = 0
        for (let round = 0; seen.length < count; round++) {
          const fiber = yield* Effect.forkChild(
            round % 5 === 0 ? Effect.andThen(far.poll(50), far.receiveBytes()) : far.receiveBytes()
          )
          yield* turns(round % 4)
          yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          if (Exit.isSuccess(exit)) seen.push(numberOf(exit.value))
          else interrupted++
        }
        assert.deepStrictEqual(seen, Array.from({ length: count }, (_, n) => n))
        assert.isAbove(interrupted, 0)
        assert.strictEqual(yield* tagOf(far.receiveBytes()), "EndOfStream")
      })
    )
  }

  live(
    "of a send: all of its message or nothing",
    Effect.gen(function*() {
      const { far, near } = yield* pair(undefined)
      const received = yield* Effect.forkChild(Stream.runCollect(Connection.bytes(far)))
      const done: Array<number> = []
      const maybe: Array<number> = []
      for (let n = 0; n < 400; n++) {
        const fiber = yield* Effect.forkChild(near.sendBytes(numbered(n, n % 2 === 0 ? 300_000 : 90)))
        yield* turns(n % 3)
        yield* Fiber.interrupt(fiber)
        ;(Exit.isSuccess(yield* Fiber.await(fiber)) ? done : maybe).push(n)
      }
      yield* near.close
      const all = yield* Fiber.join(received)
      for (const bytes of all) {
        const n = numberOf(bytes)
        assert.strictEqual(Buffer.compare(bytes, numbered(n, n % 2 === 0 ? 300_000 : 90)), 0)
      }
      const numbers = all.map(numberOf)
      assert.deepStrictEqual(numbers, numbers.toSorted((a, b) => a - b))
      assert.strictEqual(new Set(numbers).size, numbers.length)
      for (const n of done) assert.include(numbers, n)
    })
  )
})

/** Lets the event loop turn so often. */
const turns = (n: number): Effect.Effect<void> =>
  n === 0 ? Effect.yieldNow : Effect.callback((resume) => {
    let left = n
    const turn = (): void => void (left-- > 0 ? setImmediate(turn) : resume(Effect.void))
    turn()
  })

describe("many at one end", () => {
  live(
    "receive each message once, and all hear of the end",
    Effect.gen(function*() {
      const { far, near } = yield* pair(undefined)
      const seen: Array<number> = []
      const takers = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () =>
          Effect.forkChild(
            tagOf(Effect.forever(Effect.map(far.receiveBytes(), (bytes) => void seen.push(numberOf(bytes)))))
          )
      )
      for (let n = 0; n < 1_000; n++) {
        yield* near.sendBytes(numbered(n, n % 200))
        if (n % 7 === 0) yield* turns(1)
      }
      yield* near.close
      for (const taker of takers) assert.strictEqual(yield* Fiber.join(taker), "EndOfStream")
      assert.deepStrictEqual(seen.toSorted((a, b) => a - b), Array.from({ length: 1_000 }, (_, n) => n))
    })
  )

  live(
    "send whole messages, each in its own order",
    Effect.gen(function*() {
      const { far, near } = yield* pair("127.0.0.1:0")
      const senders = 10
      const each = 60
      const sent = yield* Effect.forkChild(
        Effect.andThen(
          Effect.forEach(
            Array.from({ length: senders }, (_, i) => i),
            (i) =>
              Effect.gen(function*() {
                for (let n = 0; n < each; n++) yield* near.sendBytes(numbered(i * 1000 + n, n % 3 === 0 ? 200_000 : 70))
              }),
            { concurrency: "unbounded", discard: true }
          ),
          near.close
        )
      )
      const last = new Map<number, number>()
      let count = 0
      yield* Stream.runForEach(Connection.bytes(far), (bytes) =>
        Effect.sync(() => {
          const number = numberOf(bytes)
          const sender = Math.floor(number / 1000)
          assert.strictEqual(number % 1000, (last.get(sender) ?? -1) + 1)
          assert.strictEqual(bytes.at(-1), bytes.length > 4 ? number & 0xff : bytes.at(-1))
          last.set(sender, number % 1000)
          count++
        }))
      assert.strictEqual(count, senders * each)
      yield* Fiber.join(sent)
    })
  )
})

describe("a peer that does not read", () => {
  /** Sends until it has to wait; gives the number of bytes that left, and the fiber that goes on. */
  const fill = (connection: Connection.Connection, size: number, most: number) =>
    Effect.gen(function*() {
      let sent = 0
      const fiber = yield* Effect.forkChild(Effect.gen(function*() {
        while (sent < most) {
          yield* connection.sendBytes(numbered(sent / size, size))
          sent += size
        }
      }))
      let before = -1
      let still = 0
      yield* waitUntil(() => {
        still = sent === before ? still + 1 : 0
        before = sent
        return still > 30
      }, { what: "a sender that waits", interval: 2 })
      return { sent, fiber, now: () => sent }
    })

  for (const [name, address] of kinds.slice(0, 2)) {
    for (const size of [1_000, 64 << 10]) {
      live(
        `suspends who sends messages of ${size} bytes, and lets it go on (${name})`,
        Effect.gen(function*() {
          const { far, near } = yield* pair(address)
          const most = Math.floor((24 << 20) / size) * size
          const { fiber, sent } = yield* fill(near, size, most)
          assert.isBelow(sent, 16 << 20, "bytes that are on their way")
          for (let n = 0; n < most / size; n++) assert.strictEqual(numberOf(yield* far.receiveBytes()), n)
          yield* Fiber.join(fiber)
        })
      )
    }
  }

  live(
    "does not hang whoever closes; who waits hears of it at once",
    Effect.gen(function*() {
      const { connection, raw } = yield* withRaw("127.0.0.1:0", { reads: false })
      const { fiber } = yield* fill(connection, 15_000, 64 << 20)
      const receives = yield* Effect.forkChild(tagOf(connection.receiveBytes()))
      yield* turns(2)
      const closes = yield* Effect.forkChild(connection.close)
      assert.strictEqual(yield* Fiber.join(receives), "ConnectionClosed")
      assert.strictEqual(yield* tagOf(Fiber.join(fiber)), "ConnectionClosed")
      assert.isFalse(
        (connection as unknown as { readonly socket: Net.Socket }).socket.destroyed,
        "it waits for the peer"
      )
      yield* Fiber.join(closes)
      raw.socket.resume()
      yield* raw.end
    })
  )

  live(
    "and dies: who sends hears of it, also in the middle of a message",
    Effect.gen(function*() {
      for (const size of [1_000, 64 << 10]) {
        const { connection, raw } = yield* withRaw("127.0.0.1:0", { reads: false })
        const { fiber, now, sent } = yield* fill(connection, size, 64 << 20)
        raw.socket.resetAndDestroy()
        assert.strictEqual(yield* tagOf(Fiber.join(fiber)), "ConnectionBroken")
        assert.strictEqual(now(), sent, "what nobody took was not sent")
      }
    })
  )
})

describe("close", () => {
  const used = ({ near }: Pair) => [
    near.sendBytes(Buffer.alloc(1)),
    near.sendBytes(Buffer.alloc(100_000)),
    near.send(Schema.Int, 1),
    near.receiveBytes(),
    near.receiveBytes({ limit: 1 }),
    near.receive(Schema.Int),
    near.poll(),
    near.poll(10_000)
  ]

  live(
    "again is nothing; what is used after it says so",
    Effect.gen(function*() {
      const both = yield* pair(undefined)
      yield* both.far.sendBytes(Buffer.alloc(3))
      assert.isTrue(yield* both.near.poll("10 seconds"))
      yield* Effect.all([both.near.close, both.near.close], { concurrency: 2 })
      yield* both.near.close
      yield* both.near.flush
      for (const use of used(both)) assert.strictEqual(yield* tagOf(use), "ConnectionClosed")
    })
  )

  live(
    "comes with the Scope",
    Effect.gen(function*() {
      const both = yield* Effect.scoped(pair(undefined))
      for (const use of used(both)) assert.strictEqual(yield* tagOf(use), "ConnectionClosed")
    })
  )

  live(
    "sends all that was sent before it",
    Effect.gen(function*() {
      const { far, near } = yield* pair("127.0.0.1:0")
      const fiber = yield* Effect.forkChild(Stream.runCollect(Connection.bytes(far)))
      for (let n = 0; n < 1000; n++) yield* near.sendBytes(numbered(n, 1000))
      yield* Effect.forkChild(near.sendBytes(numbered(1000, 5_000_000)))
      yield* Effect.yieldNow
      yield* near.close
      const all = yield* Fiber.join(fiber)
      assert.lengthOf(all, 1001)
      assert.lengthOf(all.at(-1)!, 5_000_000)
    })
  )
})
