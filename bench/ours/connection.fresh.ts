/** Does so many handshakes or calls, the first of its life, and prints how many milliseconds they took. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { connection } from "./connection.ts"

const [what, count] = process.argv.slice(2) as ["handshakes" | "tiny", string]

NodeRuntime.runMain(Effect.scoped(Effect.flatMap(
  Effect.flatMap(connection, (talker) => talker[what](Number(count), 1)),
  Console.log
)))
