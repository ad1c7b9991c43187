/** A function that starts processes for itself. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

/** Grows a tree of processes, and answers with the identities of all. */
export const grow = Remote.fn("tree/grow", {
  module: new URL("./live.ts", import.meta.url),
  payload: { height: Schema.Int },
  success: Schema.Array(Schema.String)
})
