/**
 * The secret that processes which belong together share.
 *
 * Whoever has it may connect, call, and thereby run code; so it is handed to children over their private socket and
 * shows itself nowhere else: not in logs, not in errors, not in messages.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Equal from "effect/Equal"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Internal from "./internal/authKey.ts"

const TypeId = "~effect-multiprocessing/AuthKey"

/**
 * A secret key.
 *
 * **Details**
 *
 * `console.log`, `String`, `JSON.stringify` and loggers show `AuthKey(<redacted>)`. Structured cloning
 * (`worker.postMessage`) fails, and so does sending one in a payload. Two keys are `Equal.equals` when their bytes are
 * the same; the comparison takes the same time wherever they differ.
 *
 * **Gotchas**
 *
 * There is no way to get the bytes back. A program that hands its key to another one makes the bytes itself and
 * gives them to `fromBytes`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface AuthKey extends Equal.Equal {
  readonly [TypeId]: typeof TypeId
}

/**
 * The bytes or the text cannot be a key. Neither is repeated here.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class InvalidAuthKey extends Schema.TaggedError<InvalidAuthKey>("effect-multiprocessing/InvalidAuthKey")(
  "InvalidAuthKey",
  { detail: Schema.String }
) {
  override get message(): string {
    return `not a key: ${this.detail}`
  }
}

/**
 * Tells whether a value is an `AuthKey`.
 *
 * @stability unstable
 * @category guards
 * @since 0.1.0
 */
export const isAuthKey: (value: unknown) => value is AuthKey = Internal.isAuthKey

/**
 * A new key of 32 random bytes.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const random: Effect.Effect<AuthKey> = Effect.sync(Internal.randomUnsafe)

/**
 * A key of given bytes, which are copied.
 *
 * **When to use**
 *
 * For a key that another program knows as well: a CPython process with `authkey=b"..."`, a server on another machine.
 *
 * **Gotchas**
 *
 * Any number of bytes but none will do, as in CPython. A key is as hard to guess as it was made: take 32 random bytes,
 * not a word.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array): Result.Result<AuthKey, InvalidAuthKey> =>
  bytes.length === 0
    ? Result.fail(new InvalidAuthKey({ detail: "it has no bytes" }))
    : Result.succeed(Internal.make(bytes))

/**
 * A key of hexadecimal digits, two a byte. White space around them is ignored.
 *
 * **Example** (A key made by `openssl rand -hex 32`)
 *
 * ```ts
 * const key = Effect.flatMap(fs.readFileString("/run/secrets/authkey"), (text) => Effect.fromResult(AuthKey.fromHex(text)))
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const fromHex = (hex: string): Result.Result<AuthKey, InvalidAuthKey> => {
  const digits = hex.trim()
  return /^(?:[0-9a-f]{2})*$/i.test(digits)
    ? fromBytes(Buffer.from(digits, "hex"))
    : Result.fail(new InvalidAuthKey({ detail: "it is not an even number of hexadecimal digits" }))
}

/**
 * A key from the configuration, in hexadecimal digits. What is wrong with it is told without repeating it.
 *
 * **Example** (From an environment variable)
 *
 * ```ts
 * const key = yield* AuthKey.config("APP_AUTHKEY")
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const config = (name?: string): Config.Config<AuthKey> =>
  Config.Redacted(name).pipe(Config.mapEffect((text) =>
    Effect.mapError(
      Effect.fromResult(fromHex(Redacted.value(text))),
      ({ message }) =>
        new Config.ConfigError(
          new ConfigProvider.SourceError({ message: name === undefined ? message : `${name}: ${message}` })
        )
    )
  ))

/**
 * Tells whether two keys are the same, in a time that says nothing about their bytes.
 *
 * @stability unstable
 * @category comparisons
 * @since 0.1.0
 */
export const equals: (self: AuthKey, that: AuthKey) => boolean = Internal.equals

/**
 * The Schema of a key, which refuses to be encoded and to be decoded.
 *
 * **When to use**
 *
 * For options and configuration that are checked within one process. A payload that holds a key fails with
 * `EncodeFailed`: children have the key of their parent already.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Schema.Codec<AuthKey, never> = Schema.Never.pipe(
  Schema.decodeTo(Schema.declare(isAuthKey, { identifier: "AuthKey", expected: "AuthKey" }), {
    decode: SchemaGetter.forbidden(() => "an AuthKey is never read from a message"),
    encode: SchemaGetter.forbidden(() => "an AuthKey is never sent")
  })
)
