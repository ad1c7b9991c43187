/**
 * One trace through three processes, each of which sends its own spans to a collector.
 *
 *     node docs/examples/traces.ts [picture.svg]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { collector } from "./orders/collector.ts"
import { Shop } from "./orders/contract.ts"
import { draw, print } from "./orders/draw.ts"
import { telemetry } from "./orders/telemetry.ts"

const visit = Effect.gen(function*() {
  const shop = yield* Shop
  const lamps = yield* shop.order({ item: "lamp", count: 2 })
  const sofas = yield* Effect.catchTag(shop.order({ item: "sofa", count: 1 }), "SoldOut", () => Effect.succeed(0))
  return lamps + sofas
}).pipe(Effect.withSpan("visit"))

const ShopInItsProcess = ProcessLayer.make({
  module: new URL("./orders/shop.ts", import.meta.url),
  services: [Shop]
})

Effect.gen(function*() {
  const { spans, url } = yield* collector
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = url
  const price = yield* visit.pipe(
    Effect.provide(ShopInItsProcess),
    Effect.provide(ProcessLayer.spawn),
    Effect.provide(telemetry("web"))
  )
  yield* Console.log(`to pay: ${price}`)
  // Each process has sent what it had when its Layer was released.
  yield* Console.log(print(spans).join("\n"))
  const file = process.argv[2]
  const traceId = spans.find(({ name }) => name === "visit")?.traceId
  if (file !== undefined) writeFileSync(file, draw(spans.filter((span) => span.traceId === traceId)))
}).pipe(Effect.scoped, NodeRuntime.runMain)
