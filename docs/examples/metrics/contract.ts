import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class Words extends Remote.Service<Words>()("app/Words", {
  count: { payload: { text: Schema.String }, success: Schema.Int }
}) {}
