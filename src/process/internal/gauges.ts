/** Metrics that are computed when somebody looks at them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { ownPrefix } from "../../remote/internal/names.ts"
import * as Tally from "../../wire/internal/tally.ts"
import * as Family from "./family.ts"

export const processes = Metric.gauge("effect_multiprocessing_processes", {
  description: "Children that have been started and not ended, by state"
})

export const sessions = Metric.gauge("effect_multiprocessing_sessions", { description: "Open sessions" })

export const callsInFlight = Metric.gauge("effect_multiprocessing_calls_in_flight", {
  description: "Calls of this process that have not been answered"
})

export const unsentBytes = Metric.gauge("effect_multiprocessing_unsent_bytes", {
  description: "Bytes that have been written to sessions and have not left this process",
  attributes: { unit: "By" }
})

export const callDuration = Metric.histogram("effect_multiprocessing_call_duration", {
  description: "Time from a call to its final answer, by method",
  attributes: { unit: "s" },
  boundaries: Tally.boundaries
})

const sum = (figures: Iterable<number>): number => {
  let total = 0
  for (const figure of figures) total += figure
  return total
}

const ofSessions = (figure: (session: Tally.Countable) => number): number => sum(Array.from(Tally.sessions, figure))

/** A series whose state is computed. */
const computed = <State>(
  context: Context.Context<never>,
  metric: Metric.Metric<any, State>,
  get: () => State
): void => {
  Metric.registerUnsafe(metric, context, { get, update: nothing, modify: nothing })
}

const nothing = (): void => {}

const registerIn = (registry: Metric.MetricRegistry, attributes: Metric.Metric.AttributeSet): void => {
  const within = (registry: Metric.MetricRegistry) =>
    Context.add(Context.make(Metric.MetricRegistry, registry), Metric.CurrentMetricAttributes, attributes)
  const gauge = (metric: Metric.Gauge<number>, value: () => number) =>
    computed(within(registry), metric, () => ({ value: value() }))
  for (const state of ["starting", "ready", "ending"]) {
    const inState = () => Family.running().filter((life) => life.state() === state).length
    gauge(Metric.withAttributes(processes, { state }), inState)
  }
  gauge(sessions, () => Tally.sessions.size)
  gauge(callsInFlight, () => ofSessions(({ inFlight }) => inFlight()) - Family.questions())
  gauge(unsentBytes, () => ofSessions(({ unsent }) => unsent()))
  const weak = new WeakRef(registry)
  Tally.watch((durations) => {
    const registry = weak.deref()
    // what the library asks is not what its user calls
    if (registry !== undefined && !durations.method.startsWith(ownPrefix)) {
      const ofMethod = Metric.withAttributes(callDuration, { "rpc.method": durations.method })
      computed(within(registry), ofMethod, () => durations.state)
    }
    return registry !== undefined
  })
}

const registered = new WeakSet<Metric.MetricRegistry>()

/** Puts them into the registry, once. */
export const register: Effect.Effect<void> = Effect.contextWith((context: Context.Context<never>) =>
  Effect.sync(() => {
    const registry = Context.get(context, Metric.MetricRegistry)
    if (registered.has(registry)) return
    registered.add(registry)
    registerIn(registry, Context.get(context, Metric.CurrentMetricAttributes))
  })
)
