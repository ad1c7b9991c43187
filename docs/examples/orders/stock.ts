import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { SoldOut, Stock } from "./contract.ts"
import { telemetry } from "./telemetry.ts"

export default Stock.toLayer({
  reserve: ({ item }) =>
    Effect.withSpan(item === "lamp" ? Effect.void : Effect.fail(new SoldOut({ item })), "SELECT items"),
  prices: () => Stream.make(30, 25, 28)
}).pipe(Layer.provide(telemetry("stock"))) satisfies Remote.Module
