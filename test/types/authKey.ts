import * as AuthKey from "effect-multiprocessing/AuthKey"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import { type Equal, is } from "./equal.ts"

is<
  Equal<typeof AuthKey.random, Effect.Effect<AuthKey.AuthKey>>,
  Equal<ReturnType<typeof AuthKey.fromBytes>, Result.Result<AuthKey.AuthKey, AuthKey.InvalidAuthKey>>,
  Equal<ReturnType<typeof AuthKey.config>, Config.Config<AuthKey.AuthKey>>
>()
/** a payload that holds a key has no encoded side */
is<Equal<typeof AuthKey.schema.Encoded, never>, Equal<typeof AuthKey.schema.Type, AuthKey.AuthKey>>()

const key = Effect.runSync(AuthKey.random)
// @ts-expect-error Type 'Uint8Array<ArrayBuffer>' is missing the following properties from type 'AuthKey'
AuthKey.equals(key, new Uint8Array(32))
// @ts-expect-error Type '{}' is missing the following properties from type 'AuthKey'
AuthKey.equals(key, {})
// @ts-expect-error Type 'AuthKey' is missing the following properties from type 'Redacted<unknown>'
Redacted.value(key)
