/** Pipes, and ends of connections that travel in messages. */
import { assert, describe, it } from "@effect/vitest"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Connection from "effect-multiprocessing/Connection"
import type { ConnectionError } from "effect-multiprocessing/ConnectionError"
import * as Listener from "effect-multiprocessing/Listener"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type * as Remote from "effect-multiprocessing/Remote"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import type { Link } from "../../src/connection/internal/link.ts"
import { echo, Ends } from "../fixtures/connection/ends.ts"
import { frame } from "../support/connections.ts"
import { rounds } from "../support/spawned.ts"

type Needs = Scope.Scope | Connection.Claims

const live = <A, E>(name: string, test: Effect.Effect<A, E, Needs>, layer = Connection.layerClaims) =>
  it.live(name, () => Effect.provide(Effect.scoped(test), layer))

const reasonOf = <A, R>(effect: Effect.Effect<A, ConnectionError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const pipe = Connection.pipe()

/** What travels instead of an end. */
const encode = Schema.encodeEffect(Connection.schema)
const decode = Schema.decodeEffect(Connection.schema)
/** An end as another process would have it. */
const sent = (end: Connection.Connection) => Effect.flatMap(encode(end), decode)

/** One message each way. */
const talk = (a: Connection.Connection, b: Connection.Connection) =>
  Effect.gen(function*() {
    yield* a.send(Schema.String, "to b")
    assert.strictEqual(yield* b.receive(Schema.String), "to b")
    yield* b.send(Schema.String, "to a")
    assert.strictEqual(yield* a.receive(Schema.String), "to a")
  })

const big = new Uint8Array(3 << 20).map((_, i) => i * 5)

describe("a pipe in one process", () => {
  live("goes both ways", Effect.flatMap(pipe, ([a, b]) => talk(a, b)))

  live(
    "or one way: the wrong use is typed",
    Effect.gen(function*() {
      const [receiver, sender] = yield* Connection.pipe({ duplex: false })
      yield* sender.send(Schema.Int, 1)
      assert.strictEqual(yield* receiver.receive(Schema.Int), 1)
      assert.deepInclude(yield* reasonOf(receiver.sendBytes(big)), { _tag: "WrongDirection", end: "read-only" })
      assert.deepInclude(yield* reasonOf(sender.receiveBytes()), { _tag: "WrongDirection", end: "write-only" })
      assert.deepInclude(yield* reasonOf(sender.poll()), { _tag: "WrongDirection", end: "write-only" })
      assert.deepStrictEqual([receiver.readable, receiver.writable, sender.readable, sender.writable], [
        true,
        false,
        false,
        true
      ])
    })
  )

  live(
    "what was sent is the receiver's: changing it afterwards changes nothing",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const bytes = big.slice()
      const sending = yield* Effect.forkScoped(a.sendBytes(bytes))
      const received = yield* b.receiveBytes()
      yield* Fiber.join(sending)
      const small = new Uint8Array(20_000).fill(1)
      yield* a.sendBytes(small)
      small.fill(2)
      assert.strictEqual(Buffer.compare(received, big), 0)
      assert.deepStrictEqual(new Set(yield* b.receiveBytes()), new Set([1]))
    })
  )

  live(
    "the sender waits for the receiver",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const message = new Uint8Array(100_000)
      let sent = 0
      const sending = yield* Effect.forkScoped(
        Effect.repeat(Effect.tap(a.sendBytes(message), () => Effect.sync(() => sent++)), { times: 99 })
      )
      yield* Effect.repeat(Effect.promise(() => new Promise(setImmediate)), { times: 200 })
      assert.isBelow(sent, 50)
      for (let i = 0; i < 100; i++) assert.strictEqual((yield* b.receiveBytes()).length, 100_000)
      yield* Fiber.join(sending)
    })
  )

  live(
    "its end: after all that was sent, and for who still sends",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      yield* a.send(Schema.Int, 1)
      yield* a.close
      assert.strictEqual(yield* b.receive(Schema.Int), 1)
      assert.strictEqual((yield* reasonOf(b.receiveBytes()))._tag, "EndOfStream")
      assert.strictEqual((yield* reasonOf(Effect.forever(b.sendBytes(big))))._tag, "ConnectionBroken")
      assert.strictEqual((yield* reasonOf(a.sendBytes(big)))._tag, "ConnectionClosed")
    })
  )

  live(
    "its Scope's end does not wait for what nobody reads",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const [a, b] = yield* Scope.provide(pipe, scope)
      const sending = yield* Effect.forkScoped(Effect.flip(Effect.forever(a.sendBytes(big))))
      yield* b.poll("10 seconds")
      const begun = performance.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(performance.now() - begun, 4_000)
      assert.include(["ConnectionClosed", "ConnectionBroken"], (yield* Fiber.join(sending)).reason._tag)
    })
  )

  live(
    "its limit",
    Effect.gen(function*() {
      const [a] = yield* Connection.pipe({ limit: 10 })
      assert.deepInclude(yield* reasonOf(a.sendBytes(big)), { _tag: "MessageTooLong", limit: 10 })
    })
  )
})

