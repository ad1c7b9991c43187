import { assert, describe, it } from "@effect/vitest"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Connection from "effect-multiprocessing/Connection"
import * as Listener from "effect-multiprocessing/Listener"
import * as Process from "effect-multiprocessing/Process"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import type { Link } from "../../src/connection/internal/link.ts"
import { spinOnce } from "../fixtures/process/stubborn.ts"
import * as Sockets from "../support/sockets.ts"
import { rounds, spawned } from "../support/spawned.ts"

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

const pipe = Connection.pipe()

/** Two connected sockets that nobody reads. */
const sockets = Effect.acquireRelease(
  Effect.promise(() => Sockets.connect()),
  (both) => Effect.sync(() => both.forEach((socket) => socket.destroy()))
)

const now = { timeout: 0 }

/** Which of them are ready, by their places. */
const wait = (
  waitables: ReadonlyArray<Connection.Waitable<never>>,
  options?: { readonly timeout: number }
): Effect.Effect<ReadonlyArray<number>> =>
  Effect.map(Connection.wait(waitables, options), (ready) => ready.map((one) => waitables.indexOf(one)))

describe("wait", () => {
  live(
    "gives all that are ready, in the order given, and takes nothing",
    Effect.gen(function*() {
      const [a, toA] = yield* pipe
      const [b] = yield* pipe
      const [c, toC] = yield* pipe
      yield* toC.send(Schema.String, "c")
      yield* toA.send(Schema.String, "a")
      for (const end of [a, c]) assert.isTrue(yield* end.poll("10 seconds"))
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* wait([a, b, c]), [0, 2])
      assert.deepStrictEqual(yield* wait([c, b, a], now), [0, 2])
      assert.strictEqual(yield* a.receive(Schema.String), "a")
      assert.deepStrictEqual(yield* wait([a, b, c]), [2])
      assert.strictEqual(yield* c.receive(Schema.String), "c")
      assert.deepStrictEqual(yield* wait([a, b, c], now), [])
      assert.deepStrictEqual(yield* wait([], now), [])
    })
  )

  live(
    "waits for the first, and no longer than it may",
    Effect.gen(function*() {
      const [a, toA] = yield* pipe
      const [b] = yield* pipe
      const waiting = yield* Effect.forkScoped(wait([b, a]))
      yield* Effect.promise(() => new Promise(setImmediate))
      assert.isUndefined(waiting.pollUnsafe())
      yield* toA.sendBytes(new Uint8Array(0))
      assert.deepStrictEqual(yield* Fiber.join(waiting), [1])
      assert.deepStrictEqual(yield* wait([b], { timeout: 20 }), [])
    })
  )

  live(
    "for the end, also of this side",
    Effect.gen(function*() {
      const [a, toA] = yield* pipe
      const [b] = yield* pipe
      const waiting = yield* Effect.forkScoped(wait([a, b]))
      yield* toA.close
      assert.deepStrictEqual(yield* Fiber.join(waiting), [0])
      yield* b.close
      assert.deepStrictEqual(yield* wait([a, b]), [0, 1])
    })
  )

  live(
    "for Effects, however they end",
    Effect.gen(function*() {
      const done = yield* Deferred.make<number>()
      const await_ = Deferred.await(done)
      const [a] = yield* pipe
      const fails = Effect.fail("no")
      const dies = Effect.die("no")
      assert.deepStrictEqual(yield* wait([a, await_, fails, dies]), [2, 3])
      const waiting = yield* Effect.forkScoped(wait([await_, a]))
      yield* Deferred.succeed(done, 1)
      assert.deepStrictEqual(yield* Fiber.join(waiting), [0])
    })
  )

  live(
    "for sockets",
    Effect.gen(function*() {
      const [a, toA] = yield* sockets
      const [b, toB] = yield* sockets
      const either = wait([a, b])
      const first = yield* Effect.forkScoped(either)
      toB.write("b")
      assert.deepStrictEqual(yield* Fiber.join(first), [1])
      toA.write("a")
      yield* waitUntil(() => toA.bytesWritten === 1)
      assert.deepStrictEqual(yield* wait([a, b], now), [0, 1])
      assert.strictEqual(String(a.read()), "a")
      assert.strictEqual(String(b.read()), "b")
      assert.deepStrictEqual(yield* wait([a, b], now), [])
      const ended = yield* Effect.forkScoped(either)
      toA.end()
      assert.deepStrictEqual(yield* Fiber.join(ended), [0])
      a.destroy()
      assert.deepStrictEqual(yield* either, [0])
    })
  )

  live(
    "for somebody to accept",
    Effect.gen(function*() {
      const authKey = yield* AuthKey.random
      const listener = yield* Listener.make({ authKey })
      const [a] = yield* pipe
      const waiting = yield* Effect.forkScoped(wait([a, listener]))
      const here = yield* Connection.connect(listener.address, { authKey })
      assert.deepStrictEqual(yield* Fiber.join(waiting), [1])
      assert.deepStrictEqual(yield* wait([listener, a]), [0])
      const there = yield* listener.accept
      assert.deepStrictEqual(yield* wait([listener, a, there], now), [])
      yield* here.sendBytes(Uint8Array.of(1))
      assert.deepStrictEqual(yield* wait([listener, a, there]), [2])
    })
  )

  spawned(
    "for a process's end, which CPython's sentinels are for",
    Effect.gen(function*() {
      const [a] = yield* pipe
      const process = yield* Process.start(spinOnce, { ready: "/dev/null" })
      const waiting = yield* Effect.forkScoped(wait([a, process.sentinel]))
      yield* process.kill
      assert.deepStrictEqual(yield* Fiber.join(waiting), [1])
    })
  )

  live(
    "an interrupted one has taken nothing, and leaves no listener",
    Effect.gen(function*() {
      const [a, toA] = yield* pipe
      const [socket, toSocket] = yield* sockets
      const never = Effect.never
      const listeners = () =>
        (["readable", "end", "close", "error", "data"] as const)
          .map((name) => socket.listenerCount(name))
      const before = listeners()
      for (let i = 0; i < 10; i++) {
        const waiting = yield* Effect.forkScoped(wait([a, socket, never]))
        yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(waiting)
      }
      for (let i = 0; i < rounds(5_000, 100_000); i++) yield* wait([a, socket, never, Effect.void], now)
      yield* toA.sendBytes(Uint8Array.of(1))
      for (let i = 0; i < rounds(5_000, 100_000); i++) yield* wait([a, socket, never])
      assert.deepStrictEqual(listeners(), before)
      assert.strictEqual(watchersOf(a), 0)
      assert.deepStrictEqual(yield* a.receiveBytes(), Uint8Array.of(1))
      toSocket.write("x")
      assert.deepStrictEqual(yield* wait([a, socket]), [1])
    })
  )
})

/** How many wait for something to arrive. */
const watchersOf = (connection: Connection.Connection): number => (connection as Link)["watchers"].size

/** Only what can be waited for, and what their Effects need. */
export const types = (socket: Net.Socket, listener: Listener.Listener["Service"], end: Connection.Connection) => {
  // @ts-expect-error Type 'number' is not assignable to type 'Waitable'
  void Connection.wait([1])
  const ready: Effect.Effect<
    Array<
      Net.Socket | Listener.Listener["Service"] | Connection.Connection | Effect.Effect<number, string, Scope.Scope>
    >,
    never,
    Scope.Scope
  > = Connection.wait([socket, listener, end, Effect.fail("no") as Effect.Effect<number, string, Scope.Scope>])
  return ready
}
