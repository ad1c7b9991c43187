/** What can be asked of a census, and what it answers: types and Schemas, no code. Both sides of a process import it. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

/** All that the census wants to know of one file. */
export class Sheet extends Schema.Class<Sheet>("census/Sheet")({
  lines: Schema.Int,
  words: Schema.Int,
  /** each identifier, and how often it occurs */
  identifiers: Schema.ReadonlyMap(Schema.String, Schema.Int),
  sha256: Schema.String
}) {}

export class NotText extends Schema.TaggedError<NotText>("census/NotText")("NotText", {
  path: Schema.String
}) {}

export class Unreadable extends Schema.TaggedError<Unreadable>("census/Unreadable")("Unreadable", {
  path: Schema.String,
  detail: Schema.String
}) {}

export class Census extends Remote.Service<Census>()("census/Census", {
  survey: {
    payload: { path: Schema.String },
    success: Sheet,
    error: Schema.Union([NotText, Unreadable])
  }
}) {}
