/** Calls to objects and to services at an address are in the traces of their callers, as those to children are. */
import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as RemoteValue from "effect-multiprocessing/RemoteValue"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import depot from "../fixtures/manager/depot.live.ts"
import { Baz, Foo } from "../fixtures/manager/depot.ts"
import * as Recorder from "../fixtures/telemetry/recorder.ts"
import * as Served from "../support/served.ts"

/** Runs with a tracer, and gives the spans of what was called, by method, once they have ended. */
const traced = <E>(calls: Effect.Effect<unknown, E, Scope.Scope>, methods: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const spans: Array<Recorder.Recorded> = []
    yield* Effect.provideService(calls, Tracer.Tracer, Recorder.tracer((span) => spans.push(span)))
    yield* waitUntil(() => methods.every((name) => spans.filter((span) => span.name === name).length >= 2))
    return spans
  }).pipe(Effect.scoped)

const check = (spans: ReadonlyArray<Recorder.Recorded>, methods: ReadonlyArray<string>) => {
  assert.deepStrictEqual([...new Set(spans.map(({ name }) => name))].toSorted(), ["caller", ...methods].toSorted())
  const caller = spans.find(({ name }) => name === "caller")!
  for (const method of methods) {
    const [client, server, ...others] = ["client", "server"].flatMap((kind) =>
      spans.filter((span) => span.name === method && span.kind === kind)
    )
    assert.deepStrictEqual(others, [], `${method} has one of each`)
    assert.strictEqual(client!.parent, caller.spanId, method)
    assert.strictEqual(server!.parent, client!.spanId, method)
    assert.strictEqual(server!.traceId, caller.traceId, method)
  }
}

describe("traces", () => {
  it.live("of objects: their making, their methods, their streams, those of the library's own; nothing besides", () =>
    Effect.gen(function*() {
      const uses = Effect.gen(function*() {
        const foo = yield* Foo.create()
        assert.strictEqual(yield* foo.f(), "f()")
        yield* Stream.runDrain((yield* Baz.create()).squares())
        const value = yield* RemoteValue.make(Schema.Int, 1)
        assert.strictEqual(yield* value.get, 1)
        yield* Effect.flatMap(Manager.Manager, ({ numberOfObjects }) => numberOfObjects)
      })
      const methods = [
        "fixtures/Foo/constructor",
        "fixtures/Foo/f",
        "fixtures/Baz/constructor",
        "fixtures/Baz/squares",
        "effect-multiprocessing/Value/constructor",
        "effect-multiprocessing/Value/get"
      ]
      const connected = Effect.gen(function*() {
        const { address } = yield* Manager.Manager
        const client = yield* Layer.build(Layer.fresh(Manager.connect({ address: address! })))
        yield* uses.pipe(Effect.scoped, Effect.withSpan("caller"), Effect.provideContext(client))
      }).pipe(Effect.provide(Manager.serve({ layer: depot })))
      check(yield* traced(connected, methods), methods)
    }))

  it.live("of services at an address", () =>
    Effect.gen(function*() {
      const methods = ["test/Work/double", "test/Work/count"]
      const calls = Effect.gen(function*() {
        const { work } = yield* Served.client(yield* Served.server())
        yield* Effect.withSpan(
          Effect.andThen(work.double({ n: 1 }), Stream.runDrain(work.count({ to: 10 }))),
          "caller"
        )
      })
      check(yield* traced(calls, methods), methods)
    }))
})
