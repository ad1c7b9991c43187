/** What is asked of us. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"
import { Blobs, Numbers, Person, Tiny } from "../schemas.ts"

export class Worker extends Remote.Service<Worker>()("bench/Worker", {
  pid: { success: Schema.Int },
  tiny: { payload: Tiny, success: Tiny },
  person: { payload: Person, success: Person },
  bytes: { payload: Schema.Uint8Array, success: Schema.Uint8Array },
  numbers: { payload: Numbers, success: Schema.Int, stream: true },
  blobs: { payload: Blobs, success: Schema.Uint8Array, stream: true },
  log: { payload: { count: Schema.Int } }
}) {}

export const tinyOnce = Remote.fn("bench/tinyOnce", {
  module: Remote.module(new URL("./live.ts", import.meta.url), { export: "once" }),
  payload: Tiny,
  success: Tiny
})
