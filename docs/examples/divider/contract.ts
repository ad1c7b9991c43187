/** Four ways to answer, three of them wrong. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class DivisionByZero extends Schema.TaggedError<DivisionByZero>("app/DivisionByZero")("DivisionByZero", {
  dividend: Schema.Int
}) {}

export class Divider extends Remote.Service<Divider>()("app/Divider", {
  /** succeeds, or fails as it declares */
  divide: { payload: { dividend: Schema.Int, by: Schema.Int }, success: Schema.Number, error: DivisionByZero },
  /** has a bug */
  buggy: { success: Schema.Number },
  /** answers with what it has not declared */
  careless: { success: Schema.Int },
  /** takes its process with it */
  deadly: {}
}) {}
