import type * as Remote from "effect-multiprocessing/Remote"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Searches } from "./contract.ts"

const layer = Searches.toLayer({
  thorough: () => Effect.onInterrupt(Effect.never, () => Console.log("child: thorough was interrupted")),
  matches: ({ pattern, text }) => Effect.sync(() => new RegExp(pattern).test(text)),
  count: ({ seconds, text }) => Effect.delay(Effect.succeed(text.length), `${seconds} seconds`)
})

export default layer satisfies Remote.Module
