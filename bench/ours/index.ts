/** This library. */
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Remote from "effect-multiprocessing/Remote"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { effectWorker } from "../effectWorker.ts"
import * as W from "../worker.ts"
import { tinyOnce, Worker } from "./contract.ts"

const OnAProcess = ProcessLayer.make({
  module: new URL("./live.ts", import.meta.url),
  services: [Worker]
})

export const spawner: Effect.Effect<Context.Context<Spawner>, unknown, Scope.Scope> = Layer.build(ProcessLayer.spawn)

/** A child, for a program that has started children before. */
export const child = Effect.map(
  Layer.build(OnAProcess),
  (context) => effectWorker(Context.get(context, Worker), Remote.giveBack)
)

/** A child, for a program that starts no others. */
export const ours: W.Solution = Effect.flatMap(spawner, (context) => Effect.provide(child, context))

/** From nothing to the end of a function. */
export const joined = W.timed(Effect.flatMap(Process.start(tinyOnce, { n: 0 }), ({ join }) => join))
