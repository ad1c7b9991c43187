import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import * as RemoteList from "effect-multiprocessing/RemoteList"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { readdirSync } from "node:fs"
import objects from "../fixtures/manager/objects.live.ts"
import { Counter, Node, Shelf } from "../fixtures/manager/objects.ts"
import { ca, certificate } from "../support/certificates.ts"

const module = new URL("../fixtures/manager/objects.live.ts", import.meta.url)

const encode = Schema.encodeEffect(Counter.schema)
const decode = Schema.decodeEffect(Counter.schema)

const started = (options: Manager.ServeOptions<never, any>) =>
  Effect.map(Layer.build(Manager.serve(options)), (context) => Context.get(context, Manager.Manager))

// it needs the manager that it is for, which is provided
const layer: Layer.Layer<never, never, any> = objects

/** Why a proxy could not be received. */
const refused = (effect: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  Effect.map(Effect.exit(Effect.scoped(effect)), (exit) => {
    assert.isTrue(Exit.isFailure(exit))
    const error = Exit.isFailure(exit)
      ? exit.cause.reasons.map((reason) => "defect" in reason ? reason.defect : reason)
      : []
    const [found] = error
    assert.instanceOf(found, RemoteError)
    return (found as RemoteError).reason
  })

describe("a proxy in a message", () => {
  it.live("is received once, also when its sender has let go", () =>
    Effect.gen(function*() {
      const manager = yield* started({ layer, listen: false })
      const ref = yield* Effect.scoped(Effect.flatMap(manager.create(Counter, { initial: 3 }), encode))
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* decode(ref)
        assert.strictEqual(yield* counter.get(), 3)
        const reason = yield* refused(decode(ref))
        assert.strictEqual(reason._tag, "ObjectGone")
        assert.include(reason.message, "used before")
      }))
      assert.strictEqual(yield* manager.numberOfObjects, 0)
    }).pipe(Effect.scoped))

  it.live("is gone after its time", () =>
    Effect.gen(function*() {
      const manager = yield* started({ layer, listen: false, ticketTimeout: "1 millis" })
      const ref = yield* Effect.scoped(Effect.flatMap(manager.create(Counter, { initial: 3 }), encode))
      yield* Effect.repeat(manager.numberOfObjects, { until: (n) => n === 0 })
      assert.strictEqual((yield* refused(decode(ref)))._tag, "ObjectGone")
    }).pipe(Effect.scoped))

  for (const place of ["here", "in a process"] as const) {
    it.live(`is good for ever where that is said, ${place}`, () =>
      Effect.gen(function*() {
        const options = { ticketTimeout: Infinity }
        const lasting = place === "here"
          ? Manager.serve({ layer, listen: false, ...options })
          : Layer.provide(Manager.layer({ module, ...options }), ProcessLayer.spawn)
        const manager = Context.get(yield* Layer.build(lasting), Manager.Manager)
        const create = (at: typeof manager) => Effect.scoped(Effect.flatMap(at.create(Counter, { initial: 3 }), encode))
        const ref = yield* create(manager)
        // By when one of a short time has long been gone.
        const short = yield* started({ layer, listen: false, ticketTimeout: 30 })
        yield* create(short)
        yield* Effect.repeat(short.numberOfObjects, { until: (n) => n === 0 })
        assert.strictEqual(yield* manager.numberOfObjects, 1)
        assert.strictEqual(yield* Effect.flatMap(decode(ref), (counter) => counter.get()), 3)
      }).pipe(Effect.scoped))
  }

  it.live("is not of another start of its manager at the same address", () =>
    Effect.gen(function*() {
      const first = yield* Scope.make()
      const manager = yield* Scope.provide(started({ layer, address: "tcp://127.0.0.1:0" }), first)
      const ref = yield* Effect.scoped(Effect.flatMap(manager.create(Counter, { initial: 3 }), encode))
      yield* Scope.close(first, Exit.void)
      assert.strictEqual((yield* refused(decode(ref)))._tag, "Unavailable")
      const again = yield* started({ layer, address: ref.address })
      assert.notStrictEqual(again.id, manager.id)
      const reason = yield* refused(decode(ref))
      assert.strictEqual(reason._tag, "ObjectGone")
      assert.include(reason.message, "another start")
    }).pipe(Effect.scoped))

  it.live("is not of another start to which a connection has moved on", () =>
    Effect.gen(function*() {
      const first = yield* Scope.make()
      const before = yield* Scope.provide(started({ layer, address: "tcp://127.0.0.1:0" }), first)
      const { address } = yield* Effect.scoped(Effect.flatMap(before.create(Counter, { initial: 0 }), encode))
      const client = Context.get(
        yield* Layer.build(Manager.connect({ address, reconnect: Schedule.spaced(5) })),
        Manager.Manager
      )
      const ref = yield* Effect.scoped(Effect.flatMap(client.create(Counter, { initial: 3 }), encode))
      yield* Scope.close(first, Exit.void)
      const again = yield* started({ layer, address })
      yield* waitUntil(Effect.map(Effect.exit(client.numberOfObjects), Exit.isSuccess))
      const other = yield* Effect.flatMap(again.create(Counter, { initial: 4 }), encode)
      // tickets of a start are counted from one, so this one's is now another's
      assert.strictEqual((yield* refused(decode({ ...ref, ticket: other.ticket })))._tag, "ObjectGone")
      assert.strictEqual(yield* Effect.flatMap(decode(other), (counter) => counter.get()), 4)
    }).pipe(Effect.scoped))

  it.live("finds its manager by another way when one is closed", () =>
    Effect.gen(function*() {
      const authKey = yield* AuthKey.random
      const manager = yield* started({ layer, address: "tcp://127.0.0.1:0", authKey })
      const ref = yield* Effect.flatMap(manager.create(Counter, { initial: 3 }), encode)
      yield* Effect.scoped(Layer.build(Manager.connect({ address: ref.address, authKey })))
      assert.strictEqual(yield* Effect.flatMap(decode(ref), (counter) => counter.get()), 3)
    }).pipe(Effect.scoped))

  it.live("is of the class that is expected", () =>
    Effect.gen(function*() {
      const manager = yield* started({ layer, listen: false })
      const node = yield* manager.create(Node, { name: "a" })
      const ref = yield* Schema.encodeEffect(Node.schema)(node)
      assert.include((yield* Effect.flip(decode(ref))).message, Counter.key)
      assert.strictEqual((yield* refused(decode({ ...ref, type: Counter.key })))._tag, "ObjectGone")
    }).pipe(Effect.scoped))

  it.live("is of the one of several classes that was sent", () =>
    Effect.gen(function*() {
      const manager = yield* started({ layer, listen: false })
      const Any = Schema.Union([Counter.schema, Node.schema, RemoteList.schema(Schema.Int), Schema.String])
      const list = yield* Effect.provideService(RemoteList.make(Any), Manager.Manager, manager)
      yield* Effect.scoped(Effect.gen(function*() {
        const inner = yield* Effect.provideService(RemoteList.make(Schema.Int, [9]), Manager.Manager, manager)
        yield* list.extend([
          yield* manager.create(Node, { name: "a" }),
          inner,
          "b",
          yield* manager.create(Counter, { initial: 3 })
        ])
      }))
      const [node, inner, text, counter] = yield* list.toArray
      assert(node instanceof Node)
      assert.strictEqual(yield* node.name(), "a")
      assert.deepStrictEqual(yield* (inner as RemoteList.RemoteList<number>).toArray, [9])
      assert.strictEqual(text, "b")
      assert(counter instanceof Counter)
      assert.strictEqual(yield* counter.get(), 3)
    }).pipe(Effect.scoped))
})

