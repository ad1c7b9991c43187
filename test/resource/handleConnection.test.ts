/** Descriptors between messages, with every CPython 3 of this machine at the other end, in both roles. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Authentication from "effect-multiprocessing/Authentication"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as HandleConnection from "effect-multiprocessing/HandleConnection"
import * as Native from "effect-multiprocessing/Native"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { HandleSocket } from "../../src/resource/internal/handleSocket.ts"
import { system } from "../../src/resource/internal/system.ts"
import { natively } from "../support/natively.ts"
import { fixture, type Python, pythons, talk } from "../support/pythons.ts"
import { folder } from "../support/spawned.ts"

const canPass = await natively("descriptors between messages", "descriptors")

const hex = "5a".repeat(16)
const authKey = Result.getOrThrow(AuthKey.fromHex(hex))
const options = { authKey, policy: Authentication.legacy }

const descriptors = () => Fs.readdirSync("/proc/self/fd").length

const native = <E>(name: string, test: Effect.Effect<unknown, E, Native.Native | Scope.Scope>) => {
  it.live(name, () => test.pipe(Effect.scoped, Effect.provide(Native.layer)))
}

/** A Python that is told what to do, and what it says. */
const python = ({ path }: Python, role: "client" | "listener", address: string) =>
  Effect.map(talk(path, [fixture("handles.py"), role, address, hex]), ({ line, tell }) => {
    const next = Effect.map(line, (text) => JSON.parse(text) as Record<string, unknown>)
    return { next, ask: (told: object) => Effect.suspend(() => (tell(JSON.stringify(told)), next)) }
  })

type Peer = Effect.Success<ReturnType<typeof python>>

const exchanges = (peer: Peer, ours: HandleConnection.HandleConnection) =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* peer.next, { ready: true })
    const before = descriptors()
    // more than 255 of them, and in between
    for (let i = 0; i < 3; i++) {
      const path = `${yield* folder}/file`
      Fs.writeFileSync(path, `hello ${i}`)
      const descriptor = Fs.openSync(path, "r")
      yield* ours.sendHandle(descriptor)
      Fs.closeSync(descriptor)
      assert.deepStrictEqual(yield* peer.ask({ do: "receive" }), { text: `hello ${i}` })
    }
    assert.deepStrictEqual(yield* peer.ask({ do: "send", text: "from a pipe" }), { sent: true })
    yield* Effect.scoped(Effect.gen(function*() {
      const handle = yield* ours.receiveHandle
      assert.strictEqual(Fs.readFileSync(handle.number, "utf8"), "from a pipe")
    }))
    assert.deepStrictEqual(yield* peer.ask({ do: "mixed" }), { sent: true })
    assert.strictEqual(Buffer.from(yield* ours.connection.receiveBytes()).toString(), "before")
    yield* Effect.scoped(Effect.gen(function*() {
      const handle = yield* ours.receiveHandle
      assert.strictEqual(Fs.readFileSync(handle.number, "utf8"), "between")
    }))
    assert.strictEqual(Buffer.from(yield* ours.connection.receiveBytes()).toString(), "after")
    // what nobody takes is closed with the connection
    assert.deepStrictEqual(yield* peer.ask({ do: "send", text: "for nobody" }), { sent: true })
    assert.deepStrictEqual(yield* peer.ask({ do: "end" }), { ended: true })
    const handle = yield* Effect.scoped(ours.receiveHandle)
    assert.throws(() => Fs.fstatSync(handle.number), /EBADF/)
    const { reason } = yield* Effect.flip(Effect.scoped(ours.receiveHandle))
    assert.strictEqual(reason._tag, "HandleMissing", reason.message)
    assert.strictEqual((yield* Effect.flip(ours.connection.receiveBytes())).reason._tag, "EndOfStream")
    yield* waitUntil(() => descriptors() <= before)
  })

describe.runIf(canPass)("with CPython", () => {
  for (const one of pythons("send_handle and recv_handle")) {
    native(
      `${one.version}, which listens`,
      Effect.gen(function*() {
        const address = `${yield* folder}/s`
        const peer = yield* python(one, "listener", address)
        assert.deepStrictEqual(yield* peer.next, { listening: true })
        yield* exchanges(peer, yield* HandleConnection.connect(address, options))
      })
    )

    native(
      `${one.version}, which connects`,
      Effect.gen(function*() {
        const address = `${yield* folder}/s`
        const { accept } = yield* HandleConnection.listen({ address, ...options })
        const peer = yield* python(one, "client", address)
        yield* exchanges(peer, yield* accept)
      })
    )
  }
})