describe("an end that was sent", () => {
  live(
    "is gone here, and goes on where it was received",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const waiting = yield* Effect.forkScoped(reasonOf(b.receiveBytes()))
      const there = yield* sent(b)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "ConnectionMoved")
      const uses: ReadonlyArray<Effect.Effect<unknown, ConnectionError>> = [
        b.receiveBytes(),
        b.sendBytes(big),
        b.poll(),
        b.send(Schema.Int, 1)
      ]
      for (const use of uses) assert.strictEqual((yield* reasonOf(use))._tag, "ConnectionMoved")
      assert.include(String(yield* Effect.flip(encode(b))), "was sent to another process")
      yield* b.close
      yield* talk(a, there)
    })
  )

  live(
    "has what was sent to it before it was claimed, read or not, and in order",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      yield* a.send(Schema.Int, 1)
      const sending = yield* Effect.forkScoped(a.sendBytes(big), { startImmediately: true })
      yield* b.poll("10 seconds")
      yield* b.send(Schema.String, "from before")
      const ticket = yield* encode(b)
      yield* a.send(Schema.Int, 2)
      const there = yield* decode(ticket)
      yield* a.send(Schema.Int, 3)
      assert.strictEqual(yield* there.receive(Schema.Int), 1)
      assert.strictEqual(Buffer.compare(yield* there.receiveBytes(), big), 0)
      assert.strictEqual(yield* there.receive(Schema.Int), 2)
      assert.strictEqual(yield* there.receive(Schema.Int), 3)
      yield* Fiber.join(sending)
      assert.strictEqual(yield* a.receive(Schema.String), "from before")
    })
  )

  live(
    "also when both were: this process carries what they say, with back-pressure",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      yield* a.send(Schema.String, "first")
      const [hereA, hereB] = [yield* sent(a), yield* sent(b)]
      assert.strictEqual(yield* hereB.receive(Schema.String), "first")
      yield* talk(hereA, hereB)
      const message = new Uint8Array(1 << 20)
      let count = 0
      const sending = yield* Effect.forkScoped(
        Effect.repeat(Effect.tap(hereA.sendBytes(message), () => Effect.sync(() => count++)), { times: 63 })
      )
      let before = -1
      while (before !== count) {
        before = count
        yield* Effect.repeat(Effect.promise(() => new Promise(setImmediate)), { times: 2_000 })
      }
      assert.isBelow(count, 20)
      for (let i = 0; i < 64; i++) assert.strictEqual((yield* hereB.receiveBytes()).length, message.length)
      yield* Fiber.join(sending)
    })
  )

  live(
    "and of who stayed: its sender waits as for any other peer, and nothing is reordered",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const there = yield* sent(b)
      for (const [from, to] of [[a, there], [there, a]] as const) {
        let count = 0
        const one = Effect.suspend(() => from.sendBytes(new Uint8Array(count % 7 === 0 ? 3 : 200_000).fill(count++)))
        const sending = yield* Effect.forkScoped(Effect.repeat(one, { times: 299 }))
        let before = -1
        while (before !== count) {
          before = count
          yield* Effect.repeat(Effect.promise(() => new Promise(setImmediate)), { times: 2_000 })
        }
        assert.isBelow(count, 50)
        for (let i = 0; i < 300; i++) {
          const message = yield* to.receiveBytes()
          assert.deepStrictEqual([message.length, message[0], message.at(-1)], [
            i % 7 === 0 ? 3 : 200_000,
            i & 255,
            i & 255
          ])
        }
        yield* Fiber.join(sending)
      }
    })
  )

  live(
    "may travel on, and is what it was: one-way, with what it was told",
    Effect.gen(function*() {
      const [receiver, sender] = yield* Connection.pipe({ duplex: false })
      yield* sender.send(Schema.Int, 1)
      const first = yield* sent(receiver)
      yield* sender.send(Schema.Int, 2)
      yield* first.poll("10 seconds")
      const second = yield* sent(first)
      yield* sender.send(Schema.Int, 3)
      yield* sender.close
      assert.deepStrictEqual(yield* Stream.runCollect(Connection.values(second, Schema.Int)), [1, 2, 3])
      assert.deepInclude(yield* reasonOf(second.sendBytes(big)), { _tag: "WrongDirection" })
      assert.strictEqual((yield* reasonOf(first.receiveBytes()))._tag, "ConnectionMoved")
    })
  )

  live(
    "may be one of any connection",
    Effect.gen(function*() {
      const authKey = yield* AuthKey.random
      const { accept, address } = yield* Listener.make({ authKey })
      const here = yield* Connection.connect(address, { authKey })
      const there = yield* accept
      yield* here.sendBytes(big)
      const [a, b] = [yield* sent(here), yield* sent(there)]
      assert.strictEqual(Buffer.compare(yield* b.receiveBytes(), big), 0)
      yield* talk(a, b)
    })
  )

  for (const format of ["msgpack", "json"] as const) {
    live(
      `anywhere in a message, as ${format}`,
      Effect.gen(function*() {
        const Message = Schema.Struct({
          some: Schema.Array(Connection.schema),
          maybe: Schema.Option(Schema.Union([Schema.Int, Connection.schema])),
          none: Schema.optionalKey(Connection.schema)
        })
        const [from, to] = yield* pipe
        const pipes = yield* Effect.forEach([1, 2, 3], () => pipe)
        const [a, b, c] = pipes.map(([, end]) => end)
        yield* from.send(Message, { some: [a!, b!], maybe: Option.some(c!) }, { format })
        const { maybe, some } = yield* to.receive(Message, { format })
        const received = [...some, ...Option.toArray(maybe)].filter((end) => typeof end !== "number")
        assert.lengthOf(received, 3)
        for (const [i, end] of received.entries()) yield* talk(pipes[i]![0], end)
        const refusal = yield* reasonOf(from.send(Message, { some: [b!], maybe: Option.none() }, { format }))
        assert.strictEqual(refusal._tag, "NotEncodable")
        assert.include(refusal.message, "was sent to another process")
      })
    )
  }

  live(
    "a message whose ends cannot be had is not decodable, and the next one is received",
    Effect.gen(function*() {
      const [from, to] = yield* pipe
      const [, b] = yield* pipe
      const ticket = yield* encode(b)
      yield* decode(ticket)
      yield* from.send(Schema.toEncoded(Connection.schema), ticket)
      yield* from.send(Schema.Int, 1)
      const reason = yield* reasonOf(to.receive(Connection.schema))
      assert.strictEqual(reason._tag, "NotDecodable")
      assert.include(reason.message, "it was claimed before")
      assert.strictEqual(yield* to.receive(Schema.Int), 1)
    })
  )

  live(
    "its ends are seen: of the one that stayed, and of the one that went",
    Effect.gen(function*() {
      for (const closes of ["stayed", "went"] as const) {
        const [a, b] = yield* pipe
        const there = yield* sent(b)
        const [closing, other] = closes === "stayed" ? [a, there] : [there, a]
        yield* closing.send(Schema.Int, 1)
        yield* closing.close
        assert.strictEqual(yield* other.receive(Schema.Int), 1)
        assert.strictEqual((yield* reasonOf(other.receiveBytes()))._tag, "EndOfStream")
        assert.strictEqual((yield* reasonOf(Effect.forever(other.sendBytes(big))))._tag, "ConnectionBroken")
      }
    })
  )

  live(
    "an end that breaks is not taken for one that was closed",
    Effect.gen(function*() {
      for (const moved of [1, 2]) {
        const [a, b] = yield* pipe
        const there = yield* sent(b)
        const here = moved === 1 ? a : yield* sent(a)
        yield* there.send(Schema.Int, 1)
        const sending = yield* Effect.forkScoped(Effect.flip(Effect.forever(here.sendBytes(big))))
        yield* there.poll("10 seconds") // With what it was told and has not read: as a process that is killed.
        ;(there as Link).destroy()
        assert.strictEqual((yield* Fiber.join(sending)).reason._tag, "ConnectionBroken")
        assert.strictEqual(yield* here.receive(Schema.Int), 1)
        const { _tag } = yield* reasonOf(here.receiveBytes())
        if (moved === 1) assert.strictEqual(_tag, "ConnectionBroken")
        else assert.include(["ConnectionBroken", "EndOfStream"], _tag)
      }
    })
  )

  live(
    "was closed before it was claimed: what it was told arrives, then the end",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const ticket = yield* encode(b)
      yield* a.send(Schema.Int, 1)
      yield* a.close
      const there = yield* decode(ticket)
      assert.strictEqual(yield* there.receive(Schema.Int), 1)
      assert.strictEqual((yield* reasonOf(there.receiveBytes()))._tag, "EndOfStream")
    })
  )
})

