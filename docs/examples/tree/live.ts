/** A child that starts children: its own Layer provides what that needs. */
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { grow } from "./contract.ts"

const layer = grow.toLayer(({ height }) =>
  Effect.gen(function*() {
    const { identity } = yield* Process.currentProcess
    const name = `process ${identity.join(".")}`
    if (height === 0) return [name]
    const children = yield* Effect.all([
      Process.start(grow, { height: height - 1 }),
      Process.start(grow, { height: 0 })
    ])
    const grown = yield* Effect.forEach(children, ({ join }) => join)
    return [name, ...grown.flat().map((line) => `  ${line}`)]
  }).pipe(Effect.orDie)
)

export default Layer.provide(layer, ProcessLayer.spawn) satisfies Remote.Module
