import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { fingerprint } from "../../src/wire/Codec.ts"
import { contracts, type Tree } from "../fixtures/wire/contracts.ts"

const same = (...schemas: ReadonlyArray<Schema.Top>) => assert.strictEqual(new Set(schemas.map(fingerprint)).size, 1)
const different = (...schemas: ReadonlyArray<Schema.Top>) =>
  assert.strictEqual(new Set(schemas.map(fingerprint)).size, schemas.length)

describe("fingerprint", () => {
  it("is the same in another process", () => {
    const script = fileURLToPath(new URL("../fixtures/wire/fingerprints.ts", import.meta.url))
    const theirs = JSON.parse(execFileSync(process.execPath, [script], { encoding: "utf8" }))
    const ours = Object.fromEntries(Object.entries(contracts).map(([name, schema]) => [name, fingerprint(schema)]))
    assert.deepStrictEqual(ours, theirs)
  })

  it("is short, and another one for each contract", () => {
    const schemas = Object.values(contracts)
    different(...schemas)
    for (const schema of schemas) assert.match(fingerprint(schema), /^[\w-]{16}$/)
  })

  it("changes with names, types, optionality, literals and checks", () => {
    different(
      Schema.Struct({ a: Schema.String }),
      Schema.Struct({ b: Schema.String }),
      Schema.Struct({ a: Schema.Number }),
      Schema.Struct({ a: Schema.Int }),
      Schema.Struct({ a: Schema.Int.check(Schema.isGreaterThan(1)) }),
      Schema.Struct({ a: Schema.Int.check(Schema.isGreaterThan(2)) }),
      Schema.Struct({ a: Schema.NumberFromString }),
      Schema.Struct({ a: Schema.optionalKey(Schema.String) }),
      Schema.Struct({ a: Schema.optional(Schema.String) }),
      Schema.Struct({ a: Schema.NullOr(Schema.String) }),
      Schema.Struct({ a: Schema.Literal("x") }),
      Schema.Struct({ a: Schema.Literal("1") }),
      Schema.Struct({ a: Schema.Literal(1) }),
      Schema.Struct({ a: Schema.Literal(1n) }),
      Schema.Struct({ a: Schema.Literals(["x", "y"]) }),
      Schema.Struct({ a: Schema.Array(Schema.String) }),
      Schema.Struct({ a: Schema.Tuple([Schema.String]) }),
      Schema.Struct({ a: Schema.Tuple([Schema.optionalKey(Schema.String)]) }),
      Schema.Struct({ a: Schema.Option(Schema.String) }),
      Schema.Struct({ a: Schema.Option(Schema.Number) }),
      Schema.Struct({ a: Schema.Struct({ a: Schema.String }) }),
      Schema.Struct({ a: Schema.String, b: Schema.String }),
      Schema.Record(Schema.String, Schema.String),
      Schema.Record(Schema.String, Schema.Number)
    )
  })

  it("does not change with annotations, nor with the order of fields", () => {
    same(
      Schema.Struct({ a: Schema.String, b: Schema.Number }),
      Schema.Struct({ b: Schema.Number, a: Schema.String }),
      Schema.Struct({ a: Schema.String.annotate({ title: "A", description: "what a is" }), b: Schema.Number }),
      Schema.Struct({ a: Schema.String, b: Schema.Number }).annotate({ identifier: "AB", title: "AB" }),
      Schema.Struct({ a: Schema.mutableKey(Schema.String), b: Schema.Number })
    )
  })

  it("does not depend on whether equal parts are one object", () => {
    const point = () => Schema.Struct({ x: Schema.Number, y: Schema.Number })
    const shared = point()
    same(Schema.Tuple([shared, shared]), Schema.Tuple([point(), point()]))
    different(Schema.Tuple([shared, shared]), Schema.Tuple([shared, shared, shared]))
  })

  it("does not depend on where a recursive Schema closes its circle", () => {
    const once: Schema.Codec<Tree> = Schema.Struct({
      value: Schema.Number,
      children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => once))
    })
    const twice: Schema.Codec<Tree> = Schema.Struct({
      value: Schema.Number,
      children: Schema.Array(
        Schema.Struct({ value: Schema.Number, children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => twice)) })
      )
    })
    same(once, twice, contracts.tree!)
  })

  it("tells recursive Schemas apart that differ far down", () => {
    const list = (last: Schema.Top, length: number): Schema.Top =>
      length === 0 ? last : Schema.Struct({ next: list(last, length - 1) })
    different(list(Schema.String, 50), list(Schema.Number, 50), list(Schema.String, 51))
  })

  it("ends for many nodes that all contain each other, and for a Schema that makes new ones for ever", () => {
    const nodes: Array<Schema.Codec<unknown>> = []
    for (let i = 0; i < 40; i++) {
      const fields = Array.from({ length: 40 }, (_, j) => [`f${j}`, Schema.suspend(() => nodes[j]!)] as const)
      nodes.push(Schema.Struct({ ...Object.fromEntries(fields), own: Schema.Literal(i) }) as Schema.Codec<unknown>)
    }
    different(nodes[0]!, nodes[1]!)
    const endless = (): Schema.Top => Schema.Struct({ next: Schema.NullOr(Schema.suspend(endless)) })
    assert.match(fingerprint(endless()), /^[\w-]{16}$/)
  })
})
