/**
 * What the library itself serves in every child, beside the module: asked by the child's parent alone (see ask.ts).
 *
 * A child pays for it with an entry each of its Hello. Their Schemas are made when first needed, what answers is loaded
 * then, and they are not compared, since both ends have agreed on a version of the library's before the session.
 */
import * as Effect from "effect/Effect"
import type { LogLevel } from "effect/LogLevel"
import type * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import { ownPrefix } from "../../remote/internal/names.ts"
import * as Method from "../../wire/Method.ts"
import { levels } from "./logChannel.ts"
import { version } from "./preparation.ts"

/** A question, by the types of what is said and answered. */
export interface BuiltIn<in out Payload, out Success> {
  readonly name: Name
  /** whether who asks may be content with the answer to one that has been asked already */
  readonly shared: boolean
  readonly method: Method.Method
  readonly "~types"?: (payload: Payload) => Success
}

export type Name = "metrics" | "kin" | "minimumLogLevel"

const make = <Payload, Success>(
  name: Name,
  shared: boolean,
  schemas: () => { readonly payload: Schema.Codec<Payload, any>; readonly success: Schema.Codec<Success, any> }
): BuiltIn<Payload, Success> => {
  // no user's id begins like that
  const id = `${ownPrefix}Child/${name}`
  let made: Method.Method | undefined
  const compiled = () => made ??= Method.make({ id, ...schemas(), error: Schema.Never, stream: false })
  return {
    name,
    shared,
    method: {
      id,
      stream: false,
      quiet: true,
      fingerprint: `library-${version}`,
      get payload() {
        return compiled().payload
      },
      get success() {
        return compiled().success
      },
      get error() {
        return compiled().error
      }
    }
  }
}

/** The process's metrics, those of the library and those of its user. */
export const metrics = make<void, ReadonlyArray<Metric.Metric.Snapshot>>("metrics", true, () => {
  const count = Schema.Union([Schema.Number, Schema.BigInt])
  const snapshot = <T extends Metric.Metric.Type, S extends Schema.Top>(type: T, state: S) =>
    Schema.Struct({
      id: Schema.String,
      type: Schema.Literal(type),
      description: Schema.UndefinedOr(Schema.String),
      attributes: Schema.UndefinedOr(Schema.Record(Schema.String, Schema.String)),
      state
    })
  const distribution = { count: Schema.Number, min: Schema.Number, max: Schema.Number, sum: Schema.Number }
  const bucket = Schema.mutable(Schema.Tuple([Schema.Number, Schema.Number]))
  const quantile = Schema.Tuple([Schema.Number, Schema.UndefinedOr(Schema.Number)])
  return {
    payload: Schema.Void,
    success: Schema.Array(Schema.Union([
      snapshot("Counter", Schema.Struct({ count, incremental: Schema.Boolean })),
      snapshot("Gauge", Schema.Struct({ value: count })),
      snapshot("Frequency", Schema.Struct({ occurrences: Schema.ReadonlyMap(Schema.String, Schema.Number) })),
      snapshot("Histogram", Schema.Struct({ ...distribution, buckets: Schema.Array(bucket) })),
      snapshot("Summary", Schema.Struct({ ...distribution, quantiles: Schema.Array(quantile) }))
    ]))
  }
})

/** How far a process is, as its parent knows it. */
export const State = Schema.Literals(["starting", "ready", "ending", "unresponsive", "unknown"])

/** A process and those that it has started, as they say it themselves. */
export interface Kin {
  readonly pid: number
  readonly name: string
  readonly state: typeof State.Type
  /** calls of its parent that it has not answered; the root has no parent */
  readonly calls: number
  /** absent where it could not be asked */
  readonly children?: ReadonlyArray<Kin> | undefined
}

export const makeKin = (): Schema.Codec<Kin> => {
  const Kin: Schema.Codec<Kin> = Schema.Struct({
    pid: Schema.Int,
    name: Schema.String,
    state: State,
    calls: Schema.Int,
    children: Schema.optional(Schema.Array(Schema.suspend(() => Kin)))
  })
  return Kin
}

/** The process and its descendants; it has `timeout` milliseconds to answer. */
export const kin = make<{ readonly timeout: number }, Kin>("kin", true, () => ({
  payload: Schema.Struct({ timeout: Schema.Number }),
  success: makeKin()
}))

/** From now on the process logs at this level and above; see minimumLogLevel.ts. */
export const minimumLogLevel = make<{ readonly level: LogLevel }, void>("minimumLogLevel", false, () => ({
  payload: Schema.Struct({ level: Schema.Literals(levels) }),
  success: Schema.Void
}))

/** For the session with the parent. */
export const served: ReadonlyArray<Method.Served> = [metrics, kin, minimumLogLevel].map(({ method, name }) => ({
  method,
  handle: (payload: any) =>
    Effect.flatMap(
      Effect.promise(() => import("./answers.ts")),
      ({ answers }) => answers[name](payload) as Effect.Effect<unknown>
    )
}))
