/** Who counts the visits in a part of a log. Both sides import it. */
import * as Reduction from "effect-multiprocessing/Reduction"
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class Visits extends Remote.Service<Visits>()("app/Visits", {
  /** In so many bytes from where the log stands: how often each page was seen, and by whom this was counted. */
  count: {
    payload: { log: Reduction.File, bytes: Schema.Int },
    success: Schema.Struct({ pages: Schema.Record(Schema.String, Schema.Int), pid: Schema.Int })
  }
}) {}
