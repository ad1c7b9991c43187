/** The tree of processes as data. */
import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as Remote from "effect-multiprocessing/Remote"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import * as ProcessUsage from "../../src/guard/internal/processUsage.ts"
import { hold, nest, ping } from "../fixtures/process/work.ts"
import { folder, spawned } from "../support/spawned.ts"

/** for those who must answer, on a busy machine too */
const patient = { timeout: "20 seconds" } as const

/** A process, in which one, in which one. */
const nested = (busy: boolean) =>
  Effect.gen(function*() {
    const dir = yield* folder
    const child = yield* Process.start(nest, { generations: 2, folder: dir, busy }, { forceAfter: 0, closeTimeout: 0 })
    yield* Testing.waitUntil(() => existsSync(`${dir}/leaf`))
    return child
  })

/** What is below this process is below its only child. */
const generations = (tree: Process.Tree): ReadonlyArray<Process.Tree> => [
  tree,
  ...tree.children.flatMap((child, i) => i === 0 ? generations(child) : [])
]

const states = (tree: Process.Tree) => generations(tree).map(({ state }) => state)

describe("Process.tree", () => {
  spawned(
    "has all generations, and what each of them uses",
    Effect.gen(function*() {
      const child = yield* nested(false)
      const tree = yield* Process.treeWith(patient)
      const all = generations(tree)
      const { name, pid } = yield* Process.currentProcess
      assert.deepStrictEqual(all.map(({ name }) => name), [name, "test/nest-1", "test/nest-1:1", "test/nest-1:1:1"])
      assert.deepStrictEqual([all[0]!.pid, all[1]!.pid], [pid, child.pid])
      assert.includeMembers([...Testing.descendantsUnsafe(pid)], all.slice(1).map(({ pid }) => pid))
      assert.deepStrictEqual(states(tree), ["ready", "ready", "ready", "ready"])
      assert.deepStrictEqual(all.map(({ callsInFlight }) => callsInFlight), [0, 1, 1, 1])
      assert.deepStrictEqual(all.map(({ children }) => children.length), [1, 1, 1, 0])
      for (const { age, cpuTime, privateBytes, residentBytes, stopped } of all) {
        assert.isFalse(stopped)
        assert.isAbove(cpuTime!, 0)
        assert.isAbove(residentBytes!, 10 << 20)
        assert.isAbove(privateBytes!, 1 << 20)
        assert.isAtMost(privateBytes!, residentBytes!)
        assert.isBelow(age!, performance.now() + 3_600_000, "milliseconds, since its start")
      }
      const ages = all.map(({ age }) => age!)
      assert.deepStrictEqual(ages, ages.toSorted((a, b) => b - a), "parents are older")
    })
  )

  spawned(
    "shows a busy process by what the system says of it",
    Effect.gen(function*() {
      yield* nested(true)
      const before = generations(yield* Process.treeWith({ timeout: "2 seconds" }))
      assert.deepStrictEqual(before.map(({ state }) => state), ["ready", "ready", "ready", "unresponsive"])
      assert.isFalse(before[3]!.stopped)
      yield* Testing.waitUntil(Effect.map(Process.treeWith({ timeout: "2 seconds" }), (tree) => {
        const after = generations(tree)[3]!
        return after.cpuTime! > before[3]!.cpuTime! + 50
      }))
    })
  )

  spawned(
    "shows a stopped process, and those below it by what the system says",
    Effect.gen(function*() {
      const child = yield* nested(false)
      const before = generations(yield* Process.treeWith(patient))
      const frozen = yield* Scope.make()
      yield* Scope.provide(Testing.freeze(child.pid), frozen)
      const during = yield* Process.treeWith({ timeout: "100 millis" })
      assert.deepStrictEqual(states(during), ["ready", "unresponsive", "unknown", "unknown"])
      assert.isTrue(generations(during)[1]!.stopped)
      const names = (all: ReadonlyArray<Process.Tree>) => all.map(({ name, pid }) => [name, pid])
      assert.deepStrictEqual(names(generations(during)), names(before))
      yield* Scope.close(frozen, Exit.void)
      yield* Testing.waitUntil(Effect.map(Process.tree, (tree) => states(tree).join() === "ready,ready,ready,ready"))
    })
  )

  spawned(
    "a process that is killed is not in it, nor what was below it",
    Effect.gen(function*() {
      yield* nested(false)
      const [, , middle, leaf] = generations(yield* Process.treeWith(patient))
      const asked = yield* Effect.forkChild(Effect.forever(Process.treeWith({ timeout: "50 millis" })))
      yield* Testing.kill(middle!.pid)
      yield* Testing.waitUntil(Effect.map(Process.tree, (tree) => states(tree).join() === "ready,ready"))
      yield* Testing.waitUntil(Effect.map(Testing.isAlive(leaf!.pid), (alive) => !alive))
      yield* Fiber.interrupt(asked)
    })
  )

  spawned(
    "shows who is about to begin and who is about to end",
    Effect.gen(function*() {
      const dir = yield* folder
      const late = Remote.fn("test/ping", { module: new URL("../fixtures/broken/neverReady.live.ts", import.meta.url) })
      const scope = yield* Scope.make()
      const held = yield* Scope.provide(
        Process.start(hold, { ready: `${dir}/ready`, released: `${dir}/released` }, { name: "held" }),
        scope
      )
      yield* Testing.waitUntil(() => existsSync(`${dir}/ready`))
      yield* Effect.forkChild(Process.start(late, { name: "late", argv: ["layer", `${dir}/stuck`] }))
      yield* Testing.waitUntil(() => existsSync(`${dir}/stuck`))
      const frozen = yield* Scope.make()
      yield* Scope.provide(Testing.freeze(held.pid), frozen)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      const { children } = yield* Process.tree
      assert.deepStrictEqual(children.map(({ name, state, stopped }) => [name, state, stopped]), [
        ["held", "ending", true],
        ["late", "starting", false]
      ])
      yield* Scope.close(frozen, Exit.void)
      yield* Fiber.join(closing)
    })
  )

  it.live("has this process alone where there is no Spawner", () =>
    Effect.map(
      Process.tree,
      ({ children, pid, state }) => assert.deepStrictEqual([pid, state, children], [process.pid, "ready", []])
    ))
})

