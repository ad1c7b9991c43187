/** What can be asked, and what is answered. Both sides import it. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class NotPositive extends Schema.TaggedError<NotPositive>("app/NotPositive")("NotPositive", { n: Schema.Int }) {}

export class Numbers extends Remote.Service<Numbers>()("app/Numbers", {
  factor: { payload: { n: Schema.Int }, success: Schema.Array(Schema.Int), error: NotPositive }
}) {}
