/** A rate limiter, a cache and a lock that four processes share, one of which is killed while it has the lock. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import * as RemoteMap from "effect-multiprocessing/RemoteMap"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Limiter, Reader } from "./pages/contract.ts"

const Readers = ProcessLayer.make({
  module: new URL("./pages/reader.live.ts", import.meta.url),
  services: [Reader],
  size: 4
})

const Shared = Manager.layer({ module: new URL("./pages/limiter.live.ts", import.meta.url) })

const urls = ["/", "/about", "/cursed", "/news", "/shop"]

const program = Effect.gen(function*() {
  const reader = yield* Reader
  const limiter = yield* Limiter.create({ perSecond: 100 })
  const lock = yield* RemoteLock.make()
  const cache = yield* RemoteMap.make(Schema.String, Schema.String)

  const requests = Array.from({ length: 40 }, (_, i) => urls[i % urls.length]!)
  const answers = yield* Effect.forEach(
    requests,
    (url) => reader.read({ url, limiter, lock, cache }),
    { concurrency: "unbounded" }
  )
  yield* Console.log(`${answers.length} answers, ${yield* limiter.passed()} pages read`)
  yield* Console.log(`told that the lock was abandoned: ${answers.filter(({ abandoned }) => abandoned).length}`)
  yield* Console.log(`locked: ${yield* lock.isLocked}`)
})

program.pipe(
  Effect.scoped,
  Effect.provide(Layer.mergeAll(Readers, Shared)),
  Effect.provide(ProcessLayer.spawn),
  NodeRuntime.runMain
)
