import { assert } from "@effect/vitest"
import * as RemoteEvent from "effect-multiprocessing/RemoteEvent"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { managed, summary } from "../support/managed.ts"

managed("test_event: an event is set, waited for and cleared", () =>
  Effect.gen(function*() {
    const event = yield* RemoteEvent.make()
    assert.isFalse(yield* event.isSet)
    for (const timeout of [0, -1, 10]) assert.isFalse(yield* event.wait(timeout))
    yield* event.set
    yield* event.set
    assert.isTrue(yield* event.isSet)
    assert.isTrue(yield* event.wait())
    assert.isTrue(yield* event.wait(0))
    yield* event.clear
    yield* event.clear
    assert.isFalse(yield* event.isSet)
    assert.isFalse(yield* event.wait(0))
  }))

managed("test_event: all who wait are woken, also if it is cleared at once", () =>
  Effect.gen(function*() {
    const event = yield* RemoteEvent.make()
    const fork = Effect.forkChild(event.wait(), { startImmediately: true })
    const waiting = [yield* fork, yield* fork, yield* fork]
    const left = yield* fork
    yield* summary("unset, 4 waiting")
    yield* Fiber.interrupt(left)
    yield* summary("unset, 3 waiting")
    yield* Effect.all([event.set, event.clear], { concurrency: 2 })
    assert.deepStrictEqual(yield* Effect.forEach(waiting, Fiber.join), [true, true, true])
    yield* summary("unset")
  }))

managed("test_repr: what it is can be seen", () =>
  Effect.gen(function*() {
    const event = yield* RemoteEvent.make()
    yield* summary("unset")
    yield* event.set
    yield* summary("set")
  }))
