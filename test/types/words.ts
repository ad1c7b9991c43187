/** A contract. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const module = new URL("./words.live.ts", import.meta.url)

export class UnreadableFile extends Schema.TaggedError<UnreadableFile>()("UnreadableFile", { path: Schema.String }) {}
export class BadImage extends Schema.TaggedError<BadImage>()("BadImage", { width: Schema.Int }) {}
export class Overflow extends Schema.TaggedError<Overflow>()("Overflow", { max: Schema.Int }) {}
export class User extends Schema.Class<User>("User")({ name: Schema.String, age: Schema.Int }) {}

export const countWords = Remote.fn("app/countWords", {
  module,
  payload: { path: Schema.String },
  success: Schema.Int,
  error: UnreadableFile
})
export const ping = Remote.fn("app/ping", { module })
export const rename = Remote.fn("app/rename", { module, payload: User, success: User })
export const ticks = Remote.fn("app/ticks", {
  module,
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Overflow,
  stream: true
})

export class Thumbnailer extends Remote.Service<Thumbnailer>()("app/Thumbnailer", {
  resize: { payload: { image: Schema.Uint8Array, width: Schema.Int }, success: Schema.Uint8Array, error: BadImage },
  progress: { success: Schema.Number, stream: true },
  size: { success: Schema.Int },
  options: { payload: { quality: Schema.optionalKey(Schema.Number) }, success: Schema.Number },
  user: { payload: User, success: Schema.String }
}) {}

/** what the codec of `Keeper` needs on either side */
export class Vault extends Context.Service<Vault, {
  readonly seal: (text: string) => string
  readonly open: (text: string) => string
}>()("app/Vault") {}

export const Secret = Schema.String.pipe(Schema.decodeTo(
  Schema.String,
  SchemaTransformation.transformEffect({
    decode: (text: string) => Effect.map(Vault, (vault) => vault.open(text)),
    encode: (text: string) => Effect.map(Vault, (vault) => vault.seal(text))
  })
))

export class Keeper extends Remote.Service<Keeper>()("app/Keeper", {
  keep: { payload: { secret: Secret } },
  reveal: { success: Secret, stream: true }
}) {}
