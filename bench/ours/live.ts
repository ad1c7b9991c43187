import * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { handlers } from "../effectHandlers.ts"
import { tinyOnce, Worker } from "./contract.ts"

/** As a program does through which many large values pass: they are given back when they are done with. */
const bytes = (data: Uint8Array) => Effect.as(Remote.giveBack(data), data)

const log = ({ count }: { readonly count: number }) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => Effect.log("a line", { n }), { discard: true })

export default Worker.toLayer({ ...handlers, bytes, log }) satisfies Remote.Module

export const once = tinyOnce.toLayer(handlers.tiny) satisfies Remote.Module
