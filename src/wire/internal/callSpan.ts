/**
 * The spans of a call, one at each of its ends, where a tracer is installed: elsewhere a call has none. Names and
 * attributes are those of OpenTelemetry's conventions for remote procedure calls.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { RemoteError } from "../RemoteError.ts"
import { errorName } from "./errorName.ts"

const optionsOf = (method: string, kind: "client" | "server") => ({
  kind,
  attributes: { "rpc.system.name": "effect_multiprocessing", "rpc.method": method }
})

export const isTraced = ({ cache }: Fiber.Fiber<unknown, unknown>): boolean =>
  cache.tracer !== undefined && cache.tracerEnabled

/** Around one call, or what answers it. */
export const use = <A, E, R>(
  method: string,
  kind: "client" | "server",
  evaluate: (span: Tracer.Span) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.useSpan(
    method,
    optionsOf(method, kind),
    (span) => Effect.onError(evaluate(span), (cause) => Effect.sync(() => noteFailure(span, cause)))
  )

/** As long as a Scope. */
export const open = (method: string, kind: "client" | "server", scope: Scope.Scope): Effect.Effect<Tracer.Span> =>
  Effect.tap(
    Effect.makeSpan(method, optionsOf(method, kind)),
    (span) =>
      Scope.addFinalizerExit(scope, (exit) =>
        Effect.map(Clock.currentTimeNanos, (now) => {
          if (Exit.isFailure(exit)) noteFailure(span, exit.cause)
          span.end(now, exit)
        }))
  )

/** Around what a handler answers, by the tracer of its services. */
export const serve = <Answer extends Effect.Effect<unknown, unknown, any> | Stream.Stream<unknown, unknown, any>>(
  method: string,
  services: Context.Context<never> | undefined,
  answer: Answer
): Answer => {
  if (services === undefined || !Context.get(services, References.TracerEnabled)) return answer
  const tracer = services.mapUnsafe.get(Tracer.Tracer.key) as Tracer.Tracer | undefined
  if (tracer === undefined) return answer
  const traced = Stream.isStream(answer)
    ? Stream.provideService(
      Stream.unwrap(Effect.map(
        Effect.flatMap(Effect.scope, (scope) => open(method, "server", scope)),
        (span) => Stream.provideService(answer, Tracer.ParentSpan, span)
      )),
      Tracer.Tracer,
      tracer
    )
    : Effect.provideService(
      use(
        method,
        "server",
        (span) => Effect.provideService(answer as Effect.Effect<unknown, unknown, any>, Tracer.ParentSpan, span)
      ),
      Tracer.Tracer,
      tracer
    )
  return traced as Answer
}

const noteFailure = (span: Tracer.Span, cause: Cause.Cause<unknown>): void => {
  const type = typeOf(cause)
  if (type !== undefined) span.attribute("error.type", type)
}

/** The name of what went wrong: a reason where there is one. An interruption is no error. */
const typeOf = (cause: Cause.Cause<unknown>): string | undefined => {
  if (Cause.hasInterruptsOnly(cause)) return undefined
  const error = Option.getOrElse(Cause.findErrorOption(cause), () => Cause.squash(cause))
  return errorName(error instanceof RemoteError ? error.reason : error)
}
