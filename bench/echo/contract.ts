/** The least that a call can be. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class Echo extends Remote.Service<Echo>()("bench/Echo", {
  echo: { payload: { n: Schema.Int }, success: Schema.Int }
}) {}

export const echoOnce = Remote.fn("bench/echoOnce", {
  module: Remote.module(new URL("./live.ts", import.meta.url), { export: "once" }),
  payload: { n: Schema.Int },
  success: Schema.Int
})