describe("a claim", () => {
  live(
    "is good once",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const ticket = yield* encode(b)
      const both = yield* Effect.forEach([1, 2, 3], () => Effect.exit(decode(ticket)), { concurrency: "unbounded" })
      const [there, ...more] = both.filter(Exit.isSuccess)
      assert.lengthOf(more, 0)
      yield* talk(a, there!.value)
      for (const _ of [1, 2]) assert.include(String(yield* Effect.flip(decode(ticket))), "it was claimed before")
      const { claim } = yield* Connection.Claims
      assert.deepInclude(yield* reasonOf(claim(yield* Schema.decodeEffect(Schema.toType(Ticket))(ticket))), {
        _tag: "ClaimRefused"
      })
    })
  )

  live(
    "waits for room at its holder's socket, of whose backlog 600 at once are more",
    Effect.gen(function*() {
      const pipes = yield* Effect.replicateEffect(pipe, 600)
      const tickets = yield* Effect.forEach(pipes, ([, b]) => encode(b))
      const there = yield* Effect.forEach(tickets, (ticket) => decode(ticket), { concurrency: "unbounded" })
      for (const i of [0, 300, 599]) yield* talk(pipes[i]![0], there[i]!)
    })
  )

  live(
    "is not good for long",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      yield* b.send(Schema.Int, 1)
      const ticket = yield* encode(b)
      assert.strictEqual(yield* a.receive(Schema.Int), 1)
      assert.strictEqual((yield* reasonOf(a.receiveBytes()))._tag, "EndOfStream")
      assert.include(String(yield* Effect.flip(decode(ticket))), "or not in time")
    }),
    Connection.layerClaimsWith({ expiry: 50 })
  )

  live(
    "takes the token, which nobody sends",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const ticket = yield* encode(b)
      const token = ticket.token.slice()
      token[0]! ^= 1
      assert.include(String(yield* Effect.flip(decode({ ...ticket, token }))), "it was claimed before, or not in time")
      // Somebody at the claim's address, who listens to what a claimant says.
      const heard: Array<Buffer> = []
      const path = ticket.path.replace(/[^/]+$/, "spy")
      const server = Net.createServer((socket) => socket.on("error", () => {}).on("data", (bytes) => heard.push(bytes)))
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(path, () => resume(Effect.void))),
        () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const claiming = yield* Effect.forkScoped(decode({ ...ticket, path }))
      yield* Testing.waitUntil(() => heard.length > 0)
      yield* Fiber.interrupt(claiming)
      assert.isFalse(Buffer.concat(heard).includes(Buffer.from(ticket.token)))
      yield* talk(a, yield* decode(ticket))
    })
  )

  live(
    "believes nobody who does not know the token",
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const ticket = yield* encode(b)
      const path = ticket.path.replace(/[^/]+$/, "impostor")
      const server = Net.createServer((socket) => socket.on("error", () => {}).resume().end(frame(Buffer.alloc(32, 1))))
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(path, () => resume(Effect.void))),
        () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      assert.include(String(yield* Effect.flip(decode({ ...ticket, path }))), "does not know the token")
      yield* talk(a, yield* decode(ticket))
    })
  )

  live(
    "knocks at no other door than one of this user's",
    Effect.gen(function*() {
      const [, b] = yield* pipe
      const ticket = yield* encode(b)
      for (const path of ["/run/docker.sock", "relative", `${ticket.path}/../../../x`, "/tmp/emp-0x/a/b", ""]) {
        assert.include(String(yield* Effect.flip(decode({ ...ticket, path }))), "does not give away", path)
      }
      const gone = ticket.path.replace(/[^/]+$/, "gone")
      assert.include(String(yield* Effect.flip(decode({ ...ticket, path: gone }))), "ENOENT")
    })
  )

  it.live("does not outlive its Layer: the other end sees it, nothing is left", () =>
    Effect.gen(function*() {
      const [a, b] = yield* pipe
      const [c, d] = yield* pipe
      const [there, more] = yield* Effect.provide(
        Effect.gen(function*() {
          yield* encode(d)
          const there = yield* sent(b)
          yield* talk(a, there)
          return [there, yield* Connection.pipe()] as const
        }),
        Connection.layerClaims
      )
      for (const end of [a, c]) {
        assert.include(["EndOfStream", "ConnectionBroken"], (yield* reasonOf(end.receiveBytes()))._tag)
      }
      assert.strictEqual((yield* reasonOf(there.receiveBytes()))._tag, "ConnectionClosed")
      yield* talk(more[0], more[1])
    }).pipe(Effect.scoped))

  live(
    "many leave nothing",
    Effect.gen(function*() {
      yield* sent((yield* pipe)[0])
      const before = Testing.LeakCheck.snapshot()
      for (let i = 0; i < rounds(50, 2_000); i++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const [a, b] = yield* pipe
          const there = yield* sent(b)
          yield* talk(a, there)
          if (i % 2 === 0) yield* there.close
        }))
      }
      yield* Testing.LeakCheck.check(before)
    })
  )
})

