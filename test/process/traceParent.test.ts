import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import * as TraceParent from "../../src/process/internal/traceParent.ts"

const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]
const text = `00-${traceId}-${spanId}-01`
const span = Tracer.externalSpan({ traceId, spanId })

describe("TRACEPARENT", () => {
  it("is read as W3C Trace Context has it, also of later versions", () => {
    assert.deepStrictEqual(TraceParent.parse(text), { traceId, spanId, sampled: true })
    assert.deepStrictEqual(TraceParent.parse(text.replace(/01$/, "00")), { traceId, spanId, sampled: false })
    assert.deepStrictEqual(TraceParent.parse(text.replace(/01$/, "fe"))?.sampled, false)
    assert.deepStrictEqual(TraceParent.parse(`01${text.slice(2)}-more`), { traceId, spanId, sampled: true })
  })

  it("is nothing where it is none", () => {
    const wrong = [
      undefined,
      "",
      text.toUpperCase(),
      `ff${text.slice(2)}`,
      text.replace(traceId, "0".repeat(32)),
      text.replace(spanId, "0".repeat(16)),
      text.replace(spanId, spanId.slice(1)),
      `${text}more`,
      `${text}\n`
    ]
    for (const parent of wrong) assert.strictEqual(TraceParent.parse(parent), undefined, parent)
  })

  it("is written for spans that W3C could have", () => {
    assert.strictEqual(TraceParent.format(span), text)
    assert.strictEqual(
      TraceParent.format(Tracer.externalSpan({ traceId, spanId, sampled: false })),
      `${text.slice(0, -1)}0`
    )
    assert.strictEqual(TraceParent.format(Tracer.externalSpan({ traceId: "trace", spanId: "1" })), undefined)
  })

  it("of a child is its span's, or what its starter has written, or what this process has", () => {
    const other = text.replace(traceId, "1".repeat(32))
    const own = { TRACEPARENT: other, TRACESTATE: "vendor=1" }
    assert.deepStrictEqual(TraceParent.environment(span, own, own), { TRACEPARENT: text, TRACESTATE: undefined })
    const sameTrace = { TRACEPARENT: text.replace(spanId, "1".repeat(16)), TRACESTATE: "vendor=1" }
    assert.deepStrictEqual(TraceParent.environment(span, sameTrace, sameTrace), { TRACEPARENT: text })
    assert.deepStrictEqual(TraceParent.environment(span, { TRACEPARENT: "mine" }, own), {})
    assert.deepStrictEqual(TraceParent.environment(undefined, own, own), {})
  })

  const parentOf = (environment: string | undefined) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const before = process.env.TRACEPARENT
        if (environment === undefined) delete process.env.TRACEPARENT
        else process.env.TRACEPARENT = environment
        return before
      }),
      () => Effect.provide(Effect.result(Effect.currentParentSpan), Process.layerParentSpan),
      (before) =>
        Effect.sync(() => {
          if (before === undefined) delete process.env.TRACEPARENT
          else process.env.TRACEPARENT = before
        })
    )

  it.effect("is continued by a program that wants to be part of it", () =>
    Effect.gen(function*() {
      const parent = yield* parentOf(text)
      assert.deepStrictEqual(parent._tag === "Success" && [parent.success.traceId, parent.success.spanId], [
        traceId,
        spanId
      ])
      assert.strictEqual((yield* parentOf("nonsense"))._tag, "Failure")
      assert.strictEqual((yield* parentOf(undefined))._tag, "Failure")
    }))
})
