import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Remote from "../../src/remote/Remote.ts"

const module = new URL("./words.live.ts", import.meta.url)

describe("method names", () => {
  const reserved = [
    "",
    "then",
    "constructor",
    "toJSON",
    "toString",
    "toLocaleString",
    "valueOf",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "pipe",
    "asEffect",
    "_x",
    "__proto__",
    "__defineGetter__",
    "a/b"
  ]
  for (const name of reserved) {
    it(`${JSON.stringify(name)} is refused where the types were bypassed`, () => {
      const methods: Remote.Methods = { ["fine"]: {}, [name]: { success: Schema.Int } }
      assert.throws(
        () => Remote.Service<any>()("app/Odd", methods),
        TypeError,
        `Remote.Service("app/Odd"): ${JSON.stringify(name)} is a reserved name`
      )
    })
  }

  it("every name that an object has by itself is refused", () => {
    for (const name of Object.getOwnPropertyNames(Object.prototype)) {
      assert.throws(() => Remote.Service<any>()("app/Odd", { [name]: {} } as Remote.Methods), "is a reserved name")
    }
  })

  it.effect("what is left is called by its name", () =>
    Effect.gen(function*() {
      const names = ["get", "catch", "prototype", "length", "name", "call", "größe", "a.b", "a b", "1", "x_"]
      const methods = Object.fromEntries(names.map((name) => [name, { success: Schema.String }]))
      class Odd extends Remote.Service<Odd>()(
        "app/Odd",
        methods as { readonly [name: string]: { readonly success: Schema.String } }
      ) {}
      const handlers = Object.fromEntries(names.map((name) => [name, () => Effect.succeed(name)]))
      const odd = yield* Effect.provide(Odd, Odd.toLayer(handlers))
      for (const name of names) assert.strictEqual(yield* odd[name]!(), name)
    }))
})

describe("ids", () => {
  const declare: Record<string, (id: string) => unknown> = {
    "Remote.fn": (id) => Remote.fn(id, { module }),
    "Remote.Service": (id) => Remote.Service<any>()(id, { a: {} })
  }
  for (const [constructor, make] of Object.entries(declare)) {
    it(`${constructor} refuses what cannot be an id`, () => {
      const ids = ["", " ", "a b", "a\n", "a\u0000", "\u200bapp", "\ud800", "x".repeat(257), undefined, 1, {}]
      for (const id of ids) {
        assert.throws(() => make(id as string), TypeError, `${constructor}: ${JSON.stringify(id)} is not an id`)
      }
    })

    it(`${constructor} refuses ids that are keys of this library`, () => {
      assert.throws(() => make("effect-multiprocessing/Remote/fn/app/x"), TypeError, "ids do not begin with")
    })

    it(`${constructor} takes any visible text`, () => {
      for (const id of ["a", "app/Thumbnailer", "größe@2", "constructor", "__proto__", "数える", "x".repeat(256)]) {
        make(id)
      }
    })
  }
})
