/** This library. */
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Remote from "effect-multiprocessing/Remote"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { effectWorker } from "../effectWorker.ts"
import * as W from "../worker.ts"
import { tinyOnce, Worker } from "./contract.ts"

const onAProcess = (file: string) => ProcessLayer.make({ module: new URL(file, import.meta.url), services: [Worker] })

export const spawner: Effect.Effect<Context.Context<Spawner>, unknown, Scope.Scope> = Layer.build(ProcessLayer.spawn)

const worker = (file: string) => Effect.map(Layer.build(onAProcess(file)), (context) => Context.get(context, Worker))

const alone = <A, E>(child: Effect.Effect<A, E, Spawner | Scope.Scope>) =>
  Effect.flatMap(spawner, (context) => Effect.provide(child, context))

/** A child, for a program that has started children before. */
export const child = Effect.map(worker("./live.ts"), (worker) => effectWorker(worker, Remote.giveBack))

/** A child, for a program that starts no others. */
export const ours: W.Solution = alone(child)

/** The same, with a tracer. */
export const traced: W.Solution = alone(Effect.map(worker("./traced.live.ts"), (worker) => effectWorker(worker)))

/** The same, whose lines go to a logger that counts them. */
export const logged: W.Solution = Effect.suspend(() => {
  let left = 0
  let counted = () => {}
  const logger = Logger.make(() => {
    if (--left === 0) counted()
  })
  const lines = ({ log }: Worker["Service"]): W.Receive => (count) =>
    W.timed(Effect.all([
      log({ count }),
      Effect.callback<void>((resume) => {
        left = count
        counted = () => resume(Effect.void)
      })
    ], { concurrency: 2 }))
  return alone(Effect.map(worker("./live.ts"), (worker) => ({ lines: lines(worker) }))).pipe(
    Effect.provideService(References.CurrentLoggers, new Set([logger]))
  )
})

/** From nothing to the end of a function. */
export const joined = W.timed(Effect.flatMap(Process.start(tinyOnce, { n: 0 }), ({ join }) => join))
