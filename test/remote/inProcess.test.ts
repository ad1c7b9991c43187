import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Remote from "../../src/remote/Remote.ts"
import { RemoteError, type RemoteErrorReason, SessionClosed } from "../../src/wire/RemoteError.ts"

const module = new URL("./words.live.ts", import.meta.url)

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

const half = Remote.fn("test/half", { module, payload: { n: Schema.Int }, success: Schema.Number, error: Odd })
const upTo = Remote.fn("test/upTo", {
  module,
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Odd,
  stream: true
})
const ping = Remote.fn("test/ping", { module })

class Counter extends Remote.Service<Counter>()("test/Counter", {
  add: { payload: { by: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(1))) }, success: Schema.Int },
  half: { payload: { n: Schema.Int }, success: Schema.Number, error: Odd },
  upTo: { payload: { n: Schema.Int }, success: Schema.Int, error: Odd, stream: true },
  ping: {}
}) {}

/** what both kinds of declarations do alike: an effect and a stream of either, by their handlers */
interface Handlers {
  readonly effect: (payload: { readonly n: number }) => Effect.Effect<number, Odd | RemoteError, Scope.Scope>
  readonly stream: (payload: { readonly n: number }) => Stream.Stream<number, Odd | RemoteError, Scope.Scope>
}
interface Callable {
  readonly effect: (payload: { readonly n: number }) => Effect.Effect<number, Odd | RemoteError>
  readonly stream: (payload: { readonly n: number }) => Stream.Stream<number, Odd | RemoteError>
}

const kinds: Record<string, (handlers: Partial<Handlers>) => Effect.Effect<Callable, never, Scope.Scope>> = {
  "fn": ({ effect = () => Effect.succeed(0), stream = () => Stream.empty }) =>
    Effect.map(Layer.build(Layer.mergeAll(half.toLayer(effect), upTo.toLayer(stream))), (context) => ({
      effect: (payload) => Effect.provideContext(half.call(payload), context),
      stream: (payload) => Stream.provideContext(upTo.call(payload), context)
    })),
  "Service": ({ effect = () => Effect.succeed(0), stream = () => Stream.empty }) =>
    Effect.map(
      Layer.build(
        Counter.toLayer({ add: () => Effect.succeed(0), half: effect, upTo: stream, ping: () => Effect.void })
      ),
      (context) => {
        const counter = Context.get(context, Counter)
        return { effect: counter.half, stream: counter.upTo }
      }
    )
}

const ids: Record<string, Record<keyof Handlers, string>> = {
  fn: { effect: "test/half", stream: "test/upTo" },
  Service: { effect: "test/Counter/half", stream: "test/Counter/upTo" }
}

/** the reason for which a call failed, and nothing else of its cause */
const reasonOf = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<RemoteErrorReason, never, R> =>
  Effect.map(Effect.exit(call), (exit) => {
    if (Exit.isSuccess(exit)) throw new Error("the call succeeded")
    assert.lengthOf(exit.cause.reasons, 1)
    const error = Cause.squash(exit.cause)
    assert.instanceOf(error, RemoteError)
    return (error as RemoteError).reason
  })

