/** What this library counts. */
import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as ProcessMetrics from "effect-multiprocessing/ProcessMetrics"
import * as Remote from "effect-multiprocessing/Remote"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { Worker } from "../fixtures/process/work.ts"
import * as Work from "../fixtures/process/work.ts"
import { folder } from "../support/spawned.ts"

/** A test with real children, whose metrics are nobody else's. */
const counted = <A, E>(name: string, test: Effect.Effect<A, E, Spawner | Scope.Scope>) =>
  it.live(name, () =>
    Effect.scoped(test).pipe(
      Effect.provide(ProcessLayer.spawn),
      Effect.provideService(Metric.MetricRegistry, new Map())
    ))

const value = <State>(metric: Metric.Metric<any, State>, attributes: Metric.Metric.Attributes = {}) =>
  Metric.value(Metric.withAttributes(metric, attributes))

const processes = Effect.map(
  Effect.forEach(["starting", "ready", "ending"], (state) => value(ProcessMetrics.processes, { state })),
  (states) => states.map(({ value }) => value)
)

const exits = Effect.map(
  Metric.snapshot,
  (snapshots) =>
    Object.fromEntries(
      snapshots.flatMap((snapshot) =>
        snapshot.id === "effect_multiprocessing_process_exits" && snapshot.type === "Counter"
          ? [[snapshot.attributes!.reason, snapshot.state.count]]
          : []
      )
    )
)

const module = new URL("../fixtures/process/work.live.ts", import.meta.url)

const late = Remote.fn("test/ping", { module: new URL("../fixtures/broken/neverReady.live.ts", import.meta.url) })

describe("processes", () => {
  counted(
    "are counted by state, and their starts, exits and what they left",
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* processes, [0, 0, 0])
      const dir = yield* folder
      const [starting, holding, ended] = yield* Effect.all([Scope.make(), Scope.make(), Scope.make()])
      const neverReady = yield* Effect.forkChild(
        Scope.provide(Process.start(late, { argv: ["layer", `${dir}/stuck`] }), starting)
      )
      yield* Testing.waitUntil(Effect.map(processes, ([starting]) => starting === 1))
      const held = yield* Scope.provide(
        Process.start(Work.hold, { ready: `${dir}/ready`, released: `${dir}/released` }),
        holding
      )
      yield* Testing.waitUntil(() => existsSync(`${dir}/ready`))
      assert.deepStrictEqual(yield* processes, [1, 1, 0])
      assert.strictEqual((yield* value(ProcessMetrics.sessions)).value, 1)
      assert.strictEqual((yield* value(ProcessMetrics.callsInFlight)).value, 1)
      yield* Fiber.interrupt(neverReady)
      yield* Scope.close(starting, Exit.void)

      yield* Testing.freeze(held.pid).pipe(Scope.provide(ended))
      const closing = yield* Effect.forkChild(Scope.close(holding, Exit.void), { startImmediately: true })
      assert.deepStrictEqual(yield* processes, [0, 0, 1], "a stopped child ends late")
      yield* Scope.close(ended, Exit.void)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(yield* processes, [0, 0, 0])

      yield* (yield* Process.start(Work.ping)).join
      yield* Effect.flip((yield* Process.start(Work.exit, { code: 3 })).join)
      yield* Effect.flip((yield* Process.start(Work.signalSelf, { signal: "SIGTERM" })).join)
      const leaving = yield* Process.start(Work.sleepers)
      yield* leaving.join
      yield* leaving.close
      const stuck = yield* Process.start(Work.spin, { ready: `${dir}/spins` }, { forceAfter: "1 millis" })
      yield* Testing.waitUntil(() => existsSync(`${dir}/spins`))
      yield* stuck.interrupt
      yield* stuck.sentinel

      assert.strictEqual((yield* value(ProcessMetrics.starts)).count, 7)
      const durations = yield* value(ProcessMetrics.startDuration)
      assert.strictEqual(durations.count, 6, "one never became ready")
      assert.isAbove(durations.min, 0.01, "in seconds")
      assert.isBelow(durations.max, 60, "in seconds")
      assert.strictEqual((yield* value(ProcessMetrics.reaperKills, { of: "remains" })).count, 1)
      yield* Testing.waitUntil(Effect.map(value(ProcessMetrics.sessions), ({ value }) => value === 0))
      assert.deepStrictEqual(yield* exits, { code: 3, success: 2, signal: 1, forced: 1 })
    })
  )
})

