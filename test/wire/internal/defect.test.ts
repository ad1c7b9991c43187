import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { runInNewContext } from "node:vm"
import { remoteDefect } from "../../../src/wire/internal/defect.ts"
import { RemoteDefect, RemoteError } from "../../../src/wire/RemoteError.ts"
import { Unknown } from "../../support/unknown.ts"

class Boom extends Data.TaggedError("Boom")<{ readonly n: number }> {}

const chain = (depth: number): Error =>
  depth === 0 ? new Error("root") : new Error(`above ${depth}`, { cause: chain(depth - 1) })

describe("an error says its name, its message and its stack", () => {
  const errors: Record<string, readonly [error: unknown, name: string, message: string]> = {
    "plain": [new Error("boom"), "Error", "boom"],
    "of a class": [new RangeError("boom"), "RangeError", "boom"],
    "tagged": [new Boom({ n: 1 }), "Boom", "{ n: 1, _tag: 'Boom' }"],
    "without a message": [new Error(), "Error", ""],
    "of another realm": [runInNewContext("new TypeError('boom')"), "TypeError", "boom"]
  }
  for (const [kind, [error, errorName, errorMessage]] of Object.entries(errors)) {
    it(kind, () => {
      const defect = remoteDefect("app/f", error)
      assert.deepInclude(defect, { method: "app/f", errorName, errorMessage })
      assert.include(defect.remoteStack, "\n    at ")
    })
  }

  it("with the stacks of its causes, up to a depth", () => {
    const { remoteStack } = remoteDefect("app/f", chain(2))
    assert.match(remoteStack, /above 2\n[^]*\n\[cause\]: Error: above 1\n[^]*\n\[cause\]: Error: root\n/)
    assert.include(remoteDefect("app/f", new Error("top", { cause: { code: 7 } })).remoteStack, "[cause]: { code: 7 }")
    const self = new Error("itself")
    self.cause = self
    for (const endless of [self, chain(1000)]) {
      assert.strictEqual(remoteDefect("app/f", endless).remoteStack.split("[cause]").length, 8)
    }
  })
})

describe("anything else is shown", () => {
  const values: Record<string, readonly [value: unknown, name: string, message: string]> = {
    "a text": ["boom", "string", "boom"],
    "nothing": [undefined, "undefined", "undefined"],
    "null": [null, "object", "null"],
    "a number": [-0, "number", "-0"],
    "a bigint": [1n, "bigint", "1n"],
    "a symbol": [Symbol("s"), "symbol", "Symbol(s)"],
    "a function": [function boom() {}, "function", "[Function: boom]"],
    "an object": [{ a: [1] }, "object", "{ a: [ 1 ] }"],
    "an object without a prototype": [Object.create(null), "object", "[Object: null prototype] {}"],
    "a cycle": [Unknown.cyclic(), "object", "<ref *1> { name: 'cycle', self: [Circular *1] }"],
    "a getter that throws": [Unknown.throwingGetter("n"), "object", "{ n: [Getter] }"],
    "a proxy": [
      new Proxy({}, {
        get: () => {
          throw new Error("no")
        },
        ownKeys: () => {
          throw new Error("no")
        }
      }),
      "object",
      // Node.js 26 says that it is one
      inspect(new Proxy({}, {}))
    ],
    "a secret": [{ password: Redacted.make("hush") }, "object", "{ password: <redacted> }"]
  }
  for (const [kind, [value, errorName, errorMessage]] of Object.entries(values)) {
    it(kind, () => {
      const defect = remoteDefect("app/f", value)
      assert.deepInclude(defect, { errorName, errorMessage, remoteStack: "" })
    })
  }

  it("or said not to be", () => {
    const hostile = {
      [Symbol.for("nodejs.util.inspect.custom")]: () => {
        throw new Error("no")
      }
    }
    assert.strictEqual(remoteDefect("app/f", hostile).errorMessage, "(cannot be shown)")
    const error = Object.defineProperties(new Error("x"), {
      name: {
        get: () => {
          throw new Error("no")
        }
      },
      message: {
        get: () => {
          throw hostile
        }
      },
      stack: { value: { toString: () => 1n as never, valueOf: () => Symbol("s") } }
    })
    const defect = remoteDefect("app/f", error)
    assert.deepInclude(defect, { errorName: "(cannot be shown)", errorMessage: "(cannot be shown)" })
    assert.strictEqual(typeof defect.remoteStack, "string")
  })
})

it("what is shown has a bounded length, and makes a reason that can be sent", () => {
  const huge = "x".repeat(10_000_000)
  const error = new Error(huge)
  error.name = huge
  const values = [
    huge,
    error,
    new Error("", { cause: huge }),
    { huge },
    Array(1_000_000).fill(huge),
    new Map([[huge, huge]])
  ]
  for (const value of values) {
    const defect = remoteDefect("app/f", value)
    assert.isBelow(defect.errorName.length + defect.errorMessage.length + defect.remoteStack.length, 60_000)
    const encoded = Schema.encodeSync(RemoteDefect)(defect)
    assert.deepStrictEqual(Schema.decodeSync(RemoteDefect)(encoded), defect)
    assert.include(new RemoteError({ reason: defect }).message, "app/f: the handler died with ")
  }
})
