/** What a call takes along of the fiber that makes it, and what its handler sees of that. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Formatter from "effect/Formatter"
import type { LogLevel } from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { type CallContext, longestContext, writeMsgpack } from "../Message.ts"
import { bounded, longest } from "./bounded.ts"
import { isEmpty } from "./isEmpty.ts"

type Annotations = Readonly<Record<string, unknown>>

/**
 * Its bytes; `undefined` for a call that has nothing to take along, which is most of them. `level`: what the peer knows
 * without being told.
 */
export const of = (
  fiber: Fiber.Fiber<unknown, unknown>,
  span: Tracer.AnySpan | undefined,
  level: LogLevel
): Uint8Array | undefined => {
  const annotations = Context.getOrUndefined(fiber.context, References.CurrentLogAnnotations)
  const isAnnotated = annotations !== undefined && !isEmpty(annotations)
  const trace = span && traceOf(span)
  const { minimumLogLevel } = fiber.cache
  if (trace === undefined && minimumLogLevel === level && !isAnnotated) return undefined
  const context = {
    ...(trace !== undefined && { trace }),
    ...(minimumLogLevel !== level && { logLevel: minimumLogLevel })
  } satisfies CallContext
  if (!isAnnotated) return writeMsgpack(context)
  const whole = writeMsgpack({ ...context, logAnnotations: scalars(annotations) })
  return whole.length <= longestContext ? whole : writeMsgpack(context)
}

/** The nearest span that may be known elsewhere. */
const traceOf = (span: Tracer.AnySpan): CallContext["trace"] => {
  let at: Tracer.AnySpan | undefined = span
  while (at !== undefined && Context.get(at.annotations, Tracer.DisablePropagation)) {
    at = at._tag === "Span" ? Option.getOrUndefined(at.parent) : undefined
  }
  return at && { traceId: at.traceId, spanId: at.spanId, sampled: at.sampled }
}

type Scalars = NonNullable<CallContext["logAnnotations"]>

const scalars = (annotations: Annotations): Scalars => {
  const result: Record<string, Scalars[string]> = {}
  for (const [key, value] of Object.entries(annotations)) {
    result[key] = value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? value
      : bounded(() => Formatter.format(value), longest.message)
  }
  return result
}

/** What a handler sees of it, in a process that has annotations of its own. */
export const seen = (
  { logAnnotations, logLevel, trace }: CallContext,
  own: Annotations
): Context.Context<never> => {
  let context = Context.empty()
  if (trace !== undefined) context = Context.add(context, Tracer.ParentSpan, Tracer.externalSpan(trace))
  if (logLevel !== undefined) context = Context.add(context, References.MinimumLogLevel, logLevel)
  if (logAnnotations !== undefined) {
    context = Context.add(context, References.CurrentLogAnnotations, { ...own, ...logAnnotations })
  }
  return context
}
