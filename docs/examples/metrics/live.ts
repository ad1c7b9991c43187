import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { Words } from "./contract.ts"

/** Each process has a registry of its own, in which this counts. */
const words = Metric.counter("app_words", { incremental: true })

export default Words.toLayer({
  count: ({ text }) => {
    const { length } = text.split(" ")
    return Effect.as(Metric.update(words, length), length)
  }
}) satisfies Remote.Module
