/** What answers the questions of builtIns.ts; loaded with the first of them. */
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as MinimumLogLevel from "../../wire/internal/minimumLogLevel.ts"
import type * as BuiltIns from "./builtIns.ts"
import * as Family from "./family.ts"
import * as Forwarder from "./forwarder.ts"
import * as Gauges from "./gauges.ts"

type Answers = {
  readonly [Name in BuiltIns.Name]: (typeof BuiltIns)[Name] extends BuiltIns.BuiltIn<infer Payload, infer Success>
    ? (payload: Payload) => Effect.Effect<Success>
    : never
}

export const answers: Answers = {
  metrics: () => Effect.andThen(Gauges.register, Metric.snapshot),
  kin: ({ timeout }) => Family.kin(timeout),
  minimumLogLevel: ({ level }) =>
    Effect.sync(() => {
      MinimumLogLevel.set(level)
      Forwarder.filter(LogLevel.isGreaterThanOrEqualTo(level))
    })
}
