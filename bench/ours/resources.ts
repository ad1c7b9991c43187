/** This library: what it hands to a child, which looks at it. */
import * as Native from "effect-multiprocessing/Native"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { passes } from "../pairs.ts"
import { seen } from "../payloads.ts"
import type { Porter } from "../porter.ts"
import * as W from "../worker.ts"
import { Reader, SegmentReader, SocketTaker } from "./resources.contract.ts"
import { keeping } from "./segments.ts"

type Part<K extends keyof Porter> = Effect.Effect<Required<Pick<Porter, K>>, unknown, Scope.Scope>

export const sent: Part<"sent"> = Effect.gen(function*() {
  const module = new URL("./reader.live.ts", import.meta.url)
  const context = yield* Layer.build(
    ProcessLayer.make({ module, services: [Reader] }).pipe(Layer.provide(ProcessLayer.spawn))
  )
  const { see } = Context.get(context, Reader)
  return { sent: (size) => W.echoByEffect(seen(size), see) }
})

export const segments: Part<"kept" | "fresh"> = Effect.gen(function*() {
  const module = new URL("./segmentReader.live.ts", import.meta.url)
  const context = yield* Layer.build(
    ProcessLayer.make({ module, services: [SegmentReader] }).pipe(
      Layer.provide(ProcessLayer.spawn),
      Layer.merge(Native.layer)
    )
  )
  const { seeFresh, seeKept } = Context.get(context, SegmentReader)
  const made = yield* Effect.provide(keeping((size: number) => SharedMemory.make({ size })), context)
  const kept = (size: number) =>
    W.echoByEffect(
      seen(size),
      (data) =>
        Effect.flatMap(made(size), (segment) =>
          Effect.andThen(SharedMemory.write(segment, data), seeKept({ name: segment.name, size })))
    )
  const fresh = (size: number) =>
    W.echoByEffect(
      seen(size),
      (data) =>
        Effect.scoped(Effect.flatMap(SharedMemory.make({ size }), (segment) =>
          Effect.andThen(SharedMemory.write(segment, data), seeFresh({ segment })))).pipe(Effect.provide(context))
    )
  return { kept, fresh }
})

export const sockets: Part<"sockets"> = Effect.gen(function*() {
  const module = new URL("./socketTaker.live.ts", import.meta.url)
  const context = yield* Layer.build(
    ProcessLayer.make({ module, services: [SocketTaker] }).pipe(
      Layer.provide(ProcessLayer.spawn),
      Layer.merge(Layer.provide(ResourceSharer.layer, Native.layer))
    )
  )
  const { take } = Context.get(context, SocketTaker)
  const byPassing = yield* passes
  return { sockets: byPassing((socket, n) => Effect.provide(take({ socket, n }), context)) }
})
