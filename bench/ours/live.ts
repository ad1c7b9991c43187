import type * as Remote from "effect-multiprocessing/Remote"
import { handlers } from "../effectHandlers.ts"
import { tinyOnce, Worker } from "./contract.ts"

export default Worker.toLayer(handlers) satisfies Remote.Module

export const once = tinyOnce.toLayer(handlers.tiny) satisfies Remote.Module