describe("calls", () => {
  counted(
    "are timed by method, also while they are under way",
    Effect.gen(function*() {
      const dir = yield* folder
      const layer = ProcessLayer.make({ module, services: [Worker] })
      const { worker } = yield* Effect.map(Layer.build(layer), (context) => ({
        worker: Effect.runSync(Effect.provide(Worker, context))
      }))
      const took = (method: string) => value(ProcessMetrics.callDuration, { "rpc.method": `test/Worker/${method}` })
      const before = (yield* took("double")).count
      for (let n = 0; n < 10; n++) yield* worker.double({ n })
      yield* Effect.flip(worker.double({ n: -1 }))
      const doubles = yield* took("double")
      assert.strictEqual(doubles.count - before, 11)
      assert.strictEqual(doubles.buckets.at(-1)![1] - before, 11, "none took more than ten seconds")
      assert.isBelow(doubles.min, 1)

      const waiting = yield* Effect.forkChild(worker.waitFor({ file: `${dir}/go` }))
      yield* Testing.waitUntil(Effect.map(value(ProcessMetrics.callsInFlight), ({ value }) => value === 1))
      yield* Fiber.interrupt(waiting)
      assert.strictEqual((yield* value(ProcessMetrics.callsInFlight)).value, 0)
      assert.isAtLeast((yield* took("waitFor")).count, 1, "an interrupted call has ended too")

      // What the library asks of the child is none of the user's calls.
      yield* (yield* Process.activeChildren)[0]!.metrics
      const methods = (yield* Metric.snapshot).flatMap(({ attributes }) => attributes?.["rpc.method"] ?? [])
      assert.include(methods, "test/Worker/double")
      assert.deepStrictEqual(methods.filter((method) => method.includes("Remote/Child")), [])
    })
  )

  counted(
    "that a peer does not read are unsent bytes",
    Effect.gen(function*() {
      yield* Layer.build(ProcessLayer.make({ module, services: [Worker] })).pipe(
        Effect.flatMap((context) =>
          Effect.gen(function*() {
            const worker = yield* Worker
            const [child] = yield* Process.activeChildren
            assert.strictEqual((yield* value(ProcessMetrics.unsentBytes, { unit: "By" })).value, 0)
            const frozen = yield* Scope.make()
            yield* Testing.freeze(child!.pid).pipe(Scope.provide(frozen))
            const sent = yield* Effect.forkChild(worker.bytes({ data: new Uint8Array(32 << 20) }))
            yield* Testing.waitUntil(Effect.map(value(ProcessMetrics.unsentBytes), ({ value }) => value > 0))
            yield* Scope.close(frozen, Exit.void)
            yield* Fiber.join(sent)
            assert.strictEqual((yield* value(ProcessMetrics.unsentBytes)).value, 0)
          }).pipe(Effect.provide(context))
        )
      )
    })
  )
})

it.live("a child counts for itself", () =>
  Effect.gen(function*() {
    const ready = yield* Effect.map(folder, (dir) => `${dir}/leaf`)
    const parent = yield* Process.start(Work.nest, { generations: 1, folder: ready.slice(0, -5), busy: false })
    yield* Testing.waitUntil(() => existsSync(ready))
    const ofParent = yield* parent.metrics
    const ready_ = ofParent.find(({ attributes, id }) =>
      id === "effect_multiprocessing_processes" && attributes?.state === "ready"
    )
    assert.deepStrictEqual(ready_?.state, { value: 1 })
  }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))

it.live("stay registered when the Spawner has gone, once in a registry", () =>
  Effect.gen(function*() {
    const start = Effect.provide(Effect.flatMap(Process.start(Work.ping), ({ join }) => join), ProcessLayer.spawn)
    yield* Effect.scoped(start)
    const first = yield* Metric.snapshot
    yield* Effect.scoped(start)
    const second = yield* Metric.snapshot
    assert.deepStrictEqual(
      second.map(({ id, attributes }) => [id, attributes]),
      first.map(({ id, attributes }) => [id, attributes])
    )
    assert.strictEqual((yield* Metric.value(ProcessMetrics.starts)).count, 2)
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

it.effect("a program without a Spawner registers them by a Layer", () =>
  Effect.gen(function*() {
    const ids = (yield* Metric.snapshot).map(({ id }) => id)
    assert.includeMembers(ids, ["effect_multiprocessing_sessions", "effect_multiprocessing_calls_in_flight"])
  }).pipe(Effect.provide(ProcessMetrics.layer), Effect.provideService(Metric.MetricRegistry, new Map())))
