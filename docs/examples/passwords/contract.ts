/** What can be asked of passwords: types and Schemas, no code. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class Passwords extends Remote.Service<Passwords>()("app/Passwords", {
  hash: { payload: { password: Schema.String }, success: Schema.Uint8Array },
  verify: { payload: { password: Schema.String, hash: Schema.Uint8Array }, success: Schema.Boolean }
}) {}