spawned(
  "the metrics of all children, without those of a busy one",
  Effect.gen(function*() {
    const dir = yield* folder
    const held = yield* Process.start(hold, { ready: `${dir}/ready`, released: `${dir}/released` })
    const stopped = yield* Process.start(hold, { ready: `${dir}/ready.2`, released: `${dir}/released.2` })
    yield* Testing.freeze(stopped.pid)
    const metrics = yield* Process.childrenMetrics
    assert.deepStrictEqual([...metrics.keys()], [held.pid])
    assert.isAbove(metrics.get(held.pid)!.length, 3)
    yield* (yield* Process.start(ping)).join
  })
)

describe("what the system says", () => {
  it("of processes that are not there is nothing", async () => {
    const gone = 4_000_000
    assert.isUndefined(ProcessTable.read(gone))
    const usages = await ProcessUsage.read([process.pid, gone])
    assert.deepStrictEqual([...usages.keys()], [process.pid])
  })

  it("macOS says in words like these", () => {
    const usage = { privateBytes: undefined, residentBytes: 2048 * 1024 }
    assert.deepStrictEqual(ProcessUsage.parsePs("  501 T+     2048   0:01.50   2-03:00:04"), [501, {
      ...usage,
      age: ((2 * 24 + 3) * 3600 + 4) * 1000,
      cpuTime: 1500,
      stopped: true
    }])
    assert.deepStrictEqual(ProcessUsage.parsePs("7 Ss 2048 61:01.00 01:02"), [7, {
      ...usage,
      age: 62_000,
      cpuTime: 3_661_000,
      stopped: false
    }])
  })
})
