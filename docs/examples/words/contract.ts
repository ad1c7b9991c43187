/** What can be asked about the words of a file. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

const module = new URL("./live.ts", import.meta.url)

export class Unreadable extends Schema.TaggedError<Unreadable>("words/Unreadable")("Unreadable", {
  path: Schema.String,
  code: Schema.String
}) {}

/** How many words a file has. */
export const countWords = Remote.fn("words/count", {
  module,
  payload: { path: Schema.String },
  success: Schema.Int,
  error: Unreadable
})

/** The words of a file, one after another, and then those of the file again: there is no end to it. */
export const recite = Remote.fn("words/recite", {
  module,
  payload: { path: Schema.String },
  success: Schema.String,
  error: Unreadable,
  stream: true
})

/** Ponders until it is interrupted. */
export const ponder = Remote.fn("words/ponder", { module })