describe("two managers", () => {
  const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length
  const hex = "7a".repeat(32)
  const between = (name: string, second: Omit<Manager.ServeOptions<never, any>, "layer">, client: object) =>
    it.live(`with keys of their own, ${name}`, () =>
      Effect.gen(function*() {
        const authKey = yield* Effect.fromResult(AuthKey.fromHex(hex))
        const there = yield* started({ ...second, layer, authKey })
        // In a process of its own, so that it knows the other only by what comes in messages.
        const first = Context.get(
          yield* Layer.build(Layer.provide(
            Manager.layer({
              module: new URL("../fixtures/manager/keyring.live.ts", import.meta.url),
              argv: [Address.format(there.address!), hex, JSON.stringify(client)]
            }),
            ProcessLayer.spawn
          )),
          Manager.Manager
        )
        const round = Effect.gen(function*() {
          const shelf = yield* first.create(Shelf)
          yield* Effect.scoped(
            Effect.flatMap(there.create(Counter, { initial: 1 }), (counter) => shelf.put({ counter }))
          )
          yield* Effect.scoped(Effect.flatMap(shelf.get(), (counter) => counter.add({ by: 1 })))
        })
        const settled = Effect.repeat(there.numberOfObjects, { until: (n) => n === 0 })
        yield* Effect.scoped(round)
        yield* settled
        const { pid } = yield* first.describe
        const before = descriptors(pid)
        for (let i = 0; i < 20; i++) yield* Effect.scoped(round)
        yield* settled
        yield* waitUntil(() => descriptors(pid) <= before, { what: "its connections are closed" })
      }).pipe(Effect.scoped))

  between("over Unix sockets", {}, {})
  between("over TCP", { address: "tcp://127.0.0.1:0" }, {})
  between("over TLS", { address: "tcp://127.0.0.1:0", tls: certificate("listener") }, {
    tls: { ca, servername: "localhost" }
  })
})
