import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"

/** see ProcessMetrics */
export const kills = Metric.counter("effect_multiprocessing_reaper_kills", {
  description: "Processes that outlived those who should have ended them, and were killed",
  incremental: true
})

const series = {
  remains: Metric.withAttributes(kills, { of: "remains" }),
  orphans: Metric.withAttributes(kills, { of: "orphans" })
}

export const countUnsafe = (of: keyof typeof series, killed: number, context: Context.Context<never>): void => {
  if (killed > 0) series[of].updateUnsafe(killed, context)
}