const Host = ProcessLayer.make({
  module: new URL("../fixtures/connection/ends.live.ts", import.meta.url),
  services: [Ends]
})
const layer = Layer.mergeAll(Host.pipe(Layer.provide(ProcessLayer.spawn)), Connection.layerClaims)

const hosted = <A, E>(name: string, test: Effect.Effect<A, E, Ends | Needs>) =>
  it.live(name, () => Effect.provide(Effect.scoped(test), layer))

describe("ends and children", () => {
  hosted(
    "a child and its parent exchange messages",
    Effect.gen(function*() {
      const ends = yield* Ends
      const [here, there] = yield* pipe
      yield* here.sendBytes(big)
      const echoing = yield* Effect.forkScoped(ends.echo({ end: there }))
      assert.strictEqual(Buffer.compare(yield* here.receiveBytes(), big), 0)
      for (let i = 0; i < 100; i++) {
        yield* here.send(Schema.Int, i)
        assert.strictEqual(yield* here.receive(Schema.Int), i)
      }
      yield* here.close
      assert.strictEqual(yield* Fiber.join(echoing), 101)
    })
  )

  hosted(
    "an end in a result, and one that goes and comes back",
    Effect.gen(function*() {
      const ends = yield* Ends
      const counting = yield* ends.counting({ count: 1000 })
      const numbers = yield* Stream.runCollect(Connection.values(counting, Schema.Int))
      assert.deepStrictEqual(numbers, Array.from({ length: 1000 }, (_, i) => i + 1))
      const [a, b] = yield* pipe
      yield* a.send(Schema.String, "before")
      const back = yield* ends.back({ end: b })
      assert.strictEqual(yield* back.receive(Schema.String), "before")
      yield* talk(a, back)
      for (const [from, to] of [[a, back], [back, a]] as const) {
        const sending = yield* Effect.forkScoped(Effect.repeat(from.sendBytes(big), { times: 3 }))
        for (let i = 0; i < 4; i++) assert.strictEqual(Buffer.compare(yield* to.receiveBytes(), big), 0)
        yield* Fiber.join(sending)
      }
    })
  )

  hosted(
    "a child that is killed: the other end sees it",
    Effect.gen(function*() {
      const ends = yield* Ends
      const [here, there] = yield* pipe
      yield* ends.hold({ end: there })
      const receiving = yield* Effect.forkScoped(reasonOf(here.receiveBytes()))
      yield* Testing.kill(yield* ends.pid())
      assert.include(["EndOfStream", "ConnectionBroken"], (yield* Fiber.join(receiving))._tag)
    })
  )

  hosted(
    "many leave nothing there",
    Effect.gen(function*() {
      const ends = yield* Ends
      const once = Effect.scoped(Effect.gen(function*() {
        const [here, there] = yield* pipe
        const echoing = yield* Effect.forkScoped(ends.echo({ end: there }))
        yield* here.send(Schema.Int, 1)
        yield* here.receive(Schema.Int)
        yield* here.close
        assert.strictEqual(yield* Fiber.join(echoing), 1)
        yield* (yield* ends.counting({ count: 1 })).close
      }))
      yield* once
      const before = yield* ends.descriptors()
      for (let i = 0; i < rounds(20, 1_000); i++) yield* once
      yield* Testing.waitUntil(Effect.map(ends.descriptors(), (now) => now <= before))
    })
  )

  it.live("a function of its own process", () =>
    Effect.gen(function*() {
      const [here, there] = yield* pipe
      const running = yield* Process.start(echo, { end: there })
      yield* here.send(Schema.String, "hello")
      assert.strictEqual(yield* here.receive(Schema.String), "hello")
      yield* here.close
      assert.strictEqual(yield* running.join, 1)
    }).pipe(Effect.scoped, Effect.provide([ProcessLayer.spawn, Connection.layerClaims])))
})