for (const [kind, make] of Object.entries(kinds)) {
  const { effect: effectId, stream: streamId } = ids[kind]!

  describe(`${kind}, in process`, () => {
    it.effect("answers", () =>
      Effect.gen(function*() {
        const { effect, stream } = yield* make({
          effect: ({ n }) => Effect.succeed(n / 2),
          stream: ({ n }) => Stream.range(1, n)
        })
        assert.strictEqual(yield* effect({ n: 3 }), 1.5)
        assert.deepStrictEqual(yield* Stream.runCollect(stream({ n: 3 })), [1, 2, 3])
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(stream({ n: 1_000_000 }), 2)), [1, 2])
      }))

    it.effect("fails with what is declared, elements first", () =>
      Effect.gen(function*() {
        const { effect, stream } = yield* make({
          effect: ({ n }) => new Odd({ n }),
          stream: ({ n }) => Stream.concat(Stream.make(1), Stream.fail(new Odd({ n })))
        })
        assert.deepStrictEqual(yield* Effect.flip(effect({ n: 3 })), new Odd({ n: 3 }))
        const seen: Array<number> = []
        const failed = Stream.runForEach(stream({ n: 5 }), (n) => Effect.sync(() => seen.push(n)))
        assert.deepStrictEqual(yield* Effect.flip(failed), new Odd({ n: 5 }))
        assert.deepStrictEqual(seen, [1])
      }))

    it.effect("passes on what another call failed with", () =>
      Effect.gen(function*() {
        const reason = new SessionClosed({ peer: "elsewhere" })
        const { effect, stream } = yield* make({
          effect: () => Effect.fail(new RemoteError({ reason })),
          stream: () => Stream.fail(new RemoteError({ reason }))
        })
        assert.strictEqual(yield* reasonOf(effect({ n: 1 })), reason)
        assert.strictEqual(yield* reasonOf(Stream.runDrain(stream({ n: 1 }))), reason)
      }))

    it.effect("refuses a payload before the handler runs", () =>
      Effect.gen(function*() {
        let ran = 0
        const { effect, stream } = yield* make({
          effect: () => Effect.sync(() => ++ran),
          stream: () => {
            ran++
            return Stream.empty
          }
        })
        for (
          const [call, id] of [[effect, effectId], [
            (p: { n: number }) => Stream.runDrain(stream(p)),
            streamId
          ]] as const
        ) {
          const reason = yield* reasonOf(call({ n: 1.5 }))
          assert.strictEqual(reason._tag, "EncodeFailed")
          assert.include(reason.message, `${id}: the payload does not fit its Schema`)
          assert.include(reason.message, `["n"]`)
        }
        assert.strictEqual(ran, 0)
      }))

    const defects: Record<string, { readonly [K in keyof Handlers]: Handlers[K] }> = {
      "dies": {
        effect: () => Effect.die(new TypeError("boom")),
        stream: () => Stream.die(new TypeError("boom"))
      },
      "throws": {
        effect: () => {
          throw new TypeError("boom")
        },
        stream: () => {
          throw new TypeError("boom")
        }
      },
      "dies later": {
        effect: () => Effect.andThen(Effect.yieldNow, Effect.die(new TypeError("boom"))),
        stream: () => Stream.concat(Stream.make(1), Stream.die(new TypeError("boom")))
      },
      "dies in a finalizer": {
        effect: () => Effect.as(Effect.addFinalizer(() => Effect.die(new TypeError("boom"))), 1),
        stream: () =>
          Stream.unwrap(Effect.as(Effect.addFinalizer(() => Effect.die(new TypeError("boom"))), Stream.make(1)))
      }
    }
    for (const [how, handlers] of Object.entries(defects)) {
      it.effect(`a handler that ${how} is a typed failure with its stack`, () =>
        Effect.gen(function*() {
          const { effect, stream } = yield* make(handlers)
          for (
            const [call, id] of [[effect({ n: 1 }), effectId], [Stream.runDrain(stream({ n: 1 })), streamId]] as const
          ) {
            const reason = yield* reasonOf(call)
            assert.strictEqual(reason._tag, "RemoteDefect")
            if (reason._tag !== "RemoteDefect") return
            assert.deepInclude(reason, { method: id, errorName: "TypeError", errorMessage: "boom" })
            assert.include(reason.remoteStack, "inProcess.test.ts")
          }
        }))
    }

    it.effect("a handler that answers with something else is a typed failure too", () =>
      Effect.gen(function*() {
        for (const answer of [undefined, 1, Promise.resolve(1), {}, Effect.succeed(1), Stream.make(1)]) {
          const { effect, stream } = yield* make({ effect: () => answer as never, stream: () => answer as never })
          if (!Effect.isEffect(answer)) {
            const reason = yield* reasonOf(effect({ n: 1 }))
            assert.strictEqual(reason._tag, "RemoteDefect")
            assert.include(reason.message, `${effectId}: its handler did not answer with an Effect`)
          }
          if (!Stream.isStream(answer)) {
            const reason = yield* reasonOf(Stream.runDrain(stream({ n: 1 })))
            assert.strictEqual(reason._tag, "RemoteDefect")
            assert.include(reason.message, `${streamId}: its handler did not answer with a Stream`)
          }
        }
      }))

    it.effect("a handler that interrupts itself does not interrupt its caller", () =>
      Effect.gen(function*() {
        const { effect, stream } = yield* make({
          effect: () => Effect.interrupt,
          stream: () => Stream.fromEffect(Effect.interrupt)
        })
        for (
          const [call, id] of [[effect({ n: 1 }), effectId], [Stream.runDrain(stream({ n: 1 })), streamId]] as const
        ) {
          const reason = yield* reasonOf(call)
          assert.strictEqual(reason._tag, "RemoteInterrupted")
          assert.deepInclude(reason, { method: id })
        }
      }))

    it.effect("the interruption of the caller interrupts the handler and waits for its finalizers", () =>
      Effect.gen(function*() {
        const running = yield* Queue.unbounded<void>()
        const log: Array<string> = []
        const handler = Effect.andThen(Queue.offer(running, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push("finalized"))))
        )
        const { effect, stream } = yield* make({ effect: () => handler, stream: () => Stream.fromEffect(handler) })
        for (const call of [() => effect({ n: 1 }), () => Stream.runDrain(stream({ n: 1 }))]) {
          const fiber = yield* Effect.forkChild(call())
          yield* Queue.take(running)
          yield* Fiber.interrupt(fiber)
          log.push("interrupted")
          const exit = yield* Fiber.await(fiber)
          assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        }
        assert.deepStrictEqual(log, ["finalized", "interrupted", "finalized", "interrupted"])
      }))

    it.effect("each call has a Scope of its own, which ends before its answer is seen", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const scopes = new Set<Scope.Scope>([yield* Effect.scope])
        const acquire = (n: number) =>
          Effect.gen(function*() {
            scopes.add(yield* Effect.scope)
            yield* Effect.addFinalizer((exit) => Effect.sync(() => log.push(`closed ${n} ${exit._tag}`)))
            return n
          })
        const { effect, stream } = yield* make({
          effect: ({ n }) => Effect.tap(acquire(n), () => n === 0 ? new Odd({ n }) : Effect.void),
          stream: ({ n }) => Stream.unwrap(Effect.map(acquire(n), (n) => Stream.range(1, n)))
        })
        yield* effect({ n: 1 })
        log.push("answered 1")
        yield* Effect.flip(effect({ n: 0 }))
        yield* Stream.runForEach(stream({ n: 2 }), (n) => Effect.sync(() => log.push(`element ${n}`)))
        log.push("ended")
        yield* Stream.runDrain(Stream.take(stream({ n: 3 }), 1))
        assert.deepStrictEqual(log, [
          "closed 1 Success",
          "answered 1",
          "closed 0 Failure",
          "element 1",
          "element 2",
          "closed 2 Success",
          "ended",
          "closed 3 Success"
        ])
        assert.strictEqual(scopes.size, 5)
      }))

    it.effect("the handler logs what its caller would, with its caller's annotations", () =>
      Effect.gen(function*() {
        const seen: Array<unknown> = []
        const note = Effect.gen(function*() {
          seen.push(yield* References.MinimumLogLevel, yield* References.CurrentLogAnnotations)
          return 1
        })
        const { effect, stream } = yield* make({ effect: () => note, stream: () => Stream.fromEffect(note) }).pipe(
          Effect.annotateLogs({ of: "its Layer" }),
          Effect.provideService(References.MinimumLogLevel, "Error")
        )
        yield* Effect.andThen(effect({ n: 1 }), Stream.runDrain(stream({ n: 1 }))).pipe(
          Effect.annotateLogs({ of: "its caller" }),
          Effect.provideService(References.MinimumLogLevel, "Debug")
        )
        assert.deepStrictEqual(seen, ["Debug", { of: "its caller" }, "Debug", { of: "its caller" }])
      }).pipe(Effect.scoped))

    it.effect("the handler's span is below its caller's", () =>
      Effect.gen(function*() {
        const parents: Array<string> = []
        const note = Effect.map(Effect.currentParentSpan, (span) => {
          parents.push(span._tag === "Span" ? span.name : span.spanId)
          return 1
        })
        const { effect, stream } = yield* Effect.withSpan(
          make({ effect: () => Effect.orDie(note), stream: () => Stream.fromEffect(Effect.orDie(note)) }),
          "building"
        )
        yield* Effect.withSpan(effect({ n: 1 }), "calling")
        yield* Effect.withSpan(Stream.runDrain(stream({ n: 1 })), "streaming")
        assert.deepStrictEqual(parents, ["calling", "streaming"])
      }))
  })
}

