/** Counters by name. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class Counters extends Remote.Service<Counters>()("app/Counters", {
  add: {
    payload: { name: Schema.String, by: Schema.Int },
    success: Schema.Struct({ count: Schema.Int, pid: Schema.Int })
  }
}) {}
