import type * as Remote from "effect-multiprocessing/Remote"
import * as Layer from "effect/Layer"
import * as Tracing from "../tracing.ts"
import live from "./live.ts"

export default Layer.provide(live, Tracing.layer) satisfies Remote.Module