const Ticket = Schema.Struct({
  path: Schema.String,
  token: Schema.Uint8Array,
  readable: Schema.Boolean,
  writable: Schema.Boolean
})

/** Who sends or receives an end must say so. */
export const types = (ends: Ends["Service"], end: Connection.Connection) => {
  const needs: Effect.Effect<number, RemoteError, Connection.Claims> = ends.echo({ end })
  // @ts-expect-error Type 'Claims' is not assignable to type 'never'
  const missing: Effect.Effect<number, RemoteError> = ends.echo({ end })
  const receives: Effect.Effect<Connection.Connection, ConnectionError, Connection.Claims> = end.receive(
    Connection.schema
  )
  // @ts-expect-error Type 'Claims' is not assignable to type 'never'
  const not: Effect.Effect<Connection.Connection, ConnectionError> = end.receive(Connection.schema)
  const starts: Effect.Effect<unknown, unknown, Spawner | Needs> = Process.start(echo, { end })
  // @ts-expect-error Type 'Claims' is not assignable to type 'Spawner | Scope'
  const alone: Effect.Effect<unknown, unknown, Spawner | Scope.Scope> = Process.start(echo, { end })
  const implemented: Layer.Layer<Ends, never, Connection.Claims> = Ends.toLayer(ends)
  // @ts-expect-error Type 'Claims' is not assignable to type 'never'
  const module: Remote.Module = implemented
  return { needs, missing, receives, not, starts, alone, implemented, module }
}
