/** Who meets a served address, or a client, and speaks something else: both sides are told at once. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as Authentication from "effect-multiprocessing/Authentication"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Connection from "effect-multiprocessing/Connection"
import * as Listener from "effect-multiprocessing/Listener"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Program from "../support/program.ts"
import { pythons } from "../support/pythons.ts"
import { client, hex, key, refusal, server } from "../support/served.ts"
import { folder } from "../support/spawned.ts"

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

const refused = (there: Effect.Success<ReturnType<typeof server>>) =>
  Effect.map(waitUntil(() => there.refused.length > 0), () => there.refused[0]!)

/** A listener for messages, and what it does with whoever comes. */
const listening = (handle: (connection: Connection.Connection) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const { address, run } = yield* Listener.make({ authKey: key })
    yield* Effect.forkScoped(run(handle))
    return { address }
  })

describe("at a served address", () => {
  live(
    "somebody with another key, or none",
    Effect.gen(function*() {
      const there = yield* server()
      const authKey = yield* AuthKey.random
      assert.deepInclude(yield* refusal(client(there, { authKey })), { _tag: "AuthenticationFailed" })
      assert.deepInclude(yield* refused(there), { _tag: "AuthenticationFailed" })
      assert.strictEqual((yield* refusal(client(there, { authKey: "none", timeout: 100 })))._tag, "ProtocolViolation")
    })
  )

  live(
    "somebody who sends messages is refused, and sees the end",
    Effect.gen(function*() {
      const there = yield* server()
      for (const bytes of [Buffer.from("hello"), Buffer.alloc(0), Buffer.alloc(100_000)]) {
        const connection = yield* Connection.connect(there.address, { authKey: key })
        yield* Effect.ignore(connection.sendBytes(bytes))
        const end = yield* refusal(connection.receiveBytes())
        assert.include(["EndOfStream", "ConnectionBroken"], end._tag)
        const reason = yield* refused(there)
        assert.strictEqual(reason._tag, "ProtocolViolation")
        assert.include(reason.message, "not with a session")
        there.refused.length = 0
      }
      yield* waitUntil(Effect.map(there.clients, (n) => n === 0))
    })
  )

  live(
    "somebody who says nothing is not kept, and hears nothing",
    Effect.gen(function*() {
      const there = yield* server("unix", { timeout: 100 })
      const connection = yield* Connection.connect(there.address, { authKey: key })
      assert.strictEqual((yield* refusal(connection.receiveBytes()))._tag, "EndOfStream")
      assert.deepInclude(yield* refused(there), { _tag: "HandshakeTimeout", timeout: 100 })
    })
  )

  live(
    "somebody who begins a session and then sends garbage",
    Effect.gen(function*() {
      const there = yield* server()
      const connection = yield* Connection.connect(there.address, { authKey: key })
      yield* connection.sendBytes(Buffer.from("#SESSION#"))
      assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), "#SESSION#")
      yield* connection.sendBytes(Buffer.alloc(1000, 7))
      assert.strictEqual((yield* refused(there))._tag, "ProtocolViolation")
      yield* waitUntil(Effect.map(there.clients, (n) => n === 0))
    })
  )
})

describe("a client that finds", () => {
  live(
    "somebody who answers with messages",
    Effect.gen(function*() {
      const there = yield* listening((connection) =>
        Effect.andThen(connection.receiveBytes(), connection.sendBytes(Buffer.from("welcome to messages")))
      )
      const reason = yield* refusal(client(there))
      assert.strictEqual(reason._tag, "ProtocolViolation")
      assert.include(reason.message, "welcome to messages")
    })
  )

  live(
    "somebody who closes",
    Effect.gen(function*() {
      const there = yield* listening((connection) => connection.receiveBytes())
      assert.strictEqual((yield* refusal(client(there)))._tag, "EndOfStream")
    })
  )

  live(
    "somebody who says nothing",
    Effect.gen(function*() {
      const there = yield* listening(() => Effect.never)
      assert.deepInclude(yield* refusal(client(there, { timeout: 100 })), { _tag: "HandshakeTimeout", timeout: 100 })
    })
  )

  live(
    "somebody who begins a session and then sends garbage",
    Effect.gen(function*() {
      const there = yield* listening((connection) =>
        Effect.andThen(
          connection.receiveBytes(),
          Effect.andThen(connection.sendBytes(Buffer.from("#SESSION#")), connection.sendBytes(Buffer.alloc(1000, 7)))
        )
      )
      assert.strictEqual((yield* refusal(client(there)))._tag, "ProtocolViolation")
    })
  )
})

const python = pythons("strangers at a served address").at(-1)

/** CPython 3.11 and older have nothing but HMAC-MD5. */
const policy = Authentication.legacy

describe("CPython", () => {
  if (python === undefined) return it("NOT RUN, there is no python3", () => {})
  live(
    "as a client of a served address is refused, and sees the end",
    Effect.gen(function*() {
      const there = yield* server("unix", { address: `${yield* folder}/socket`, policy })
      const { path } = there.address as typeof Address.Unix.Type
      const { code, stdout } = yield* Program.runCommand(python.path, [
        "-c",
        `
from multiprocessing.connection import Client
with Client("${path}", authkey=bytes.fromhex("${hex}")) as c:
    c.send({"hello": 1})
    try: print(c.recv())
    except (EOFError, ConnectionError) as e: print("ended")
`
      ])
      assert.deepStrictEqual([code, stdout.trim()], [0, "ended"])
      assert.strictEqual((yield* refused(there))._tag, "ProtocolViolation")
    })
  )

  live(
    "as a listener, and as a manager, answers something else than a session",
    Effect.gen(function*() {
      const path = `${yield* folder}/socket`
      const program = yield* Program.start(python.path, [
        "-c",
        `
from multiprocessing.connection import Listener
from multiprocessing.managers import BaseManager
import os, sys
with Listener("${path}", authkey=bytes.fromhex("${hex}")) as l:
    with l.accept() as c:
        c.send(c.recv_bytes())
os.path.exists("${path}") and os.remove("${path}")
BaseManager("${path}", authkey=bytes.fromhex("${hex}")).get_server().serve_forever()
`
      ])
      const address = Address.unix(path)
      const attempt = refusal(client({ address }, { policy }))
      // The one has closed and the other does not listen yet.
      const away = new Set<string>(["ConnectFailed", "ConnectionBroken", "EndOfStream", "Truncated"])
      const reached = Effect.repeat(attempt, { while: ({ _tag }) => away.has(_tag) })
      const listener = yield* reached
      assert.strictEqual(listener._tag, "ProtocolViolation")
      const manager = yield* reached
      assert.strictEqual(manager._tag, "ProtocolViolation")
      assert.include(manager.message, "not with a session")
      process.kill(program.pid)
      yield* program.end
    })
  )
})
