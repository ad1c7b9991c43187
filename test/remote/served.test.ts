/** Services at an address: what a call is there, and what a client and a server are to each other. */
import { assert, describe, it } from "@effect/vitest"
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteClient from "effect-multiprocessing/RemoteClient"
import * as RemoteServer from "effect-multiprocessing/RemoteServer"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Progress, Refused, square, squares, Work } from "../fixtures/served/contract.ts"
import { WorkLive } from "../fixtures/served/live.ts"
import { client, implementations, key, kinds, reasonOf, refusal, server } from "../support/served.ts"

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

type Client = Effect.Success<ReturnType<typeof client>>

/** Waits until so many calls are held and so many have been released. */
const counted = ({ work }: Pick<Client, "work">, held: number, released: number) =>
  waitUntil(
    Effect.map(work.counts(), (counts) => counts.held === held && counts.released === released),
    { what: `${held} held, ${released} released` }
  )

describe("a call", () => {
  for (const kind of kinds) {
    live(
      `over ${kind} is what it is in-process: a value, an error, a stream, a function, bytes`,
      Effect.gen(function*() {
        const { run, work } = yield* client(yield* server(kind))
        assert.strictEqual(yield* work.double({ n: 21 }), 42)
        const error = yield* Effect.flip(work.double({ n: -1 }))
        assert.instanceOf(error, Refused)
        assert.deepStrictEqual(
          yield* Stream.runCollect(work.count({ to: 1000 })),
          Array.from(
            { length: 1000 },
            (_, i) => i + 1
          )
        )
        assert.strictEqual(yield* run(square.call({ n: 12 })), 144)
        assert.deepStrictEqual(yield* run(Stream.runCollect(squares.call({ to: 3 }))), [1, 4, 9])
        const bytes = Uint8Array.from({ length: 3 << 20 }, (_, i) => i * 7)
        assert.isTrue(Buffer.from(bytes).equals(yield* work.echo(bytes)))
      })
    )

    live(
      `over ${kind} that is interrupted ends when its finalizers have run`,
      Effect.gen(function*() {
        const made = yield* client(yield* server(kind))
        const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(made.work.hold()))
        yield* counted(made, 3, 0)
        yield* Fiber.interruptAll(calls)
        assert.deepInclude(yield* made.work.counts(), { held: 3, released: 3 })
      })
    )
  }

  live(
    "passes through a gateway, and a decorated service is served as it is",
    Effect.gen(function*() {
      const behind = yield* client(yield* server())
      const Decorated = Layer.effect(
        Work,
        Effect.map(Work, (work) => ({ ...work, double: ({ n }: { readonly n: number }) => Effect.succeed(n * 20) }))
      ).pipe(Layer.provide(Layer.succeedContext(behind.context)))
      const { address } = yield* Layer.build(
        Remote.serve({ services: [Work], authKey: key }).pipe(Layer.provide(Decorated))
      ).pipe(Effect.map((context) => Context.get(context, RemoteServer.RemoteServer)))
      const there = Remote.connect({ address, services: [Work], authKey: key })
      yield* Effect.gen(function*() {
        const work = yield* Work
        assert.strictEqual(yield* work.double({ n: 2 }), 40)
        assert.deepStrictEqual(yield* Stream.runCollect(work.count({ to: 2 })), [1, 2])
      }).pipe(Effect.provide(there))
    })
  )
})

describe("the other direction", () => {
  const ProgressLive = (seen: Array<number>) =>
    Progress.toLayer({
      at: ({ n }) =>
        Effect.sync(() => {
          seen.push(n)
          return n * 10
        })
    })
  const reporting = (address: RemoteServer.RemoteServer["Service"]["address"], seen: Array<number>) =>
    Layer.build(
      RemoteClient.layer({ address, services: [Work], serve: [Progress], authKey: key }).pipe(
        Layer.provide(ProgressLive(seen))
      )
    ).pipe(Effect.map((context) => Context.get(context, Work)))

  live(
    "a handler calls what its own caller serves, and no other client's",
    Effect.gen(function*() {
      const { address } = yield* server()
      const seen: Array<Array<number>> = [[], [], []]
      const clients = yield* Effect.forEach(seen, (mine) => reporting(address, mine))
      const sums = yield* Effect.forEach(clients, (work, i) => work.report({ to: i + 1 }), { concurrency: 3 })
      assert.deepStrictEqual(sums, [10, 30, 60])
      assert.deepStrictEqual(seen, [[1], [1, 2], [1, 2, 3]])
    })
  )

  live(
    "a client that serves nothing, and a call that came over no connection, say so",
    Effect.gen(function*() {
      const { work } = yield* client(yield* server())
      assert.deepInclude(yield* reasonOf(work.report({ to: 1 })), { _tag: "UnknownMethod", method: "test/Progress/at" })
      const here = Context.get(yield* Layer.build(WorkLive), Work)
      assert.deepInclude(yield* reasonOf(here.report({ to: 1 })), { _tag: "Unavailable", method: "test/Progress" })
    })
  )
})