describe("layers", () => {
  class Settings extends Context.Service<Settings, { readonly step: number }>()("test/Settings") {}

  it.effect("a function without a payload, in a program that says what it needs", () =>
    Effect.gen(function*() {
      let pinged = 0
      const live = ping.toLayer(() => Effect.sync(() => void pinged++))
      assert.strictEqual(yield* Effect.provide(ping.call(), live), undefined)
      assert.strictEqual(pinged, 1)
    }))

  it.effect("a Layer's Scope lasts over its calls, and handlers see the Layer's services", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const live = Counter.toLayer(Effect.gen(function*() {
        const { step } = yield* Settings
        let count = 0
        yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`ended at ${count}`)))
        return {
          add: ({ by }) => Effect.sync(() => count += by * step),
          half: () => Effect.map(Settings, ({ step }) => step / 2),
          upTo: () => Stream.fromEffect(Effect.map(Settings, ({ step }) => step)),
          ping: () => Effect.void
        }
      })).pipe(Layer.provide(Layer.succeed(Settings, { step: 10 })))
      yield* Effect.gen(function*() {
        const counter = yield* Counter
        assert.strictEqual(yield* counter.add(), 10)
        assert.strictEqual(yield* counter.add({ by: 2 }), 30)
        assert.strictEqual(yield* counter.half({ n: 1 }), 5)
        assert.deepStrictEqual(yield* Stream.runCollect(counter.upTo({ n: 1 })), [10])
        assert.deepStrictEqual(log, [])
      }).pipe(
        // the caller's own Settings are not the handler's
        Effect.provideService(Settings, { step: 1000 }),
        Effect.provide(live)
      )
      assert.deepStrictEqual(log, ["ended at 30"])
    }))

  it.effect("a Layer is built once where it is shared, and twice where it is fresh", () =>
    Effect.gen(function*() {
      let built = 0
      const live = Counter.toLayer(Effect.sync(() => {
        built++
        return {
          add: () => Effect.succeed(1),
          half: () => Effect.succeed(1),
          upTo: () => Stream.empty,
          ping: () => Effect.void
        }
      }))
      yield* Layer.build(Layer.mergeAll(live, live))
      assert.strictEqual(built, 1)
      yield* Layer.build(Layer.mergeAll(live, Layer.fresh(live)))
      assert.strictEqual(built, 3)
    }).pipe(Effect.scoped))

  it.effect("a Layer that fails to build fails as it is", () =>
    Effect.gen(function*() {
      const failing = Counter.toLayer(Effect.fail(new Odd({ n: 1 })))
      assert.deepStrictEqual(yield* Effect.flip(Layer.build(failing)), new Odd({ n: 1 }))
    }))

  it.effect("a handler that is missing is found when the Layer is built", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Layer.build(Counter.toLayer({ add: () => Effect.succeed(1) } as never)))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "test/Counter/half has no handler")
    }))

  it.effect("handlers may be the methods of an instance", () =>
    Effect.gen(function*() {
      class Impl {
        #count = 0
        add({ by }: { readonly by: number }) {
          return Effect.sync(() => this.#count += by)
        }
        half({ n }: { readonly n: number }) {
          return Effect.succeed(n / 2)
        }
        upTo() {
          return Stream.make(this.#count)
        }
        ping() {
          return Effect.void
        }
      }
      const counter = yield* Effect.provide(Counter, Counter.toLayer(new Impl()))
      assert.strictEqual(yield* counter.add({ by: 5 }), 5)
      assert.deepStrictEqual(yield* Stream.runCollect(counter.upTo({ n: 0 })), [5])
    }))

  it.effect("a proxy is an implementation, a decorated service too, and a double is a service", () =>
    Effect.gen(function*() {
      const live = Counter.toLayer({
        add: ({ by }) => Effect.succeed(by),
        half: ({ n }) => n % 2 === 1 ? new Odd({ n }) : Effect.succeed(n / 2),
        upTo: ({ n }) => Stream.range(1, n),
        ping: () => Effect.die("boom")
      })
      const gateway = Layer.provide(Counter.toLayer(Counter), live)
      const decorated = Layer.effect(
        Counter,
        Effect.map(Counter, (counter) => ({ ...counter, add: () => Effect.succeed(42) }))
      ).pipe(Layer.provide(live))
      for (const [layer, added] of [[gateway, 3], [decorated, 42]] as const) {
        yield* Effect.gen(function*() {
          const counter = yield* Counter
          assert.strictEqual(yield* counter.add({ by: 3 }), added)
          assert.deepStrictEqual(yield* Effect.flip(counter.half({ n: 3 })), new Odd({ n: 3 }))
          assert.deepStrictEqual(yield* Stream.runCollect(counter.upTo({ n: 2 })), [1, 2])
          const reason = yield* reasonOf(counter.ping())
          assert.deepInclude(reason, { _tag: "RemoteDefect", method: "test/Counter/ping", errorMessage: "boom" })
        }).pipe(Effect.provide(layer))
      }
      const double = Layer.mock(Counter, { ping: () => Effect.void })
      assert.strictEqual(yield* Effect.provide(Effect.flatMap(Counter, (counter) => counter.ping()), double), undefined)
    }))
})
