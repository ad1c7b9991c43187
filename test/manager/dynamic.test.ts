import { assert, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as Remote from "effect-multiprocessing/Remote"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import objects from "../fixtures/manager/objects.live.ts"

const described = (name: string, test: (Counter: Remote.DynamicClass) => Effect.Effect<void, unknown, any>) =>
  it.live(name, () =>
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const { pid, types } = yield* manager.describe
      assert.strictEqual(pid, process.pid)
      yield* test(Remote.dynamic(types.find(({ type }) => type === "fixtures/Counter")!))
    }).pipe(Effect.scoped, Effect.provide(Manager.serve({ layer: objects, listen: false }))))

described("an object is used by its description alone", (Counter) =>
  Effect.gen(function*() {
    const manager = yield* Manager.Manager
    const counter = yield* manager.create(Counter, { initial: 40 })
    assert.strictEqual(yield* counter.call("add", { by: 2 }), 42)
    assert.deepStrictEqual(yield* Stream.runCollect(counter.stream("upTo", { n: 44 })), [42, 43, 44])
    assert.deepStrictEqual(yield* Effect.flip(counter.call("add", { by: 2_000_000 })), {
      _tag: "Overflow",
      limit: 1_000_000
    })
    assert.strictEqual(yield* manager.numberOfObjects, 1)
  }))

described("what does not fit fails at the manager", (Counter) =>
  Effect.gen(function*() {
    const manager = yield* Manager.Manager
    const counter = yield* manager.create(Counter, { initial: 40 })
    const reason = (effect: Effect.Effect<unknown, unknown>) =>
      Effect.map(Effect.flip(effect), (error) => {
        assert.instanceOf(error, RemoteError)
        return error.reason._tag
      })
    assert.strictEqual(yield* reason(counter.call("add", { by: "two" })), "DecodeFailed")
    assert.strictEqual(yield* reason(Effect.scoped(manager.create(Counter, {}))), "DecodeFailed")
    assert.strictEqual(yield* reason(counter.call("nothing")), "UnknownMethod")
    assert.strictEqual(yield* reason(counter.call("constructor")), "UnknownMethod")
    assert.strictEqual(yield* reason(counter.call("upTo", { n: 44 })), "UnknownMethod")
    assert.strictEqual(yield* reason(Stream.runCollect(counter.stream("add", { by: 1 }))), "UnknownMethod")
  }))

it.live("a description has the Schemas of what travels", () =>
  Effect.gen(function*() {
    const { types } = yield* Effect.flatMap(Manager.Manager, ({ describe }) => describe)
    const counter = types.find(({ type }) => type === "fixtures/Counter")!
    assert.sameMembers(counter.methods.map(({ name }) => name), ["add", "get", "upTo", "wait", "die"])
    const add = counter.methods.find(({ name }) => name === "add")!
    assert.deepInclude(JSON.parse(JSON.stringify(add.payload)).schema, { type: "object", required: ["by"] })
  }).pipe(Effect.provide(Manager.serve({ layer: objects, listen: false }))))
