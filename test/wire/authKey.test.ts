import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Formatter from "effect/Formatter"
import * as Hash from "effect/Hash"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { pack } from "msgpackr"
import { randomBytes } from "node:crypto"
import { format, inspect } from "node:util"
import { serialize } from "node:v8"
import { MessageChannel } from "node:worker_threads"
import * as AuthKey from "../../src/wire/AuthKey.ts"
import * as Codec from "../../src/wire/Codec.ts"
import * as Internal from "../../src/wire/internal/authKey.ts"
import { locate, Unencodable } from "../../src/wire/internal/unencodable.ts"
import { Writer } from "../../src/wire/internal/writer.ts"

const secret = Buffer.from("correct horse battery staple 123")
const of = (bytes: Uint8Array) => Result.getOrThrow(AuthKey.fromBytes(bytes))
const key = of(secret)
const invalid = (result: Result.Result<AuthKey.AuthKey, AuthKey.InvalidAuthKey>) =>
  Result.isFailure(result) ? result.failure.detail : "valid"

/** the beginning of the bytes in every form in which they are usually shown */
const forms = [
  "correcthorse",
  secret.toString("hex").slice(0, 12),
  secret.toString("base64url").slice(0, 12),
  [...secret.subarray(0, 4)].join(",")
]
const assertHidden = (shown: string) => {
  const text = shown.replaceAll(/\s+/g, "")
  for (const form of forms) assert.notInclude(text, form)
}

describe("making", () => {
  it.effect("random keys have 32 bytes and differ", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* AuthKey.random, yield* AuthKey.random]
      assert.strictEqual(Internal.unsafeBytes(a).length, 32)
      assert.isFalse(AuthKey.equals(a, b))
    }))

  it("bytes are copied, in and out", () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const key = of(bytes)
    bytes.fill(9)
    assert.deepStrictEqual(Internal.unsafeBytes(key), Uint8Array.of(1, 2, 3))
    Internal.unsafeBytes(key).fill(9)
    assert.deepStrictEqual(Internal.unsafeBytes(key), Uint8Array.of(1, 2, 3))
    assert.strictEqual(Internal.unsafeBytes(key).buffer.byteLength, 3)
  })

  it("hexadecimal digits of either case, with white space around them", () => {
    const expected = Uint8Array.of(0xab, 0x01, 0xff)
    for (const hex of ["ab01ff", "AB01FF", " ab01Ff\n"]) {
      assert.deepStrictEqual(Internal.unsafeBytes(Result.getOrThrow(AuthKey.fromHex(hex))), expected)
    }
  })

  it("nothing, half bytes and other text are refused without being repeated", () => {
    assert.strictEqual(invalid(AuthKey.fromBytes(new Uint8Array(0))), "it has no bytes")
    assert.strictEqual(invalid(AuthKey.fromHex(" ")), "it has no bytes")
    for (const text of ["abc", "0xab", "ab cd", "correct horse"]) {
      assert.strictEqual(invalid(AuthKey.fromHex(text)), "it is not an even number of hexadecimal digits")
    }
  })

  it.effect("from the configuration", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromUnknown({ KEY: secret.toString("hex"), BAD: "correct horse" })
      assert.isTrue(AuthKey.equals(yield* AuthKey.config("KEY").parse(provider), key))
      const bad = yield* Effect.flip(AuthKey.config("BAD").parse(provider))
      assert.include(bad.message, "BAD: not a key: it is not an even number of hexadecimal digits")
      assert.notInclude(inspect(bad, { depth: 9 }), "correct horse")
      assert.include((yield* Effect.flip(AuthKey.config("ABSENT").parse(provider))).message, "ABSENT")
    }))

  it("tells keys from other values", () => {
    assert.isTrue(AuthKey.isAuthKey(key))
    for (const other of [undefined, null, "key", secret, Redacted.make(secret), { ...key }, Object.create(key)]) {
      assert.isFalse(AuthKey.isAuthKey(other))
    }
    assert.throws(() => Internal.unsafeBytes(Object.create(key)), "another copy")
  })
})

describe("comparing", () => {
  it("by bytes, whatever their number", () => {
    assert.isTrue(AuthKey.equals(key, of(secret)))
    assert.isFalse(AuthKey.equals(key, of(secret.subarray(1))))
    assert.isFalse(AuthKey.equals(key, of(Buffer.concat([secret, Uint8Array.of(0)]))))
    for (const at of [0, 15, 31]) {
      const changed = Uint8Array.from(secret)
      changed[at]! ^= 1
      assert.isFalse(AuthKey.equals(key, of(changed)))
    }
  })

  it("as Effect compares, with a hash that tells nothing", () => {
    assert.isTrue(Equal.equals(key, of(secret)))
    assert.isFalse(Equal.equals(key, of(randomBytes(32))))
    assert.isFalse(Equal.equals(key, Redacted.make(new Uint8Array(secret))))
    assert.strictEqual(Hash.hash(key), Hash.hash(of(randomBytes(32))))
    assert.strictEqual(HashSet.size(HashSet.make(key, of(secret), of(randomBytes(32)))), 2)
  })
})

