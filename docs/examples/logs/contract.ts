/** A function that has something to say while it runs. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export const importFile = Remote.fn("logs/importFile", {
  module: new URL("./live.ts", import.meta.url),
  payload: { file: Schema.String },
  success: Schema.Int
})