describe.runIf(canPass)("between programs of this library", () => {
  const pair = Effect.gen(function*() {
    const address = `${yield* folder}/s`
    const { accept } = yield* HandleConnection.listen({ address, authKey })
    return yield* Effect.all([HandleConnection.connect(address, { authKey }), accept], { concurrency: 2 })
  })

  native(
    "descriptors above 255 go among long messages, in order",
    Effect.gen(function*() {
      const [near, far] = yield* pair
      const many = Array.from({ length: 260 }, () => Fs.openSync("/dev/null", "r"))
      const path = `${yield* folder}/file`
      Fs.writeFileSync(path, "content")
      const last = Fs.openSync(path, "r")
      many.forEach((fd) => Fs.closeSync(fd))
      assert.isAbove(last, 255)
      const bytes = Buffer.alloc(3 << 20, 7)
      const send = Effect.gen(function*() {
        for (let i = 0; i < 4; i++) {
          yield* near.connection.sendBytes(bytes)
          yield* near.sendHandle(last)
        }
      })
      const receive = Effect.gen(function*() {
        for (let i = 0; i < 4; i++) {
          assert.strictEqual(Buffer.compare(yield* far.connection.receiveBytes(), bytes), 0)
          yield* Effect.scoped(
            Effect.map(
              far.receiveHandle,
              ({ number }) => assert.strictEqual(Fs.readFileSync(`/proc/self/fd/${number}`, "utf8"), "content")
            )
          )
        }
      })
      yield* Effect.all([send, receive], { concurrency: 2 })
      Fs.closeSync(last)
    })
  )

  native(
    "a sender waits for who takes nothing, without a turn, and both hold few",
    Effect.gen(function*() {
      const [near, far] = yield* pair
      const before = descriptors()
      const attempts = vi.spyOn(HandleSocket.prototype, "sendHandle")
      yield* Effect.addFinalizer(() => Effect.sync(() => attempts.mockRestore()))
      const many = 1_000
      const file = Fs.openSync("/etc/hostname", "r")
      const sender = yield* Effect.forkChild(Effect.forEach(Array.from({ length: many }), () => near.sendHandle(file)))
      const turns = (count: number) =>
        Effect.forEach(Array.from({ length: count }), () => Effect.promise(() => new Promise(setImmediate)))
      // It is stuck when a hundred turns change nothing.
      yield* waitUntil(Effect.gen(function*() {
        const seen = attempts.mock.calls.length
        yield* turns(100)
        return seen > 64 && attempts.mock.calls.length === seen
      }))
      assert.isBelow(attempts.mock.calls.length, many)
      assert.isAtMost(descriptors() - before, 64 + 4)
      for (let i = 0; i < many; i++) yield* Effect.scoped(far.receiveHandle)
      yield* Fiber.join(sender)
      Fs.closeSync(file)
      yield* waitUntil(() => descriptors() <= before)
    })
  )

  native(
    "a stranger makes a listener hold next to nothing",
    Effect.gen(function*() {
      const address = `${yield* folder}/s`
      yield* HandleConnection.listen({ address, authKey, timeout: "300 millis" })
      const before = descriptors()
      const { sockets } = yield* Effect.promise(system)
      const stranger = sockets.connect(address)!
      const file = Fs.openSync("/etc/hostname", "r")
      for (let i = 0; i < 50; i++) sockets.send(stranger, Uint8Array.of(3), [file, file, file])
      // its own two, the socket and a watcher of the listener's, and one message's
      const most = 2 + 2 + 4
      for (let i = 0; i < 50; i++) {
        yield* Effect.promise(() => new Promise(setImmediate))
        assert.isAtMost(descriptors() - before, most)
      }
      yield* waitUntil(() => descriptors() - before === 2)
      Fs.closeSync(file)
      Fs.closeSync(stranger)
    })
  )

  native(
    "an interrupted wait takes nothing, and an end is said",
    Effect.gen(function*() {
      const [near, far] = yield* pair
      assert.isTrue((yield* Effect.timeoutOption(Effect.scoped(far.receiveHandle), "20 millis"))._tag === "None")
      const file = Fs.openSync("/etc/hostname", "r")
      yield* near.sendHandle(file)
      Fs.closeSync(file)
      yield* Effect.scoped(Effect.map(far.receiveHandle, ({ number }) => Fs.readFileSync(number)))
      yield* near.connection.close
      const { reason } = yield* Effect.flip(Effect.scoped(far.receiveHandle))
      assert.strictEqual(reason._tag, "HandleMissing")
    })
  )

  native(
    "a wrong key, nobody there, and an address that is no Unix socket are typed",
    Effect.gen(function*() {
      const address = `${yield* folder}/s`
      const nobody = yield* Effect.flip(HandleConnection.connect(address, { authKey }))
      assert.strictEqual(nobody.reason._tag, "ConnectFailed")
      yield* HandleConnection.listen({ address, authKey })
      const before = descriptors()
      const wrong = yield* Effect.flip(HandleConnection.connect(address, { authKey: yield* AuthKey.random }))
      assert.strictEqual(wrong.reason._tag, "AuthenticationFailed")
      const tcp = yield* Effect.flip(HandleConnection.connect("tcp://127.0.0.1:1", { authKey }))
      assert.strictEqual(tcp.reason._tag, "NotShareable")
      yield* waitUntil(() => descriptors() <= before)
    })
  )
})
