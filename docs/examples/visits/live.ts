/** How it is done. The log is this process's own, and is closed with the call. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Visits } from "./contract.ts"

export default Visits.toLayer({
  count: Effect.fnUntraced(function*({ bytes, log }) {
    const part = yield* log.readAlloc(bytes)
    const lines = Buffer.from(Option.getOrThrow(part)).toString().trimEnd().split("\n")
    const pages: Record<string, number> = {}
    for (const line of lines) {
      const page = line.split(" ").at(-1)!
      pages[page] = (pages[page] ?? 0) + 1
    }
    return { pages, pid: process.pid }
  }, Effect.orDie)
}) satisfies Remote.Module
