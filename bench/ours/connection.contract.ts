/** What a program at the other end of a connection can be asked. */
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

export const authKey = Result.getOrThrow(AuthKey.fromBytes(Buffer.from("of the benchmarks, and no secret")))

/** Sends back so many messages, or sends so many of a size. */
export const Question = Schema.Union([
  Schema.TaggedStruct("Echo", { count: Schema.Int }),
  Schema.TaggedStruct("Send", { count: Schema.Int, size: Schema.Int })
])
