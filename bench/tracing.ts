/** A tracer whose spans are forgotten when they have ended: what tracing costs before anything is exported. */
import * as Layer from "effect/Layer"
import * as Tracer from "effect/Tracer"

export const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

export const layer = Layer.succeed(Tracer.Tracer, tracer)
