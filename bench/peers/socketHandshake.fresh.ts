/** Does so many handshakes or calls, the first of its life, and prints how many milliseconds they took. */
import * as Effect from "effect/Effect"
import type { Beginner } from "../talker.ts"
import { at } from "./socketHandshake.ts"

const [path, what, count] = process.argv.slice(2) as [string, keyof Beginner, string]

console.log(await Effect.runPromise(at(path)[what](Number(count), 1)))
