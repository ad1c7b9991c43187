import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { Echo, echoOnce } from "./contract.ts"

export default Echo.toLayer({ echo: ({ n }) => Effect.succeed(n) }) satisfies Remote.Module

export const once = echoOnce.toLayer(({ n }) => Effect.succeed(n)) satisfies Remote.Module
