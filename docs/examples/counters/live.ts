/** A service with state: each process that hosts it has its own. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { Counters } from "./contract.ts"

const layer = Counters.toLayer(Effect.sync(() => {
  const counts = new Map<string, number>()
  return {
    add: ({ by, name }) =>
      Effect.sync(() => {
        const count = (counts.get(name) ?? 0) + by
        counts.set(name, count)
        return { count, pid: process.pid }
      })
  }
}))

export default layer satisfies Remote.Module
