import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Shop, Stock } from "./contract.ts"
import { telemetry } from "./telemetry.ts"

const ShopLive = Shop.toLayer(Effect.gen(function*() {
  const stock = yield* Stock
  return {
    order: ({ count, item }) =>
      Effect.gen(function*() {
        yield* stock.reserve({ item, count })
        const best = yield* Stream.runFold(stock.prices({ item }), () => Number.POSITIVE_INFINITY, Math.min)
        return yield* Effect.withSpan(Effect.succeed(best * count), "add up")
      })
  }
}))

const StockInItsProcess = ProcessLayer.make({ module: new URL("./stock.ts", import.meta.url), services: [Stock] })

export default ShopLive.pipe(
  Layer.provide(StockInItsProcess),
  Layer.provide(ProcessLayer.spawn),
  Layer.provide(telemetry("shop"))
) satisfies Remote.Module
