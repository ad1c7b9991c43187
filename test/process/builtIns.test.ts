/** What the library serves in every child, beside the module. */
import { assert, describe } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as Process from "effect-multiprocessing/Process"
import * as Remote from "effect-multiprocessing/Remote"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import { existsSync } from "node:fs"
import { metered } from "../fixtures/process/metered.ts"
import { spin } from "../fixtures/process/work.ts"
import { folder, spawned } from "../support/spawned.ts"

const ofTheTest = (snapshots: ReadonlyArray<Metric.Metric.Snapshot>) =>
  Object.fromEntries(snapshots.filter(({ id }) => id.startsWith("test_")).map((snapshot) => [snapshot.id, snapshot]))

describe("a child's metrics", () => {
  spawned(
    "are what its own registry has, of every type",
    Effect.gen(function*() {
      const ready = `${yield* folder}/ready`
      const child = yield* Process.start(metered, { ready })
      yield* Testing.waitUntil(() => existsSync(ready))
      const metrics = ofTheTest(yield* child.metrics)
      assert.deepStrictEqual(metrics.test_count, {
        id: "test_count",
        type: "Counter",
        description: "so many",
        attributes: { kind: "plain" },
        state: { count: 3, incremental: false }
      })
      const states = Object.fromEntries(Object.entries(metrics).map(([id, { state }]) => [id, state]))
      assert.deepStrictEqual(states, {
        test_count: { count: 3, incremental: false },
        test_large: { count: 2n ** 70n, incremental: true },
        test_level: { value: Number.POSITIVE_INFINITY },
        test_words: { occurrences: new Map([["one", 1]]) },
        test_sizes: { buckets: [[1, 1], [10, 2]], count: 3, min: 0, max: 50, sum: 55 },
        test_empty: { buckets: [[1, 0]], count: 0, min: Number.MAX_VALUE, max: -Number.MAX_VALUE, sum: 0 },
        test_times: { quantiles: [[0.5, 7]], count: 1, min: 7, max: 7, sum: 7 },
        test_never: { quantiles: [[0.5, undefined]], count: 0, min: Number.MAX_VALUE, max: -Number.MAX_VALUE, sum: 0 }
      })
      const [same] = yield* Process.activeChildren
      assert.deepStrictEqual(ofTheTest(yield* same!.metrics), metrics)
      yield* child.kill
      yield* child.sentinel
      const gone = yield* Effect.flip(child.metrics)
      assert.strictEqual(gone.reason._tag, "ProcessExited")
    })
  )

  spawned(
    "can be had of a manager",
    Effect.gen(function*() {
      yield* Layer.build(Manager.layer())
      const [manager] = yield* Process.activeChildren
      assert.isArray(yield* manager!.metrics)
    })
  )

  spawned(
    "are not worth a busy child's life",
    Effect.gen(function*() {
      const ready = `${yield* folder}/ready`
      const child = yield* Process.start(spin, { ready }, { forceAfter: "1 millis", closeTimeout: 0, killTimeout: 0 })
      yield* Testing.waitUntil(() => existsSync(ready))
      for (let i = 0; i < 3; i++) assert.isTrue(Option.isNone(yield* Effect.timeoutOption(child.metrics, "20 millis")))
      assert.isTrue(Option.isNone(yield* child.joinWithin("100 millis")), "killed for a question")
    })
  )
})

spawned(
  "no user's declaration can have the id of one of them",
  Effect.sync(() =>
    assert.throws(() => Remote.Service()("effect-multiprocessing/Remote/Child", { metrics: {} }), /ids do not begin/)
  )
)