describe("showing", () => {
  const ways: Record<string, (value: unknown) => string> = {
    "String": (value) => String(value),
    "template": (value) => `${value as string}`,
    "JSON.stringify": (value) => JSON.stringify(value),
    "util.inspect": (value) => inspect(value),
    "util.inspect with hidden properties": (value) => inspect(value, { showHidden: true, depth: null, getters: true }),
    "util.inspect without custom ones": (value) =>
      inspect(value, { customInspect: false, showHidden: true, depth: null }),
    "util.format": (value) => format("%s %j %o %O", value, value, value, value),
    "Formatter.format": (value) => Formatter.format(value),
    "Formatter.formatJson": (value) => Formatter.formatJson(value) ?? "",
    "a defect": (value) => Cause.pretty(Cause.die(value)),
    "a copy": (value) => inspect({ ...value as object }),
    "its descriptors": (value) => inspect(Object.getOwnPropertyDescriptors(value), { depth: 9, showHidden: true })
  }

  for (const [name, show] of Object.entries(ways)) {
    it(`${name} hides the bytes`, () => {
      for (const value of [key, { nested: [key] }]) assertHidden(show(value))
    })
  }

  it("says what it is", () => {
    const shown = "AuthKey(<redacted>)"
    assert.strictEqual(String(key), shown)
    assert.strictEqual(inspect({ key }), `{ key: ${shown} }`)
    assert.strictEqual(JSON.stringify({ key }), `{"key":"${shown}"}`)
  })

  it.effect("loggers hide the bytes", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const into = <M>(logger: Logger.Logger<M, string>) => Logger.map(logger, (line) => void lines.push(line))
      yield* Effect.logInfo("a key", key, { key }).pipe(
        Effect.annotateLogs("key", key),
        Effect.provideService(
          Logger.CurrentLoggers,
          new Set([into(Logger.formatJson), into(Logger.formatLogFmt), into(Logger.formatSimple)])
        )
      )
      assert.strictEqual(lines.length, 3)
      for (const line of lines) {
        assert.include(line, "<redacted>")
        assertHidden(line)
      }
    }))
})

describe("sending", () => {
  const nested = { list: [{ key }] }

  it("structured clones fail", () => {
    for (const value of [key, nested]) {
      assert.throws(() => structuredClone(value), /could not be cloned/)
      assert.throws(() => serialize(value), /could not be cloned/)
      const { port1, port2 } = new MessageChannel()
      assert.throws(() => port1.postMessage(value), /could not be cloned/)
      port1.close()
      port2.close()
    }
  })

  it("msgpackr, where a codec falls back on it, writes no byte of it", () => {
    assertHidden(pack(nested).toString("latin1"))
  })

  it("the writer refuses keys and all that is redacted, and says where they were", () => {
    const redacted = Redacted.make("correct horse")
    const cases: ReadonlyArray<readonly [value: unknown, path: ReadonlyArray<PropertyKey>]> = [
      [key, []],
      [nested, ["list", 0, "key"]],
      [redacted, []],
      [{ password: redacted }, ["password"]],
      [{ ...key }, ["toJSON"]]
    ]
    for (const [value, path] of cases) {
      const writer = new Writer()
      writer.begin(0)
      assert.throws(() => writer.any(value), Unencodable)
      writer.rollback()
      assert.deepStrictEqual(writer.take(), [])
      assert.deepStrictEqual(locate(value)?.path, path)
    }
    assert.include(locate(nested)!.message, "an instance of AuthKey cannot be sent")
  })

  it("codecs refuse them wherever a Schema lets anything through, compiled or not", () => {
    const secrets: ReadonlyArray<readonly [schema: Schema.Top, value: unknown, plain: unknown]> = [
      [Schema.Unknown, key, 1],
      [Schema.Any, { list: [key] }, 1],
      [Schema.Struct({ more: Schema.Unknown }), { more: { key } }, { more: 1 }],
      [Schema.Record(Schema.String, Schema.Unknown), { key }, { key: 1 }],
      [Schema.Unknown, Redacted.make("correct horse"), 1],
      [Schema.Struct({ more: Schema.Any }), { more: { password: Redacted.make("correct horse") } }, { more: 1 }]
    ]
    for (const [schema, value, plain] of secrets) {
      const codec = Codec.make(schema)
      const write = (value: unknown): ReadonlyArray<Uint8Array> => {
        const wire = codec.toWire(value)
        if (!Exit.isExit(wire) || !Exit.isSuccess(wire)) throw new Error("not at once")
        const writer = new Writer()
        writer.begin(0)
        try {
          codec.write(writer, wire.value)
          writer.finish()
        } catch (error) {
          writer.rollback()
          assert.instanceOf(error, Unencodable)
        }
        return writer.take()
      }
      assert.lengthOf(write(value), 0)
      for (let i = 0; i < 1000; i++) assert.lengthOf(write(plain), 1)
      assert.lengthOf(write(value), 0)
    }
  })

  it.effect("its Schema checks keys, and neither encodes nor decodes them", () =>
    Effect.gen(function*() {
      const options = Schema.Struct({ authKey: AuthKey.schema })
      assert.isTrue(Schema.is(options)({ authKey: key }))
      assert.isFalse(Schema.is(options)({ authKey: "correct horse" }))
      assert.strictEqual((yield* options.makeEffect({ authKey: key })).authKey, key)
      const refused = yield* Effect.flip(Schema.encodeEffect(options)({ authKey: key }))
      assert.include(refused.message, "an AuthKey is never sent")
      assert.include(refused.message, `["authKey"]`)
      assertHidden(inspect(refused, { depth: 9 }))
      const unread = yield* Effect.flip(Schema.decodeUnknownEffect(options)({ authKey: key }))
      assert.include(unread.message, `["authKey"]`)
    }))
})
