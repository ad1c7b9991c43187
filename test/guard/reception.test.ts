/** The socket of a run directory, and whoever connects to it. */
import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { join } from "node:path"
import * as Owner from "../../src/guard/internal/owner.ts"
import * as RunDirectory from "../../src/guard/internal/runDirectory.ts"
import { folder, within } from "../support/spawned.ts"

interface Client {
  readonly socket: Net.Socket
  readonly heard: () => string
  readonly closed: () => boolean
}

const long = "x".repeat(32 << 20)

/** A run directory that answers some words, and how to connect to it. */
const receiving = Effect.gen(function*() {
  const { answers, path } = yield* within(yield* folder, RunDirectory.make)
  let aborted = 0
  answers.set("ping", () => Promise.resolve("pong"))
  const noting = (signal: AbortSignal) => signal.addEventListener("abort", () => aborted++)
  answers.set("long", async (signal) => {
    noting(signal)
    return long
  })
  answers.set("never", (signal) => {
    noting(signal)
    return new Promise(() => {})
  })
  answers.set("fails", () => Promise.reject(new Error("no answer")))
  const connect = Effect.acquireRelease(
    Effect.callback<Client>((resume) => {
      const socket = Net.connect({ path: join(path, Owner.socketName) })
      let heard = ""
      socket.on("error", () => {})
      socket.on("data", (bytes) => heard += bytes.toString())
      socket.once(
        "connect",
        () =>
          resume(Effect.succeed({ socket, heard: () => heard, closed: () => socket.closed || socket.readableEnded }))
      )
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )
  /** What is answered until the connection ends. */
  const ask = (text: string): Effect.Effect<string, unknown, Scope.Scope> =>
    Effect.gen(function*() {
      const { closed, heard, socket } = yield* connect
      socket.write(text)
      yield* waitUntil(closed)
      return heard()
    })
  return { connect, ask, aborted: () => aborted }
})

const received = <A>(
  name: string,
  test: (to: Effect.Success<typeof receiving>) => Effect.Effect<A, unknown, Scope.Scope>
) => it.live(name, () => Effect.scoped(Effect.flatMap(receiving, test)))

describe("a run directory's socket", () => {
  received("answers one word with one text", ({ ask, connect }) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask("ping\n"), "pong")
      const { closed, heard, socket } = yield* connect
      socket.write("pi")
      yield* waitUntil(() => socket.bytesWritten === 2)
      socket.write("ng\nlong\n")
      yield* waitUntil(closed)
      assert.strictEqual(heard(), "pong", "in how many pieces it may come")
      assert.strictEqual(yield* ask("long\n"), long)
    }))

  received("says nothing to whoever says nothing sensible", ({ ask }) =>
    Effect.gen(function*() {
      for (const text of ["pong\n", "\n", "fails\n", "__proto__\n", "x".repeat(1 << 20), "\u0000\u00ff\n"]) {
        assert.strictEqual(yield* ask(text), "", JSON.stringify(text.slice(0, 20)))
      }
      assert.strictEqual(yield* ask("ping\n"), "pong")
    }))

  received("lets go of clients who say nothing", ({ connect }) =>
    Effect.gen(function*() {
      const silent = yield* connect
      const hasty = yield* connect
      hasty.socket.end("pi")
      yield* waitUntil(() => hasty.closed())
      yield* waitUntil(() => silent.closed())
      assert.strictEqual(hasty.heard() + silent.heard(), "")
    }))

  received("has few clients at a time", ({ ask, connect }) =>
    Effect.gen(function*() {
      const clients = yield* Effect.forEach(Array.from({ length: 32 }), () => connect)
      for (const { socket } of clients) socket.write("never\n")
      yield* waitUntil(Effect.map(ask("ping\n"), (heard) => heard === ""))
      for (const { socket } of clients.slice(0, 1)) socket.destroy()
      yield* waitUntil(Effect.map(ask("ping\n"), (heard) => heard === "pong"))
    }))

  received("hears when nobody waits for the answer any more", ({ aborted, connect }) =>
    Effect.gen(function*() {
      const { socket } = yield* connect
      socket.write("never\n")
      yield* waitUntil(() => socket.bytesWritten > 0)
      socket.destroy()
      yield* waitUntil(() => aborted() === 1)
    }))

  received(
    "does not wait long for one who does not read, nor do others at all",
    ({ aborted, ask, connect }) =>
      Effect.gen(function*() {
        const { closed, heard, socket } = yield* connect
        socket.pause()
        socket.write("long\n")
        assert.strictEqual(yield* ask("ping\n"), "pong")
        assert.strictEqual(aborted(), 0)
        yield* waitUntil(() => aborted() === 1)
        socket.resume()
        yield* waitUntil(closed)
        assert.isBelow(heard().length, long.length)
      })
  )
})
