import * as Native from "effect-multiprocessing/Native"
import type * as Remote from "effect-multiprocessing/Remote"
import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SocketTaker } from "./resources.contract.ts"

export default SocketTaker.toLayer({
  take: ({ n, socket }) => Effect.sync(() => void socket.end(Uint8Array.of(n), () => socket.destroy()))
}).pipe(Layer.provide(ResourceSharer.layer), Layer.provide(Native.layer)) satisfies Remote.Module
