/** A span in the environment of a process, as W3C Trace Context spells it for any program. */
import type * as Tracer from "effect/Tracer"

/** `undefined` for a span whose ids are none of W3C's, as a tracer may make them. */
export const format = ({ sampled, spanId, traceId }: Tracer.AnySpan): string | undefined => {
  const text = `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`
  return parse(text) === undefined ? undefined : text
}

interface Parsed {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/** Later versions may say more behind it. */
export const parse = (text: string | undefined): Parsed | undefined => {
  const match = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:$|-)/.exec(text ?? "")
  return match === null
    ? undefined
    : { traceId: match[1]!, spanId: match[2]!, sampled: (Number.parseInt(match[3]!, 16) & 1) === 1 }
}

/**
 * What of a child's environment names its span. One that its starter has written there stays; the vendors' state
 * belongs to the trace that came with it.
 */
export const environment = (
  span: Tracer.AnySpan | undefined,
  env: NodeJS.ProcessEnv,
  own: NodeJS.ProcessEnv
): NodeJS.ProcessEnv => {
  const parent = span && format(span)
  if (parent === undefined || env.TRACEPARENT !== own.TRACEPARENT) return {}
  return parse(own.TRACEPARENT)?.traceId === span!.traceId
    ? { TRACEPARENT: parent }
    : { TRACEPARENT: parent, TRACESTATE: undefined }
}
