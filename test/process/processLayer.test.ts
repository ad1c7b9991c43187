import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Remote from "effect-multiprocessing/Remote"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Testing from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { existsSync, writeFileSync } from "node:fs"
import { keep, Keeper, Vault } from "../fixtures/process/sealed.ts"
import { double, Refused, Worker } from "../fixtures/process/work.ts"
import { folder, rounds } from "../support/spawned.ts"

const module = new URL("../fixtures/process/work.live.ts", import.meta.url)

const hosted = <A, E>(
  name: string,
  options: Partial<ProcessLayer.Options<readonly [typeof Worker]>>,
  test: (worker: Worker["Service"]) => Effect.Effect<A, E, Layer.Success<typeof ProcessLayer.spawn>>
) =>
  it.live(name, () =>
    Effect.flatMap(Worker, test).pipe(
      Effect.provide(ProcessLayer.make({ module, services: [Worker], ...options })),
      Effect.provide(ProcessLayer.spawn)
    ))

const exitOf = (error: unknown) => {
  assert.instanceOf(error, RemoteError)
  assert.strictEqual(error.reason._tag, "ProcessExited", error.message)
  return error.reason as Extract<RemoteError["reason"], { readonly _tag: "ProcessExited" }>
}

/** A pid other than those: the replacement stands. */
const replaced = (worker: Worker["Service"], old: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const pid = yield* worker.pid()
    assert.notInclude(old, pid)
    return pid
  })

