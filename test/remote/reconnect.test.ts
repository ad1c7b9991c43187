/** A client whose connection is lost: what becomes of its calls, and how it comes back. */
import { assert, describe, it } from "@effect/vitest"
import * as Listener from "effect-multiprocessing/Listener"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Link } from "../../src/connection/internal/link.ts"
import { declarationOf } from "../../src/remote/internal/implementation.ts"
import * as Session from "../../src/wire/Session.ts"
import { square, Work } from "../fixtures/served/contract.ts"
import * as Proxy from "../support/proxy.ts"
import { client, implementations, key, reasonOf, server } from "../support/served.ts"
import { folder } from "../support/spawned.ts"

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

type Client = Effect.Success<ReturnType<typeof client>>

/** Waits for a state of the connection, and gives it. */
const becomes = <T extends string>({ state }: Pick<Client, "state">, tag: T) =>
  Effect.andThen(waitUntil(Effect.map(state, ({ _tag }) => _tag === tag), { what: tag }), state)

/** at once, however often */
const reconnect = Schedule.spaced(5)

/** The handshake would take a relay between two ends of one process for what it is: somebody in the middle. */
const relayed = { authKey: "none" } as const

/** A server behind a network, and its implementations, which can be looked at from here. */
const behindProxy = Effect.gen(function*() {
  const given = yield* implementations
  const there = yield* server("unix", relayed, given)
  const proxy = yield* Proxy.make(there.address)
  return { there, proxy, here: Context.get(given, Work) }
})

const held = (here: Work["Service"], n: number) =>
  waitUntil(Effect.map(here.counts(), ({ held }) => held === n), { what: `${n} held` })

describe("when the connection is cut", () => {
  live(
    "calls under way fail, those that follow are answered by the next connection",
    Effect.gen(function*() {
      const { here, proxy, there } = yield* behindProxy
      const made = yield* client(proxy, { ...relayed, reconnect })
      const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(reasonOf(made.work.hold())))
      const stream = yield* Effect.forkChild(reasonOf(Stream.runDrain(Stream.forever(made.work.count({ to: 9 })))))
      yield* held(here, 3)
      proxy.cut()
      for (const call of [...calls, stream]) {
        assert.strictEqual((yield* Fiber.join(call))._tag, "Disconnected")
      }
      assert.strictEqual(yield* made.work.double({ n: 5 }), 10)
      yield* waitUntil(Effect.map(here.counts(), ({ released }) => released === 3))
      assert.deepStrictEqual(yield* made.state, { _tag: "Connected", epoch: there.epoch })
      yield* waitUntil(Effect.map(there.clients, (n) => n === 1))
    })
  )

  live(
    "a call that is idempotent is asked again",
    Effect.gen(function*() {
      const { here, proxy } = yield* behindProxy
      const { work } = yield* client(proxy, { ...relayed, reconnect })
      const call = yield* Effect.forkChild(work.once({ name: "a" }))
      yield* waitUntil(Effect.map(here.counts(), ({ asked }) => asked === 1))
      proxy.cut()
      assert.strictEqual(yield* Fiber.join(call), 2)
    })
  )

  live(
    "and there is no other, calls wait for one no longer than they may",
    Effect.gen(function*() {
      const { proxy, there } = yield* behindProxy
      const made = yield* client(proxy, { ...relayed, reconnect, waitTimeout: 300 })
      yield* there.close
      yield* becomes(made, "Disconnected")
      const [late, unavailable] = yield* Effect.all([
        reasonOf(made.work.short()),
        reasonOf(made.work.double({ n: 1 }))
      ], { concurrency: "unbounded" })
      assert.deepInclude(late, { _tag: "CallTimeout", method: "test/Work/short", timeout: 150 })
      assert.deepInclude(unavailable, { _tag: "Unavailable", method: "test/Work/double" })
      assert.match(unavailable.message, /no connection within 300 ms: .*unix:/)
    })
  )

  live(
    "a call that waits can be interrupted, and the end of the client ends it",
    Effect.gen(function*() {
      const { proxy, there } = yield* behindProxy
      const made = yield* client(proxy, { ...relayed, reconnect })
      yield* there.close
      yield* becomes(made, "Disconnected")
      const interrupted = yield* Effect.forkChild(made.work.double({ n: 1 }))
      const waiting = yield* Effect.forkChild(reasonOf(made.work.double({ n: 1 })), { startImmediately: true })
      yield* Fiber.interrupt(interrupted)
      yield* made.close
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "SessionClosed")
    })
  )
})

