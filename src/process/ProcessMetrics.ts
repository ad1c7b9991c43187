/**
 * What this library counts, as Effect metrics.
 *
 * A `Spawner` registers all of them, so that any exporter of Effect's metrics finds them; a program without one provides
 * `layer`. They are about this process: each child has metrics of its own, which `metrics` of its handle reads.
 *
 * Names and units follow OpenTelemetry: durations are in seconds, sizes in bytes, and the attribute `unit` says so.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Kills from "../guard/internal/kills.ts"
import * as Tally from "../wire/internal/tally.ts"
import * as Gauges from "./internal/gauges.ts"

const seconds = { unit: "s" }

/**
 * Children that have been started and not ended, by `state`: `starting`, `ready` or `ending`.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const processes: Metric.Gauge<number> = Gauges.processes

/**
 * Children that have been started, whether they became ready or not.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const starts: Metric.Counter<number> = Metric.counter("effect_multiprocessing_process_starts", {
  description: "Children that have been started",
  incremental: true
})

/**
 * Children that have ended, by `reason`: `success` (0), `code` (another status), `signal`, `forced` (the library had to
 * send a signal) or `outOfMemory`.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const exits: Metric.Counter<number> = Metric.counter("effect_multiprocessing_process_exits", {
  description: "Children that have ended, by reason",
  incremental: true
})

/**
 * How long children that became ready took for it, in seconds.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const startDuration: Metric.Histogram<number> = Metric.histogram(
  "effect_multiprocessing_process_start_duration",
  {
    description: "Time from the start of a child until it is ready",
    attributes: seconds,
    boundaries: Tally.boundaries.filter((boundary) => boundary >= 0.01)
  }
)

/**
 * Open sessions: one for each child, one with the parent, and one for each connection of services and managers.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const sessions: Metric.Gauge<number> = Gauges.sessions

/**
 * Calls and streams of this process that have not been answered, in all of its sessions.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const callsInFlight: Metric.Gauge<number> = Gauges.callsInFlight

/**
 * How long the calls of this process took, by `rpc.method`, in seconds.
 *
 * **Details**
 *
 * From the call to the arrival of its final answer, or of the word that its handler has let go of it after its
 * interruption. A stream counts as one call.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const callDuration: Metric.Histogram<number> = Gauges.callDuration

/**
 * Bytes that the sessions of this process have written and that have not left it: much of it means that a peer does not
 * read as fast as it is written to.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const unsentBytes: Metric.Gauge<number> = Gauges.unsentBytes

/**
 * Processes that had to be killed since those who should have ended them were gone, by what they were `of`: `remains` is
 * the group of a child that has ended, in which something still ran; `orphans` are children of a program that was killed
 * together with its Reaper, found by this one when it began to start children.
 *
 * **Gotchas**
 *
 * What the Reaper kills after the death of its own process is counted by nobody: nobody is left.
 *
 * @stability unstable
 * @category metrics
 * @since 0.1.0
 */
export const reaperKills: Metric.Counter<number> = Kills.kills

/**
 * Registers the metrics of this library, for a program that has no `Spawner` and is only a client or a server of others.
 *
 * **Details**
 *
 * They are computed when somebody looks. They stay registered: what was counted is still there for an exporter that
 * looks once more at the end.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.effectDiscard(Gauges.register)
