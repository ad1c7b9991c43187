import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Reader } from "./contract.ts"

export default Reader.toLayer({
  read: ({ cache, limiter, lock, url }) =>
    Effect.orDie(Effect.gen(function*() {
      const cached = yield* cache.get(url)
      if (Option.isSome(cached)) return { page: cached.value, abandoned: false }
      // One at a time, so that no page is read twice.
      return yield* lock.withLock(({ abandoned }) =>
        Effect.gen(function*() {
          const meanwhile = yield* cache.get(url)
          if (Option.isSome(meanwhile)) return { page: meanwhile.value, abandoned }
          const begun = yield* cache.has(`begun ${url}`)
          yield* cache.set(`begun ${url}`, "")
          // This page is the death of whoever reads it first, while it has the lock.
          if (url === "/cursed" && !begun) process.kill(process.pid, "SIGKILL")
          yield* limiter.pass()
          const page = `the page ${url}`
          yield* cache.set(url, page)
          return { page, abandoned }
        })
      )
    }))
}) satisfies Remote.Module
