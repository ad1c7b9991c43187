import * as Native from "effect-multiprocessing/Native"
import type * as Remote from "effect-multiprocessing/Remote"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { see } from "../payloads.ts"
import { SegmentReader } from "./resources.contract.ts"
import { keeping } from "./segments.ts"

export default SegmentReader.toLayer(Effect.gen(function*() {
  const attached = yield* keeping((name: string) => SharedMemory.attach(name))
  return {
    seeKept: ({ name, size }) => Effect.map(attached(name), ({ bytes }) => see(bytes, size)),
    seeFresh: ({ segment: { bytes, size } }) => Effect.sync(() => see(bytes, size))
  }
})).pipe(Layer.provide(Native.layer)) satisfies Remote.Module
