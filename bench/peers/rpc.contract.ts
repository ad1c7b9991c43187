/** What is asked of Effect's RPC, with our Schemas. */
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { Blobs, Numbers, Person, Tiny } from "../schemas.ts"

export const Group = RpcGroup.make(
  Rpc.make("pid", { success: Schema.Int }),
  Rpc.make("tiny", { payload: Tiny, success: Tiny }),
  Rpc.make("person", { payload: Person, success: Person }),
  Rpc.make("bytes", { payload: Schema.Uint8Array, success: Schema.Uint8Array }),
  Rpc.make("numbers", { payload: Numbers, success: Schema.Int, stream: true }),
  Rpc.make("blobs", { payload: Blobs, success: Schema.Uint8Array, stream: true })
)
