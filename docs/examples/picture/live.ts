/** How it is done: each pixel becomes the median of those around it. */
import * as Native from "effect-multiprocessing/Native"
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Filter, open, type Picture } from "./contract.ts"

const radius = 2

const median = ({ height, pixels, width }: Picture, x: number, y: number, channel: number): number => {
  const around: Array<number> = []
  for (let row = Math.max(0, y - radius); row <= Math.min(height - 1, y + radius); row++) {
    for (let column = Math.max(0, x - radius); column <= Math.min(width - 1, x + radius); column++) {
      around.push(pixels[(row * width + column) * 3 + channel]!)
    }
  }
  return around.toSorted((a, b) => a - b)[around.length >> 1]!
}

const live = Filter.toLayer({
  median: Effect.fnUntraced(function*(payload) {
    const source = yield* Effect.orDie(open(payload.source))
    const target = yield* Effect.orDie(open(payload.target))
    const { width } = source
    for (let y = payload.from; y < payload.to; y++) {
      for (let x = 0; x < width; x++) {
        for (let channel = 0; channel < 3; channel++) {
          target.pixels[(y * width + x) * 3 + channel] = median(source, x, y, channel)
        }
      }
    }
    return process.pid
  })
})

export default Layer.provide(live, Native.layer) satisfies Remote.Module
