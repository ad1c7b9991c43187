import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { longestLine, longestText } from "../../../src/process/internal/logChannel.ts"
import * as Portrait from "../../../src/process/internal/portrait.ts"

const portrait = (value: unknown, room = longestText) => Portrait.of(value, new Portrait.Room(room))

const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

const nested = (depth: number): unknown => {
  let value: unknown = "end"
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

describe("the portrait of a value", () => {
  it("of data is the data", () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      assert.deepStrictEqual(JSON.stringify(portrait(value)), JSON.stringify(value))
    }))
  })

  it("of anything can be sent", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withNullPrototype: true,
      withSparseArray: true,
      withBoxedValues: true
    })
    fc.assert(fc.property(anything, (value) => {
      const shown = portrait(value)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(shown)), JSON.parse(JSON.stringify(shown)))
      assert.notStrictEqual(JSON.stringify(shown), undefined)
    }))
  })

  const shared = { name: "shared" }
  const tree = (depth: number): unknown => {
    if (depth === 0) return shared
    const below = tree(depth - 1)
    return [below, below]
  }
  for (
    const [what, value] of [
      ["a long text of what JSON escapes", "\0".repeat(10 << 20)],
      ["many long numbers", Array.from({ length: 1 << 20 }, () => -Math.PI * 1e-300)],
      ["many empty lists", Array.from({ length: 1 << 20 }, () => [])],
      ["many empty texts", Array.from({ length: 1 << 20 }, () => "")],
      ["many fields", Object.fromEntries(Array.from({ length: 1 << 18 }, (_, i) => [`\u0001${i}`, { i }]))],
      ["a sparse list", Object.assign([], { length: 1e9 })],
      ["lists in lists that are the same ones", tree(30)],
      ["many texts that are cut", Array.from({ length: 1 << 16 }, () => "\0".repeat(1 << 10))],
      ["a list that is too deep", nested(10_000)],
      ["bytes", new Uint8Array(1 << 24)],
      ["a long symbol", Symbol("\0".repeat(1 << 20))],
      ["a long error", new Error("\0".repeat(1 << 20))]
    ] as const
  ) {
    it(`of ${what} is short enough to be half of a line`, () => assert.isBelow(bytes(portrait(value)), longestLine / 2))
  }

  it("of many messages and annotations together is, too", () => {
    const room = new Portrait.Room(longestText)
    const long = Array.from({ length: 1 << 18 }, () => "\0".repeat(10))
    const whole = [Portrait.ofArray(long, room), Portrait.ofRecord({ ...long }, room)]
    assert.isBelow(bytes(whole), longestLine / 2)
  })

  it("says where it was cut", () => {
    assert.strictEqual(portrait("0123456789", 4), "0123… (cut from 10 characters)")
    assert.deepStrictEqual(portrait(["ab", "cd", "ef", "gh"], 10), ["ab", "cd", "… (cut from 4 elements)"])
    assert.deepStrictEqual(portrait({ a: "b", c: "d", e: "f" }, 8), { a: "b", "…": "(cut from 3 fields)" })
    const cyclic: Array<unknown> = [1]
    cyclic.push(cyclic, [cyclic])
    assert.deepStrictEqual(portrait(cyclic), [1, "[Circular]", ["[Circular]"]])
    assert.include(JSON.stringify(portrait(nested(100))), `["[…]"]`)
    assert.deepStrictEqual(portrait([shared, shared]), [shared, shared])
  })

  it("of what throws when it is looked at says so", () => {
    const hostile = new Proxy({}, {
      getPrototypeOf() {
        throw new Error("a trap")
      },
      ownKeys() {
        throw new Error("a trap")
      },
      get() {
        throw new Error("a trap")
      }
    })
    assert.isString(portrait(hostile))
    assert.isString(JSON.stringify(portrait([hostile])))
    assert.strictEqual(
      portrait({
        [Symbol.for("nodejs.util.inspect.custom")]() {
          throw new Error("a trap")
        },
        get field() {
          throw new Error("a trap")
        }
      }),
      Portrait.hidden
    )
  })
})
