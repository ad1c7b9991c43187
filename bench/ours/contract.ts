/** What is asked of us; and of Effect's RPC, with the same Schemas. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export const Tiny = Schema.Struct({ n: Schema.Int })

export const Person = Schema.Struct({
  id: Schema.Int,
  name: Schema.String,
  email: Schema.String,
  tags: Schema.Array(Schema.String),
  position: Schema.Struct({ x: Schema.Number, y: Schema.Number }),
  active: Schema.Boolean
})

export const Numbers = Schema.Struct({ count: Schema.Int, chunk: Schema.Int })
export const Blobs = Schema.Struct({ count: Schema.Int, size: Schema.Int })

export class Worker extends Remote.Service<Worker>()("bench/Worker", {
  pid: { success: Schema.Int },
  tiny: { payload: Tiny, success: Tiny },
  person: { payload: Person, success: Person },
  bytes: { payload: Schema.Uint8Array, success: Schema.Uint8Array },
  numbers: { payload: Numbers, success: Schema.Int, stream: true },
  blobs: { payload: Blobs, success: Schema.Uint8Array, stream: true }
}) {}

export const tinyOnce = Remote.fn("bench/tinyOnce", {
  module: Remote.module(new URL("./live.ts", import.meta.url), { export: "once" }),
  payload: Tiny,
  success: Tiny
})
