import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcServer from "effect/rpc/RpcServer"
import { rmSync } from "node:fs"
import { dirname } from "node:path"
import { handlers } from "../effectHandlers.ts"
import * as Tracing from "../tracing.ts"
import { Group } from "./rpc.contract.ts"

const [, , carrier, path, traced] = process.argv

const Server = RpcServer.layer(Group, { disableTracing: traced !== "true", concurrency: "unbounded" }).pipe(
  Layer.provide(Group.toLayer(handlers)),
  Layer.provide(traced === "true" ? Tracing.layer : Layer.empty)
)

const parentIsGone = Effect.callback<void>((resume) => {
  process.once("disconnect", () => resume(Effect.void))
})

// each imports what it needs alone, since that is part of its start
if (carrier === "worker") {
  const NodeWorkerRunner = await import("@effect/platform-node/NodeWorkerRunner")
  const Protocol = RpcServer.layerProtocolWorkerRunner.pipe(Layer.provide(NodeWorkerRunner.layer))
  NodeRuntime.runMain(Effect.raceFirst(Layer.launch(Layer.provide(Server, Protocol)), parentIsGone))
} else {
  const NodeSocketServer = await import("@effect/platform-node/NodeSocketServer")
  const RpcSerialization = await import("effect/rpc/RpcSerialization")
  const Protocol = RpcServer.layerProtocolSocketServer.pipe(
    Layer.provide(NodeSocketServer.layer({ path })),
    Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" }))
  )
  const main = Effect.gen(function*() {
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(dirname(path!), { recursive: true, force: true })))
    yield* Layer.build(Layer.provide(Server, Protocol))
    process.send!("listening", () => undefined)
    yield* parentIsGone
  })
  NodeRuntime.runMain(Effect.scoped(main))
}