describe("a server that is started again", () => {
  live(
    "is known by its epoch; a call in flight is interrupted, or asked again if it is idempotent; others wait",
    Effect.gen(function*() {
      const given = yield* implementations
      const here = Context.get(given, Work)
      const first = yield* server("unix", { address: `${yield* folder}/socket` }, given)
      const made = yield* client(first, { reconnect })
      const seen = yield* Effect.forkChild(
        Stream.runCollect(
          Stream.takeUntil(made.changes, (state) => state._tag === "Connected" && state.epoch !== first.epoch)
        )
      )
      const plain = yield* Effect.forkChild(reasonOf(made.work.hold()))
      const again = yield* Effect.forkChild(made.work.once({ name: "b" }))
      yield* waitUntil(Effect.map(here.counts(), ({ asked, held }) => asked === 1 && held === 1))
      yield* first.close
      assert.strictEqual((yield* Fiber.join(plain))._tag, "RemoteInterrupted")
      yield* becomes(made, "Disconnected")
      const waiting = yield* Effect.forkChild(made.work.double({ n: 6 }), { startImmediately: true })
      const second = yield* server("unix", { address: first.address }, given)
      assert.strictEqual(yield* Fiber.join(waiting), 12)
      assert.strictEqual(yield* Fiber.join(again), 2)
      assert.notStrictEqual(second.epoch, first.epoch)
      const states = yield* Fiber.join(seen)
      assert.deepStrictEqual(states[0], { _tag: "Connected", epoch: first.epoch })
      assert.isTrue(states.slice(1, -1).every(({ _tag }) => _tag === "Disconnected"))
      assert.deepStrictEqual(states.at(-1), { _tag: "Connected", epoch: second.epoch })
    })
  )

  live(
    "with an older contract fails those calls alone that it does not have",
    Effect.gen(function*() {
      const given = yield* implementations
      const first = yield* server("unix", { address: `${yield* folder}/socket` }, given)
      const made = yield* client(first, { reconnect })
      yield* first.close
      const second = yield* server("unix", { address: first.address, services: [Work] as never }, given)
      assert.strictEqual(yield* made.work.double({ n: 6 }), 12)
      assert.deepInclude(yield* reasonOf(made.run(square.call({ n: 1 }))), {
        _tag: "UnknownMethod",
        method: "test/square"
      })
      assert.strictEqual(yield* second.clients, 1)
    })
  )
})

describe("a server that says that it ends, and does not", () => {
  live(
    "is left in time",
    Effect.gen(function*() {
      const { methods } = Work
      const { address, accept } = yield* Listener.make({ authKey: key })
      const serving = yield* Effect.forkChild(Effect.gen(function*() {
        const connection = yield* accept
        assert.instanceOf(connection, Link)
        yield* connection.receiveBytes()
        yield* connection.sendBytes(Buffer.from("#SESSION#"))
        const contracts = Object.values(declarationOf(Work).contracts)
        assert.lengthOf(contracts, Object.keys(methods).length)
        const serve = contracts.map(({ method }) => ({ method, handle: () => Effect.never }))
        const session = yield* Session.make({ transport: connection.toTransport(), serve })
        yield* session.ready
        return session
      }))
      const made = yield* client({ address }, { services: [Work] as never, reconnect: false })
      const session = yield* Fiber.join(serving)
      const call = yield* Effect.forkChild(reasonOf(made.work.hold()))
      yield* session.requestClose(20)
      const state = yield* becomes(made, "GivenUp")
      assert.include(JSON.stringify(state), "it was to end within 20 ms, and has not")
      assert.strictEqual((yield* Fiber.join(call))._tag, "SessionClosed")
    })
  )
})

describe("a schedule that ends", () => {
  live(
    "is the end of waiting: no connection is tried any more, and calls fail at once",
    Effect.gen(function*() {
      const { proxy, there } = yield* behindProxy
      const made = yield* client(proxy, { ...relayed, reconnect: Schedule.recurs(3) })
      yield* there.close
      const state = yield* becomes(made, "GivenUp")
      assert.include(JSON.stringify(state), "reason")
      const reason = yield* reasonOf(made.work.double({ n: 1 }))
      assert.deepInclude(reason, { _tag: "Unavailable", method: "test/Work/double" })
      assert.include(reason.message, "none is tried any more")
    })
  )

  live(
    "ends too where each connection is let in and then cut",
    Effect.gen(function*() {
      const { proxy } = yield* behindProxy
      const made = yield* client(proxy, { ...relayed, reconnect: Schedule.recurs(5) })
      let connections = 0
      yield* Effect.forkChild(Stream.runForEach(made.changes, (state) =>
        Effect.sync(() => {
          if (state._tag !== "Connected") return
          connections++
          proxy.cut()
        })))
      yield* becomes(made, "GivenUp")
      assert.isBelow(connections, 8)
      assert.strictEqual((yield* reasonOf(made.work.double({ n: 1 })))._tag, "Unavailable")
    })
  )
})

describe("a network that falls silent", () => {
  live(
    "is noticed by both ends, and the client comes back when it speaks again",
    Effect.gen(function*() {
      const given = yield* implementations
      const here = Context.get(given, Work)
      const there = yield* server("unix", { ...relayed, pingInterval: 50 }, given)
      const proxy = yield* Proxy.make(there.address)
      const made = yield* client(proxy, { ...relayed, reconnect, pingInterval: 50, timeout: 100 })
      const call = yield* Effect.forkChild(reasonOf(made.work.hold()))
      yield* held(here, 1)
      proxy.freeze(true)
      assert.deepInclude(yield* Fiber.join(call), { _tag: "Disconnected", detail: "silent for 100 ms" })
      yield* waitUntil(Effect.map(here.counts(), ({ released }) => released === 1))
      yield* waitUntil(
        Effect.map(made.state, (state) => state._tag === "Disconnected" && state.reason._tag === "HandshakeTimeout")
      )
      proxy.freeze(false)
      assert.strictEqual(yield* made.work.double({ n: 8 }), 16)
    })
  )
})
