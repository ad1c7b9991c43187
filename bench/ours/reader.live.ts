import * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { see } from "../payloads.ts"
import { Reader } from "./resources.contract.ts"

export default Reader.toLayer({
  see: (bytes) => Effect.as(Remote.giveBack(bytes), see(bytes, bytes.length))
}) satisfies Remote.Module
