/** A shop in one process asks its stock in another. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class SoldOut extends Schema.TaggedError<SoldOut>("orders/SoldOut")("SoldOut", { item: Schema.String }) {}

export class Shop extends Remote.Service<Shop>()("orders/Shop", {
  order: { payload: { item: Schema.String, count: Schema.Int }, success: Schema.Int, error: SoldOut }
}) {}

export class Stock extends Remote.Service<Stock>()("orders/Stock", {
  reserve: { payload: { item: Schema.String, count: Schema.Int }, error: SoldOut },
  prices: { payload: { item: Schema.String }, success: Schema.Int, stream: true }
}) {}
