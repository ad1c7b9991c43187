/** What the two programs say to each other, as JSON; statistician.py is the other side of it. */
import * as Schema from "effect/Schema"

export const Question = Schema.Struct({ numbers: Schema.Array(Schema.Finite) })

export const Answer = Schema.Union([
  Schema.TaggedStruct("Summary", { mean: Schema.Finite, median: Schema.Finite }),
  Schema.TaggedStruct("NoSummary", { why: Schema.String })
])
