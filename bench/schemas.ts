/** The payloads' Schemas, for those who have them: us and Effect's RPC. */
import * as Schema from "effect/Schema"

export const Tiny = Schema.Struct({ n: Schema.Int })

export const Person = Schema.Struct({
  id: Schema.Int,
  name: Schema.String,
  email: Schema.String,
  tags: Schema.Array(Schema.String),
  position: Schema.Struct({ x: Schema.Number, y: Schema.Number }),
  active: Schema.Boolean
})

export const Numbers = Schema.Struct({ count: Schema.Int, chunk: Schema.Int })
export const Blobs = Schema.Struct({ count: Schema.Int, size: Schema.Int })
