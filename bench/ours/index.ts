/** This library. */
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Payloads from "../payloads.ts"
import * as W from "../worker.ts"
import { tinyOnce, Worker } from "./contract.ts"

/** The same methods have those who are written with Effect. */
export interface Methods {
  readonly pid: () => Effect.Effect<number, unknown>
  readonly tiny: (payload: Payloads.Tiny) => Effect.Effect<unknown, unknown>
  readonly person: (payload: Payloads.Person) => Effect.Effect<unknown, unknown>
  readonly bytes: (payload: Uint8Array) => Effect.Effect<unknown, unknown>
  readonly numbers: (_: { readonly count: number; readonly chunk: number }) => Stream.Stream<unknown, unknown>
  readonly blobs: (_: { readonly count: number; readonly size: number }) => Stream.Stream<unknown, unknown>
}

export const effectWorker = ({ blobs, bytes, numbers, person, pid, tiny }: Methods): W.Worker => ({
  pid: pid(),
  tiny: W.echoByEffect(Payloads.tiny, tiny),
  person: W.echoByEffect(Payloads.person, person),
  bytes: (size) => W.echoByEffect(Payloads.bytes(size), bytes),
  numbers: (chunk) => W.receiveByEffect(W.numbersTaker, (count) => numbers({ count, chunk })),
  blobs: (size) => W.receiveByEffect(W.blobsTaker(size), (count) => blobs({ count, size }))
})

const OnAProcess = ProcessLayer.make({
  module: new URL("./live.ts", import.meta.url),
  services: [Worker]
})

export const spawner: Effect.Effect<Context.Context<Spawner>, unknown, Scope.Scope> = Layer.build(ProcessLayer.spawn)

/** A child, for a program that has started children before. */
export const child = Effect.map(Layer.build(OnAProcess), (context) => effectWorker(Context.get(context, Worker)))

/** A child, for a program that starts no others. */
export const ours: W.Solution = Effect.flatMap(spawner, (context) => Effect.provide(child, context))

/** From nothing to the end of a function. */
export const joined = W.timed(Effect.flatMap(Process.start(tinyOnce, { n: 0 }), ({ join }) => join))
