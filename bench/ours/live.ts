import type * as Remote from "effect-multiprocessing/Remote"
import { tinyOnce, Worker } from "./contract.ts"
import { handlers } from "./handlers.ts"

export default Worker.toLayer(handlers) satisfies Remote.Module

export const once = tinyOnce.toLayer(handlers.tiny) satisfies Remote.Module