describe("ProcessLayer.make", () => {
  hosted("hosts a service in another process, with its errors and streams", {}, (worker) =>
    Effect.gen(function*() {
      assert.notStrictEqual(yield* worker.pid(), process.pid)
      assert.strictEqual(yield* worker.double({ n: 4 }), 8)
      assert.deepStrictEqual(yield* Effect.flip(worker.double({ n: -4 })), new Refused({ why: "negative" }))
      assert.deepStrictEqual(yield* Stream.runCollect(worker.count({ to: 5 })), [1, 2, 3, 4, 5])
      const data = new Uint8Array(3 << 20).map((_, i) => i * 7)
      for (let i = 0; i < 3; i++) {
        const echoed = yield* worker.bytes({ data })
        assert.deepStrictEqual(echoed, data)
        yield* Remote.giveBack(echoed)
        assert.strictEqual(echoed.length, 0)
      }
    }))

  it.live("hosts functions, too", () =>
    double.call({ n: 5 }).pipe(
      Effect.map((n) => assert.strictEqual(n, 10)),
      Effect.provide(ProcessLayer.make({ module, services: [double] })),
      Effect.provide(ProcessLayer.spawn)
    ))

  hosted("a payload that does not fit fails before it is sent", {}, (worker) =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(worker.double({ n: 0.5 })) as Effect.Effect<RemoteError>
      assert.strictEqual(reason._tag, "EncodeFailed")
      assert.strictEqual(yield* worker.double({ n: 1 }), 2)
    }))

  hosted("spreads calls over its children", { size: 3 }, (worker) =>
    Effect.gen(function*() {
      const dir = yield* folder
      const waiting = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 6 }, () => worker.waitFor({ file: `${dir}/go` })), {
          concurrency: "unbounded"
        })
      )
      const pids = (yield* Process.activeChildren).map(({ pid }) => pid)
      assert.strictEqual(pids.length, 3)
      writeFileSync(`${dir}/go`, "")
      const answered = yield* Fiber.join(waiting)
      for (const pid of pids) assert.strictEqual(answered.filter((each) => each === pid).length, 2)
    }).pipe(Effect.scoped))

  hosted(
    "calls with one key go to one child",
    { size: 4, key: (call) => call.method === "double" ? call.payload.n : "same" },
    (worker) =>
      Effect.gen(function*() {
        const pids = yield* Effect.all(Array.from({ length: 20 }, () => worker.pid()), { concurrency: "unbounded" })
        assert.strictEqual(new Set(pids).size, 1)
      })
  )

  it.live("the Schemas of each side find their services where that side provides them", () =>
    Effect.gen(function*() {
      const keeper = yield* Keeper
      const kept = (text: string) => `parent-opened(child-sealed(child-opened(parent-sealed(${text}))))`
      assert.strictEqual(yield* keeper.keep({ secret: "gold" }), kept("gold"))
      assert.strictEqual(yield* Effect.flip(keeper.keep({ secret: "nothing" })), kept("nothing"))
      assert.deepStrictEqual(yield* Stream.runCollect(keeper.each({ secret: "tin" })), [kept("tin"), kept("tin")])
      assert.strictEqual(yield* keep.call({ secret: "oil" }), kept("oil"))
    }).pipe(
      Effect.provide(ProcessLayer.make({
        module: new URL("../fixtures/process/sealed.live.ts", import.meta.url),
        services: [Keeper, keep]
      })),
      Effect.provide(ProcessLayer.spawn),
      Effect.provideService(Vault, {
        seal: (text) => `parent-sealed(${text})`,
        open: (text) => `parent-opened(${text})`
      })
    ))

  for (const size of [0, -1, 1.5, Number.NaN]) {
    it.live(`refuses a size of ${size}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(
          ProcessLayer.make({ module, services: [Worker], size }).pipe(Layer.provide(ProcessLayer.spawn))
        )))
        assert.strictEqual(error.reason._tag, "InvalidOption")
      }))
  }

  it.live("is not built when one of its children cannot start, and leaves none", () =>
    Effect.gen(function*() {
      const nowhere = new URL("./nowhere.ts", import.meta.url)
      const error = yield* Effect.flip(Effect.scoped(Layer.build(
        ProcessLayer.make({ module: nowhere, services: [Worker], size: 3 })
      )))
      assert.strictEqual(error.reason._tag, "ModuleNotFound")
      assert.deepStrictEqual(yield* Process.activeChildren, [])
    }).pipe(Effect.provide(ProcessLayer.spawn)))
})

describe("a ProcessLayer that has closed", () => {
  const used = (test: (worker: Worker["Service"], scope: Scope.Closeable) => Effect.Effect<void, unknown, Spawner>) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(ProcessLayer.make({ module, services: [Worker] }), scope)
      yield* test(Context.get(context, Worker), scope)
    }).pipe(Effect.provide(ProcessLayer.spawn))

  const closedTag = (error: unknown) => assert.strictEqual((error as RemoteError).reason._tag, "SessionClosed")

  it.live("fails calls and streams at once", () =>
    used((worker, scope) =>
      Effect.gen(function*() {
        yield* worker.pid()
        yield* Scope.close(scope, Exit.void)
        closedTag(yield* Effect.flip(worker.pid()))
        closedTag(yield* Effect.flip(Stream.runDrain(worker.count({ to: 3 }))))
      })
    ))

  it.live("fails those that wait for a replacement, and starts none", () =>
    used((worker, scope) =>
      Effect.gen(function*() {
        exitOf(yield* Effect.flip(worker.exit({ code: 3 })))
        const waiting = yield* Effect.forkDetach(Effect.flip(worker.pid()), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        closedTag(yield* Fiber.join(waiting))
        assert.deepStrictEqual(yield* Process.activeChildren, [])
      })
    ))
})

describe("a child that dies", () => {
  hosted("fails its calls with its exit, and is replaced", {}, (worker) =>
    Effect.gen(function*() {
      const pid = yield* worker.pid()
      const exited = exitOf(yield* Effect.flip(worker.exit({ code: 3 })))
      assert.deepStrictEqual([exited.pid, exited.exitCode], [pid, 3])
      yield* replaced(worker, [pid])
    }))

  hosted("is replaced again and again, if each has answered", {}, (worker) =>
    Effect.gen(function*() {
      const pids: Array<number> = []
      for (let round = 0; round < 3; round++) {
        pids.push(yield* replaced(worker, pids))
        exitOf(yield* Effect.flip(worker.exit({ code: 0 })))
      }
    }))

  hosted("is given up when its replacement dies unused", {}, (worker) =>
    Effect.gen(function*() {
      exitOf(yield* Effect.flip(worker.exit({ code: 3 })))
      exitOf(yield* Effect.flip(worker.exit({ code: 4 })))
      const error = yield* Effect.flip(worker.pid())
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.include(error.message, "exited with 4")
    }))

  for (let round = 1; round <= rounds(10, 100); round++) {
    hosted(`takes exactly its own calls with it (round ${round})`, { size: 4 }, (worker) =>
      Effect.gen(function*() {
        const dir = yield* folder
        const calls = yield* Effect.forEach(
          Array.from({ length: 32 }, (_, i) => i),
          () => Effect.forkChild(worker.waitFor({ file: `${dir}/go` }), { startImmediately: true })
        )
        const victims = yield* Process.activeChildren
        const victim = victims[round % 4]!.pid
        yield* Testing.kill(victim)
        const failed = yield* Testing.waitUntil(() =>
          calls.filter((call) => call.pollUnsafe() !== undefined).length === 8
        )
        void failed
        writeFileSync(`${dir}/go`, "")
        const exits = yield* Effect.forEach(calls, Fiber.await)
        const lost = exits.flatMap((exit) => Exit.isFailure(exit) ? [exitOf(findError(exit))] : [])
        assert.strictEqual(lost.length, 8)
        for (const exited of lost) assert.deepStrictEqual([exited.pid, exited.signal], [victim, "SIGKILL"])
        for (const exit of exits) if (Exit.isSuccess(exit)) assert.notStrictEqual(exit.value, victim)
      }).pipe(Effect.scoped))
  }
})

const findError = (exit: Exit.Exit<unknown, unknown>): unknown => {
  const error = Exit.findErrorOption(exit)
  assert.strictEqual(error._tag, "Some")
  return (error as { readonly value: unknown }).value
}

describe("an interrupted call", () => {
  hosted(
    "has run its finalizers when the interrupt returns, 500 times at once",
    {},
    (worker) =>
      Effect.gen(function*() {
        const dir = yield* folder
        const calls = yield* Effect.forEach(
          Array.from({ length: 500 }, (_, id) => id),
          (id) => Effect.forkChild(worker.hold({ folder: dir, id }), { startImmediately: true })
        )
        yield* Testing.waitUntil(() => existsSync(`${dir}/ready.499`))
        yield* Fiber.interruptAll(calls)
        assert.strictEqual(yield* worker.released(), 500)
      }).pipe(Effect.scoped)
  )

  hosted("a stream that is let go stops its producer", {}, (worker) =>
    Effect.gen(function*() {
      const taken = yield* worker.count({ to: 1_000_000_000 }).pipe(Stream.take(10), Stream.runCollect)
      assert.strictEqual(taken.length, 10)
      const produced = yield* worker.produced()
      assert.strictEqual(yield* worker.produced(), produced, "it has stopped")
      assert.isBelow(produced, 100_000, "it never ran far ahead")
    }))
})

describe("one program, two Layers", () => {
  const program = Effect.flatMap(Worker, (worker) =>
    Effect.all([
      worker.double({ n: 2 }),
      Effect.flip(worker.double({ n: -2 })),
      Stream.runCollect(worker.count({ to: 3 })),
      Effect.map(Effect.flip(worker.double({ n: 0.5 })), (error) => (error as RemoteError).reason._tag)
    ]))

  it.live("in-process and in a child give the same", () =>
    Effect.gen(function*() {
      const live = (yield* Effect.promise(() => import("../fixtures/process/work.live.ts"))).default as Layer.Layer<
        Worker
      >
      const here = yield* Effect.provide(program, live)
      const there = yield* program.pipe(
        Effect.provide(ProcessLayer.make({ module, services: [Worker] })),
        Effect.provide(ProcessLayer.spawn)
      )
      assert.deepStrictEqual(there, here)
    }))
})
