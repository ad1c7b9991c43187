/** Loggers that keep what they are given. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"

export interface Logged {
  readonly level: string
  readonly message: ReadonlyArray<unknown>
  readonly annotations: Readonly<Record<string, unknown>>
  readonly spans: ReadonlyArray<readonly [string, number]>
  readonly reasons: ReadonlyArray<string>
  readonly cause: string
  readonly date: Date
  readonly fiber: number
  readonly span: { readonly traceId: string; readonly spanId: string } | undefined
}

/** All lines that come, in order. */
export const keep = (): { readonly lines: Array<Logged>; readonly layer: Layer.Layer<never> } => {
  const lines: Array<Logged> = []
  const logger = Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
    lines.push({
      level: logLevel,
      message: Array.isArray(message) ? message : [message],
      annotations: fiber.getRef(References.CurrentLogAnnotations),
      spans: fiber.getRef(References.CurrentLogSpans),
      reasons: cause.reasons.map(({ _tag }) => _tag),
      cause: Cause.pretty(cause),
      date,
      fiber: fiber.id,
      span: fiber.cache.span
    })
  })
  return { lines, layer: Logger.layer([logger]) }
}

/** The first part of each line's message. */
export const heads = (lines: ReadonlyArray<Logged>): ReadonlyArray<unknown> => lines.map(({ message }) => message[0])

/** Runs with loggers that keep the lines, which are then looked at. */
export const kept = <A, E, R>(use: (lines: Array<Logged>) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const { layer, lines } = keep()
    return Effect.provide(use(lines), layer)
  })
