/** Proxies of segments, as they travel. */
import * as Schema from "effect/Schema"
import * as Remote from "../../remote/Remote.ts"
import { ResourceError } from "../../resource/ResourceError.ts"

export class Memory extends Remote.Object<Memory>()("effect-multiprocessing/SharedMemory", {
  payload: {
    size: Schema.Number,
    name: Schema.optional(Schema.String),
    mode: Schema.optional(Schema.Number),
    sealed: Schema.optional(Schema.Boolean)
  },
  error: ResourceError,
  methods: {
    where: { success: Schema.Struct({ name: Schema.String, size: Schema.Number }) },
    unlink: {}
  }
}) {}
