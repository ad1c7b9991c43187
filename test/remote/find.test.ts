import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { declarationOf, find, fnKey, type Found, mark } from "../../src/remote/internal/implementation.ts"
import * as Remote from "../../src/remote/Remote.ts"

const module = new URL("./words.live.ts", import.meta.url)

class Plain extends Context.Service<Plain, { readonly n: number }>()("find/Plain") {}

class Greeter extends Remote.Service<Greeter>()("find/Greeter", {
  greet: { payload: { name: Schema.String }, success: Schema.String },
  names: { success: Schema.String, stream: true }
}) {}
/** of the same shape */
class Other extends Remote.Service<Other>()("find/Other", {
  greet: { payload: { name: Schema.String }, success: Schema.String },
  names: { success: Schema.String, stream: true }
}) {}
const greeting = (word: string) => ({
  greet: ({ name }: { readonly name: string }) => Effect.succeed(`${word} ${name}`),
  names: () => Stream.make(word)
})

const shout = Remote.fn("find/shout", { module, payload: { text: Schema.String }, success: Schema.String })

const found = <A>(layer: Layer.Layer<A, never, never>): Effect.Effect<Found, never, Scope.Scope> =>
  Effect.map(Layer.build(layer), (context) => find(context as Context.Context<never>))

/** what the host of this module answers */
const greets = ({ implementations }: Found, id = "find/Greeter") =>
  implementations.get(id)!.call("greet", { name: "ann" }) as Effect.Effect<unknown>

describe("what a module implements", () => {
  it.effect("is found by id, with what its codecs need", () =>
    Effect.gen(function*() {
      const plain = Layer.succeed(Plain, { n: 1 })
      const { duplicates, implementations } = yield* found(
        Layer.mergeAll(
          Greeter.toLayer(greeting("hello")),
          shout.toLayer(({ text }) => Effect.succeed(text.toUpperCase())),
          plain
        ).pipe(Layer.provide(Layer.succeed(Plain, { n: 2 })))
      )
      assert.sameMembers([...implementations.keys()], ["find/Greeter", "find/shout"])
      assert.deepStrictEqual(duplicates, [])
      assert.strictEqual(yield* greets({ duplicates, implementations, objects: new Map() }), "hello ann")
      const fn = implementations.get("find/shout")!
      assert.strictEqual(yield* fn.call("find/shout", { text: "x" }) as Effect.Effect<unknown>, "X")
      for (const { services } of implementations.values()) {
        assert.strictEqual(Context.get(services as Context.Context<Plain>, Plain).n, 2)
      }
    }))

  it.effect("answers without the checks of a caller: defects are its host's", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(greets(
        yield* found(Greeter.toLayer({ ...greeting("hello"), greet: () => Effect.die("boom") }))
      ))
      assert.deepStrictEqual(exit, Exit.die("boom"))
    }))

  it.effect("is a decorated service as it was decorated, however that was done", () =>
    Effect.gen(function*() {
      const greet = () => Effect.succeed("hush")
      const decorations: Record<string, (greeter: Greeter["Service"]) => Greeter["Service"]> = {
        spread: (greeter) => ({ ...greeter, greet }),
        prototype: (greeter) => Object.assign(Object.create(greeter), { greet }),
        descriptors: (greeter) =>
          Object.defineProperty(Object.create(null, Object.getOwnPropertyDescriptors(greeter)), "greet", {
            value: greet
          })
      }
      for (const [name, decorate] of Object.entries(decorations)) {
        const result = yield* found(
          Layer.effect(Greeter, Effect.map(Greeter, decorate)).pipe(Layer.provide(Greeter.toLayer(greeting("hello"))))
        )
        assert.strictEqual(yield* greets(result), "hush", name)
        const names = result.implementations.get("find/Greeter")!.call("names", undefined)
        assert.deepStrictEqual(yield* Stream.runCollect(names as Stream.Stream<unknown>), ["hello"], name)
        assert.deepStrictEqual(result.duplicates, [])
      }
    }))

  it.effect("is a double as it is, its mistakes included", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* greets(yield* found(Layer.succeed(Greeter, greeting("double")))), "double ann")
      for (const double of [{}, { greet: 1 }, { greet: () => "text" }, undefined]) {
        const exit = yield* Effect.exit(greets(yield* found(Layer.succeed(Greeter, double as never))))
        assert.isTrue(Exit.isFailure(exit))
      }
    }))

  it.effect("is another service of the same shape under that one's id", () =>
    Effect.gen(function*() {
      const alias = Layer.effect(Other, Greeter).pipe(Layer.provide(Greeter.toLayer(greeting("hello"))))
      const result = yield* found(alias)
      assert.deepStrictEqual([...result.implementations.keys()], ["find/Other"])
      assert.strictEqual(
        result.implementations.get("find/Other")!.declaration.contracts["greet"]!.id,
        "find/Other/greet"
      )
      assert.strictEqual(yield* greets(result, "find/Other"), "hello ann")
      assert.deepStrictEqual(result.duplicates, [])
    }))

  it.effect("is a function that answers from elsewhere", () =>
    Effect.gen(function*() {
      const declaration = declarationOf(shout)
      const { implementations } = find(
        Context.make(fnKey("find/shout"), { declaration, call: () => Effect.succeed("far") })
      )
      assert.strictEqual(
        yield* implementations.get("find/shout")!.call("find/shout", {}) as Effect.Effect<unknown>,
        "far"
      )
    }))

  it.effect("is nothing where there is nothing", () =>
    Effect.gen(function*() {
      const result = yield* found(Layer.succeed(Plain, { n: 1 }))
      assert.deepStrictEqual(result, { implementations: new Map(), objects: new Map(), duplicates: [] })
    }))
})

