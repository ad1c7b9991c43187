/** Proxies of iterators, as they travel. */
import * as Schema from "effect/Schema"
import * as Remote from "../../remote/Remote.ts"
import { Stored } from "./builtIn.ts"

export class Iterator extends Remote.Object<Iterator>()("effect-multiprocessing/Iterator", {
  payload: { values: Schema.Array(Stored) },
  methods: {
    /** so many at most; none at the end */
    next: {
      payload: { number: Schema.Int, most: Schema.Int.check(Schema.isGreaterThan(0)) },
      success: Schema.Array(Stored)
    },
    close: {}
  }
}) {}
