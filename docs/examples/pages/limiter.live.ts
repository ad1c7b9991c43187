import type * as Manager from "effect-multiprocessing/Manager"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Limiter } from "./contract.ts"

export default Limiter.toLayer(({ perSecond }) =>
  Effect.sync(() => {
    let next = 0
    let passed = 0
    return {
      pass: () =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const at = Math.max(now, next)
          next = at + 1000 / perSecond
          passed++
          return Effect.sleep(at - now)
        }),
      passed: () => Effect.sync(() => passed)
    }
  })
) satisfies Manager.Module