describe("two declarations with one id", () => {
  const twins = () => {
    const options = { module, success: Schema.String }
    return [Remote.fn("find/twin", options), Remote.fn("find/twin", options)] as const
  }

  it.effect("functions", () =>
    Effect.gen(function*() {
      const [a, b] = twins()
      const both = Layer.mergeAll(a.toLayer(() => Effect.succeed("a")), b.toLayer(() => Effect.succeed("b")))
      assert.deepStrictEqual((yield* found(both)).duplicates, ["find/twin"])
      assert.deepStrictEqual((yield* found(a.toLayer(() => Effect.succeed("a")))).duplicates, [])
    }))

  const service = (id: string) => {
    class Twin extends Remote.Service<Twin>()(id, { a: { success: Schema.String } }) {}
    return Twin
  }

  it.effect("services, whether both are implemented or it cannot be told which one is", () =>
    Effect.gen(function*() {
      const [A, B] = [service("find/Twin"), service("find/Twin")]
      const handlers = { a: () => Effect.succeed("a") }
      assert.deepStrictEqual(
        (yield* found(Layer.mergeAll(A.toLayer(handlers), B.toLayer(handlers)))).duplicates,
        ["find/Twin"]
      )
      assert.deepStrictEqual((yield* found(A.toLayer(handlers))).duplicates, [])
      assert.deepStrictEqual((yield* found(B.toLayer(handlers))).duplicates, [])
      assert.deepStrictEqual((yield* found(Layer.succeed(A, handlers))).duplicates, ["find/Twin"])
    }))

  it.effect("a function and a service, or a function and a method", () =>
    Effect.gen(function*() {
      const One = service("find/one")
      const one = Remote.fn("find/one", { module, success: Schema.String })
      const method = Remote.fn("find/one/a", { module, success: Schema.String })
      const live = One.toLayer({ a: () => Effect.succeed("") })
      const answer = () => Effect.succeed("")
      assert.deepStrictEqual((yield* found(Layer.mergeAll(live, one.toLayer(answer)))).duplicates, ["find/one"])
      assert.deepStrictEqual((yield* found(Layer.mergeAll(live, method.toLayer(answer)))).duplicates, ["find/one/a"])
    }))

  it.effect("one declaration given twice is none, and the later one wins", () =>
    Effect.gen(function*() {
      const live = Greeter.toLayer(greeting("first"))
      const result = yield* found(
        Layer.mergeAll(
          live,
          Layer.fresh(live),
          Greeter.toLayer(greeting("last")),
          shout.toLayer(() => Effect.succeed(""))
        )
      )
      assert.deepStrictEqual(result.duplicates, [])
      assert.strictEqual(result.implementations.size, 2)
      assert.strictEqual(yield* greets(result), "last ann")
    }))

  it("a declaration leaves one mark, however often it is implemented", () => {
    const declaration = { kind: "fn", id: "find/marked", contracts: {} } as const
    const key = (of: typeof declaration) => [...mark(of).mapUnsafe.keys()].join()
    assert.strictEqual(key(declaration), key(declaration))
    assert.notStrictEqual(key(declaration), key({ ...declaration }))
  })
})
