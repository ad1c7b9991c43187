import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { resolve } from "../../src/connection/internal/options.ts"
import { rounds } from "../support/spawned.ts"

const read = (text: string): Address.Address => Result.getOrThrow(Address.parse(text))

/** As for a listener or a connection. */
const use = (
  address: Address.Input,
  security: { readonly tls?: { readonly ca: string }; readonly insecure?: boolean }
) => resolve(address, { authKey: "none", ...security })

const detailOf = (text: string): string => {
  const result = Address.parse(text)
  if (Result.isSuccess(result)) return assert.fail(`${text} was read as ${Address.format(result.success)}`)
  const { reason } = result.failure
  assert.strictEqual(reason._tag, "InvalidAddress")
  return reason.message
}

const texts: ReadonlyArray<readonly [string, Address.Address, string?]> = [
  ["/run/app.sock", Address.unix("/run/app.sock"), "unix:/run/app.sock"],
  ["./app.sock", Address.unix("./app.sock"), "unix:./app.sock"],
  ["../app.sock", Address.unix("../app.sock"), "unix:../app.sock"],
  ["unix:app.sock", Address.unix("app.sock")],
  ["unix:/a b/größer:1", Address.unix("/a b/größer:1")],
  ["127.0.0.1:4711", Address.tcp(4711), "tcp://127.0.0.1:4711"],
  ["tcp://example.org:80", Address.tcp(80, "example.org")],
  ["tcp://example.org:80/", Address.tcp(80, "example.org"), "tcp://example.org:80"],
  ["localhost:0", Address.tcp(0, "localhost"), "tcp://localhost:0"],
  ["[::1]:65535", Address.tcp(65535, "::1"), "tcp://[::1]:65535"],
  ["tcp://[fe80::1%eth0]:1", Address.tcp(1, "fe80::1%eth0")],
  ["abstract:app", Address.abstract("app")],
  ["\\\\.\\pipe\\app", Address.pipe("app")]
]

describe("an address", () => {
  for (const [text, address, written = text] of texts) {
    it(`${text} is read, and written as ${written}`, () => {
      assert.deepStrictEqual(read(text), address)
      assert.strictEqual(Address.format(address), written)
      assert.deepStrictEqual(Schema.decodeSync(Address.FromString)(text), address)
      assert.strictEqual(Schema.encodeSync(Address.FromString)(address), written)
    })
  }

  it("that is none says why", () => {
    const cases: ReadonlyArray<readonly [string, RegExp]> = [
      ["", /expected/],
      ["app.sock", /expected/],
      ["example.org", /expected/],
      ["::1:80", /expected/],
      ["[localhost]:80", /expected/],
      ["http://example.org:80", /expected/],
      ["example.org:-1", /expected/],
      ["unix:", /empty/],
      ["abstract:", /empty/],
      ["\\\\.\\pipe\\", /empty/],
      ["\\\\.\\pipe\\a\\b", /backslash/],
      ["/with\0null", /null/],
      [`/${"x".repeat(107)}`, /108 bytes/],
      [`/${"ß".repeat(60)}`, /121 bytes/],
      ["localhost:65536", /no port/],
      [":80", /no name/]
    ]
    for (const [text, detail] of cases) assert.match(detailOf(text), detail)
    const schema = Schema.decodeUnknownResult(Address.FromString)("nonsense")
    assert.isTrue(Result.isFailure(schema))
    if (Result.isFailure(schema)) assert.include(schema.failure.message, "nonsense is no address")
  })

  it.effect("from the configuration", () =>
    Effect.gen(function*() {
      const config = Config.schema(Address.FromString, "APP_ADDRESS")
      const given = (text: string) =>
        Effect.provideService(
          config,
          ConfigProvider.ConfigProvider,
          ConfigProvider.fromEnv({ env: { APP_ADDRESS: text } })
        )
      assert.deepStrictEqual(yield* given("localhost:80"), Address.tcp(80, "localhost"))
      assert.include((yield* Effect.flip(given("localhost"))).message, "localhost is no address")
    }))

  it("that is made and can be used is read again from its text", () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.string({ maxLength: 8 }))
    const addresses = fc.oneof(
      fc.string({ maxLength: 120, unit: "binary" }).map(Address.unix),
      fc.string({ maxLength: 120, unit: "binary" }).map(Address.abstract),
      fc.tuple(fc.integer({ min: -1, max: 70_000 }), host).map(([port, name]) => Address.tcp(port, name)),
      fc.string({ maxLength: 20 }).map(Address.pipe)
    )
    let used = 0
    fc.assert(
      fc.property(addresses, (address) => {
        const usable = use(address, { insecure: true })
        if (Result.isFailure(usable) && usable.failure.reason._tag === "InvalidAddress") return
        used++
        assert.deepStrictEqual(read(Address.format(address)), address)
      }),
      { numRuns: rounds(1_000, 50_000) }
    )
    assert.isAbove(used, 100)
  })

  it("is of this machine, or is not known to be", () => {
    const local = ["/a", "abstract:a", "127.0.0.1:1", "127.8.9.1:1", "localhost:1", "[::1]:1", "[::ffff:127.0.0.1]:1"]
    for (const text of local) assert.isTrue(Address.isLocal(read(text)), text)
    const remote = ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.example.org:1", "localhost.example.org:1", "128.0.0.1:1"]
    for (const text of remote) {
      assert.isFalse(Address.isLocal(read(text)), text)
      const tagOf = (security: { tls?: { ca: string }; insecure?: boolean }) => {
        const result = use(text, security)
        return Result.isFailure(result) ? result.failure.reason._tag : "usable"
      }
      assert.strictEqual(tagOf({}), "InsecureAddress")
      assert.strictEqual(tagOf({ tls: { ca: "" } }), "usable")
      assert.strictEqual(tagOf({ insecure: true }), "usable")
    }
  })
})