describe("a client that ends", () => {
  live(
    "ends its calls, whose finalizers run, and harms nobody else",
    Effect.gen(function*() {
      const there = yield* server()
      const [one, other] = [yield* client(there), yield* client(there)]
      assert.strictEqual(yield* there.clients, 2)
      const lost = yield* Effect.forkChild(reasonOf(one.work.hold()))
      const kept = yield* Effect.forkChild(other.work.hold())
      yield* counted(other, 2, 0)
      yield* one.close
      assert.deepInclude(yield* Fiber.join(lost), { _tag: "SessionClosed" })
      assert.deepInclude(yield* reasonOf(one.work.double({ n: 1 })), { _tag: "SessionClosed" })
      yield* counted(other, 2, 1)
      yield* waitUntil(Effect.map(there.clients, (n) => n === 1))
      assert.strictEqual(yield* other.work.double({ n: 4 }), 8)
      yield* Fiber.interrupt(kept)
      assert.deepStrictEqual(there.refused, [])
    })
  )
})

describe("a server that ends", () => {
  live(
    "interrupts what it runs, lets finalizers run, and tells its clients why",
    Effect.gen(function*() {
      const given = yield* implementations
      const there = yield* server("unix", {}, given)
      const clients = yield* Effect.forEach([1, 2, 3, 4], () => client(there, { reconnect: false }))
      const calls = yield* Effect.forEach(clients, ({ work }) => Effect.forkChild(reasonOf(work.hold())))
      yield* counted(clients[0]!, 4, 0)
      yield* there.close
      for (const call of calls) assert.strictEqual((yield* Fiber.join(call))._tag, "RemoteInterrupted")
      assert.deepInclude(yield* Context.get(given, Work).counts(), { held: 4, released: 4 })
      for (const { state, work } of clients) {
        yield* waitUntil(Effect.map(state, ({ _tag }) => _tag === "GivenUp"))
        assert.deepInclude(yield* reasonOf(work.double({ n: 1 })), { _tag: "Disconnected" })
      }
      const reason = yield* refusal(client(there))
      assert.deepInclude(reason, { _tag: "ConnectFailed", code: "ENOENT" })
    })
  )

  live(
    "cuts what has not ended when its time is over",
    Effect.gen(function*() {
      const given = yield* implementations
      const there = yield* server("unix", { closeTimeout: 50 }, given)
      const { work } = yield* client(there, { reconnect: false })
      const call = yield* Effect.forkChild(reasonOf(work.cling()))
      yield* counted({ work }, 1, 0)
      yield* there.close
      assert.strictEqual((yield* Fiber.join(call))._tag, "Disconnected")
      const here = Context.get(given, Work)
      assert.deepInclude(yield* here.counts(), { held: 1, released: 0 })
      yield* here.letGo()
      yield* counted({ work: here }, 1, 1)
    })
  )
})

describe("an interrupted call", () => {
  live(
    "whose handler does not let go is left to the server after interruptTimeout, and the session is kept",
    Effect.gen(function*() {
      const { work } = yield* client(yield* server(), { interruptTimeout: 50 })
      const call = yield* Effect.forkChild(work.cling())
      yield* counted({ work }, 1, 0)
      yield* Fiber.interrupt(call)
      assert.deepInclude(yield* work.counts(), { held: 1, released: 0 })
      yield* work.letGo()
      yield* counted({ work }, 1, 1)
    })
  )
})

describe("who is not let in", () => {
  class Other extends Remote.Service<Other>()("test/Other", { a: {}, b: {} }) {}
  const NewerWork = Remote.Service<Work>()("test/Work", {
    double: { payload: { n: Schema.String }, success: Schema.Int, error: Refused },
    count: { payload: { to: Schema.Int }, success: Schema.Int, stream: true },
    triple: {}
  })

  live(
    "who asks for what is not served as it is asked for, with all that is wrong",
    Effect.gen(function*() {
      const { address, clients } = yield* server()
      const reason = yield* refusal(RemoteClient.make({ address, authKey: key, services: [Other, NewerWork] }))
      assert.deepInclude(reason, {
        _tag: "NotServed",
        missing: ["test/Other/a", "test/Other/b", "test/Work/triple"],
        different: ["test/Work/double"]
      })
      yield* waitUntil(Effect.map(clients, (n) => n === 0))
    })
  )

  live(
    "who is one too many, until somebody leaves",
    Effect.gen(function*() {
      const there = yield* server("unix", { maxClients: 2 })
      const [first] = [yield* client(there), yield* client(there)]
      const full = { _tag: "ServerFull", limit: 2 } as const
      assert.deepInclude(yield* refusal(client(there)), full)
      yield* waitUntil(() => there.refused.length > 0)
      assert.deepInclude(there.refused[0]!, full)
      yield* first.close
      yield* waitUntil(Effect.map(there.clients, (n) => n === 1))
      const { work } = yield* client(there)
      assert.strictEqual(yield* work.double({ n: 1 }), 2)
    })
  )

  live(
    "options that cannot be used are said before anything is listened at",
    Effect.gen(function*() {
      const twice = yield* refusal(
        RemoteServer.make({ authKey: key, services: [Work, Work] }).pipe(Effect.provide(WorkLive))
      )
      assert.deepInclude(twice, { _tag: "InvalidOption", option: "services" })
      for (const option of ["maxClients", "calls"]) {
        const reason = yield* refusal(server("unix", { [option]: 0 }))
        assert.deepInclude(reason, { _tag: "InvalidOption", option })
      }
    })
  )
})
