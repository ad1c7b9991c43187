/** Effect's own RPC, over the two ways that it has to a child. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { EventEmitter, once } from "node:events"
import { join } from "node:path"
import { effectWorker } from "../effectWorker.ts"
import type { Solution, Worker } from "../worker.ts"
import * as Child from "./child.ts"
import { Group } from "./rpc.contract.ts"

const worker = <E, R>(protocol: Layer.Layer<RpcClient.Protocol, E, R>, traced: boolean) =>
  Layer.build(protocol).pipe(
    Effect.flatMap((context) => Effect.provide(RpcClient.make(Group, { disableTracing: !traced }), context)),
    Effect.map((client) =>
      effectWorker({
        pid: () => client.pid(),
        tiny: (payload) => client.tiny(payload),
        person: (payload) => client.person(payload),
        bytes: (payload) => client.bytes(payload),
        numbers: (payload) => client.numbers(payload),
        blobs: (payload) => client.blobs(payload)
      })
    )
  )

/** Effect's workers: structured messages over the channel of `child_process.fork`. */
const overFork = (traced: boolean): Solution =>
  worker(
    RpcClient.layerProtocolWorker({ size: 1, concurrency: 1000 }).pipe(
      Layer.provide(
        NodeWorker.layer(() =>
          ChildProcess.fork(Child.file("./rpc.child.ts"), ["worker", "", `${traced}`], { detached: true })
        )
      )
    ),
    traced
  )

/** Effect's binary encoding over a Unix socket, to a child that is started by hand. */
const overSocket = Effect.fnUntraced(function*(traced: boolean): Effect.fn.Return<Worker, unknown, Scope.Scope> {
  // its socket has listeners for each message that waits
  EventEmitter.defaultMaxListeners = Number.POSITIVE_INFINITY
  const path = join(yield* Child.folder, "s")
  const child = yield* Child.scoped(
    () =>
      ChildProcess.fork(Child.file("./rpc.child.ts"), ["socket", path, `${traced}`], {
        detached: true,
        execArgv: [...process.execArgv, "--disable-warning=MaxListenersExceededWarning"]
      }),
    (child) => child.disconnect()
  )
  yield* Effect.tryPromise(() => Promise.race([once(child, "message"), once(child, "exit")]))
  return yield* worker(
    RpcClient.layerProtocolSocket().pipe(
      Layer.provide(NodeSocket.layerNet({ path })),
      Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" }))
    ),
    traced
  )
})

const both = (traced: boolean) => ({
  "effect/rpc over fork": overFork(traced),
  "effect/rpc over a socket": overSocket(traced)
})

export const rpc = both(false)

/** with a client and a server span for each call */
export const rpcTraced = both(true)
