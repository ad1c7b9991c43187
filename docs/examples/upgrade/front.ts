/** Accepts connections, and hands each to one of two workers of its own. */
import * as Native from "effect-multiprocessing/Native"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Reduction from "effect-multiprocessing/Reduction"
import type * as Remote from "effect-multiprocessing/Remote"
import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Net from "node:net"
import { Front, Worker } from "./contract.ts"

const live = Front.toLayer(Effect.gen(function*() {
  const { serve } = yield* Worker
  const connections = yield* FiberSet.make()
  const run = yield* FiberSet.runtime(connections)<ResourceSharer.ResourceSharer>()
  let accepted = 0
  let server: Net.Server | undefined

  const accept = (listening: Net.Server) => {
    server = listening.on("connection", (socket) => {
      accepted++
      // one that is reset before it is served
      socket.on("error", () => {})
      run(serve({ socket }))
    })
  }

  return {
    listen: () =>
      Effect.callback<number>((resume) => {
        // what nobody has read yet goes along with its socket
        const own = Net.createServer({ pauseOnConnect: true })
        accept(own)
        own.listen(0, "127.0.0.1", () => resume(Effect.succeed((own.address() as Net.AddressInfo).port)))
      }),
    handOver: () => Effect.orDie(Schema.encodeEffect(Reduction.Server)(server!)),
    takeOver: ({ server }) => Effect.map(Effect.orDie(Schema.decodeEffect(Reduction.Server)(server)), accept),
    retire: () =>
      Effect.gen(function*() {
        server!.close()
        yield* FiberSet.awaitEmpty(connections)
        return accepted
      })
  }
}))

const Workers = ProcessLayer.make({
  module: new URL("./worker.ts", import.meta.url),
  services: [Worker],
  size: 2,
  argv: process.argv.slice(2)
})

export default live.pipe(
  Layer.provide(Workers),
  Layer.provide(ProcessLayer.spawn),
  Layer.provide(ResourceSharer.layer),
  Layer.provide(Native.layer)
) satisfies Remote.Module
