/** A collector of OpenTelemetry's spans that keeps them in memory: Jaeger, Tempo or Honeycomb in a real program. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { json } from "node:stream/consumers"

/** What of a span is looked at here, as OTLP spells it. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: { readonly stringValue?: string } }>
}

interface Batch {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: Span["attributes"] }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }>
  }>
}

export interface Collected extends Span {
  readonly service: string
}

export const textOf = (attributes: Span["attributes"], key: string): string | undefined =>
  attributes.find((attribute) => attribute.key === key)?.value.stringValue

export const collector: Effect.Effect<
  { readonly url: string; readonly spans: ReadonlyArray<Collected> },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  const spans: Array<Collected> = []
  const server = createServer(async (request, response) => {
    const { resourceSpans } = await json(request) as Batch
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = textOf(resource.attributes, "service.name")!
      spans.push(...scopeSpans.flatMap((scope) => scope.spans).map((span) => Object.assign(span, { service })))
    }
    response.setHeader("content-type", "application/json").end("{}")
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans }
})
