/** Searches that may take too long, and what may then be done about it. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class Searches extends Remote.Service<Searches>()("app/Searches", {
  /** may take a while, but not for ever */
  thorough: { payload: { text: Schema.String }, success: Schema.Boolean, timeout: "200 millis" },
  /** a regular expression of its caller's: no deadline helps a thread that never looks at its clock */
  matches: { payload: { pattern: Schema.String, text: Schema.String }, success: Schema.Boolean },
  /** running it twice does no harm, so it may move to another process when its own has to die */
  count: { payload: { text: Schema.String, seconds: Schema.Number }, success: Schema.Int, idempotent: true }
}) {}
