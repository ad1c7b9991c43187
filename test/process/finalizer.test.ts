import { assert, describe, it } from "@effect/vitest"
import * as Finalizer from "effect-multiprocessing/Finalizer"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Testing from "effect-multiprocessing/testing"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Work from "../fixtures/process/work.ts"
import { folder, rounds } from "../support/spawned.ts"
import { until } from "../support/until.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const exists = (path: string) => Testing.waitUntil(() => existsSync(path))

/** Runs a program, and then the exit; gives the report and what was logged. */
const ending = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  options: Finalizer.Options = {}
): Effect.Effect<
  { readonly exit: Exit.Exit<A, E>; readonly report: Finalizer.Report; readonly logs: ReadonlyArray<string> },
  never,
  Exclude<R, Finalizer.Finalizer>
> =>
  Effect.gen(function*() {
    const logs: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ cause, message }) => {
        logs.push(
          [...(message as ReadonlyArray<string>), ...cause.reasons.map(() => String(Cause.squash(cause)))].join(": ")
        )
      })
    ])
    let report: Finalizer.Report | undefined
    const layer = Finalizer.layer({ ...options, onReport: (given) => Effect.sync(() => report = given) })
    const exit = yield* Effect.exit(program.pipe(Effect.provide(Layer.provide(layer, logger))))
    return { exit, report: report!, logs }
  })

const summary = ({ finalizers }: Finalizer.Report): ReadonlyArray<string> =>
  finalizers.map(({ name, outcome }) => `${name} ${outcome._tag}`)

describe("finalizers", () => {
  it.live("run at the exit by priority, the last one first among equals", () =>
    Effect.gen(function*() {
      const ran: Array<string> = []
      const add = (name: string, exitPriority?: number) =>
        Finalizer.register(Effect.sync(() => ran.push(name)), { name, exitPriority })
      const { report } = yield* ending(Effect.gen(function*() {
        yield* add("a", 0)
        yield* add("b", -5)
        yield* add("c", 15)
        yield* add("d", 0)
        yield* add("e")
        yield* add("f", -100)
        yield* add("g", 0.5)
      }))
      assert.deepStrictEqual(ran, ["c", "g", "d", "a", "b", "f"])
      assert.deepStrictEqual(summary(report), ran.map((name) => `${name} Done`))
      assert.deepStrictEqual(report.finalizers.map(({ exitPriority }) => exitPriority), [15, 0.5, 0, 0, -5, -100])
      assert.isFalse(report.forced)
      assert.deepStrictEqual(report.signal, Option.none())
    }))

  for (
    const [how, program] of [
      ["fails", Effect.fail("no")],
      ["dies", Effect.die("no")],
      ["is interrupted", Effect.interrupt]
    ] as const
  ) {
    it.live(`run when the program ${how}`, () =>
      Effect.gen(function*() {
        const { exit, report } = yield* ending(
          Effect.andThen(Finalizer.register(Effect.void, { name: "a", exitPriority: 0 }), program)
        )
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(summary(report), ["a Done"])
      }))
  }

  it.live("run at most once", () =>
    Effect.gen(function*() {
      const ran: Array<string> = []
      let last: Finalizer.Handle<number>
      const { report } = yield* ending(Effect.gen(function*() {
        const byHand = yield* Finalizer.register(Effect.sync(() => ran.push("byHand")), { exitPriority: 0 })
        assert.isTrue(yield* byHand.stillActive)
        assert.deepStrictEqual(yield* byHand.run, Option.some(1))
        assert.isFalse(yield* byHand.stillActive)
        assert.deepStrictEqual(yield* byHand.run, Option.none())
        assert.isFalse(yield* byHand.cancel)
        const cancelled = yield* Finalizer.register(Effect.sync(() => ran.push("cancelled")), { exitPriority: 0 })
        assert.isTrue(yield* cancelled.cancel)
        assert.isFalse(yield* cancelled.cancel)
        assert.deepStrictEqual(yield* cancelled.run, Option.none())
        const failing = yield* Finalizer.register(Effect.fail("no"), { exitPriority: 0 })
        assert.strictEqual(yield* Effect.flip(failing.run), "no")
        assert.isFalse(yield* failing.stillActive)
        last = yield* Finalizer.register(Effect.sync(() => ran.push("last")), { name: "last", exitPriority: 0 })
      }))
      assert.deepStrictEqual(ran, ["byHand", "last"])
      assert.deepStrictEqual(summary(report), ["last Done"])
      assert.isFalse(yield* last!.stillActive)
      assert.deepStrictEqual(yield* last!.run, Option.none())
      assert.deepStrictEqual(ran, ["byHand", "last"])
    }))

  it.live("are not stopped by one that fails or dies, which is logged", () =>
    Effect.gen(function*() {
      const { exit, logs, report } = yield* ending(Effect.gen(function*() {
        yield* Finalizer.register(Effect.void, { name: "fine", exitPriority: 1 })
        yield* Finalizer.register(Effect.fail("out of order"), { name: "failing", exitPriority: 3 })
        yield* Finalizer.register(Effect.die(new Error("a bug")), { name: "dying", exitPriority: 2 })
        return 1
      }))
      assert.deepStrictEqual(exit, Exit.succeed(1))
      assert.deepStrictEqual(summary(report), ["failing Failed", "dying Failed", "fine Done"])
      const [failing, dying] = report.finalizers.map(({ outcome }) => outcome)
      assert(failing?._tag === "Failed" && dying?._tag === "Failed")
      assert.strictEqual(Cause.squash(failing.cause), "out of order")
      assert.strictEqual(String(Cause.squash(dying.cause)), "Error: a bug")
      assert.deepStrictEqual(logs, [
        "failing, a finalizer, failed: out of order",
        "dying, a finalizer, failed: Error: a bug"
      ])
    }))

  it.live("that hang are interrupted, and leave time for the others", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const never = yield* Deferred.make<void>()
      const { logs, report } = yield* ending(
        Effect.gen(function*() {
          yield* Finalizer.register(Effect.void, { name: "last", exitPriority: -1 })
          yield* Finalizer.register(Effect.sleep("1 millis"), { name: "short", exitPriority: 0 })
          yield* Finalizer.register(Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)), {
            name: "hanging",
            exitPriority: 2
          })
          yield* Finalizer.register(Effect.uninterruptible(Deferred.await(never)), { name: "deaf", exitPriority: 1 })
        }),
        { deadline: "2 seconds" }
      )
      assert.deepStrictEqual(summary(report), ["hanging Late", "deaf Late", "short Done", "last Done"])
      assert.strictEqual(interrupted, 1)
      assert.deepStrictEqual(logs, ["At the exit, not in time: hanging; deaf"])
      yield* Deferred.succeed(never, undefined)
    }))

  it.live("that are added during the exit run, too", () =>
    Effect.gen(function*() {
      const ran: Array<string> = []
      let handle: Finalizer.Handle<number>
      const add = (name: string, exitPriority?: number) =>
        Finalizer.register(Effect.sync(() => ran.push(name)), { name, exitPriority })
      const { report } = yield* ending(Effect.gen(function*() {
        const addLate = Effect.gen(function*() {
          yield* add("higher", 7)
          yield* add("lower", -7)
          handle = yield* add("never")
        })
        yield* Finalizer.register(addLate, { name: "first", exitPriority: 2 })
        yield* add("second", 1)
      }))
      assert.deepStrictEqual(ran, ["second", "higher", "lower"])
      assert.deepStrictEqual(summary(report), ["first Done", "second Done", "higher Done", "lower Done"])
      assert.isFalse(yield* handle!.stillActive)
    }))

  it.live("that are added after the exit run at once, if they would have run at the exit", () =>
    Effect.gen(function*() {
      const ran: Array<string> = []
      const { exit } = yield* ending(Finalizer.Finalizer)
      assert(Exit.isSuccess(exit))
      const { register } = exit.value
      const late = yield* register(Effect.sync(() => ran.push("late")), { exitPriority: 0 })
      assert.deepStrictEqual(ran, ["late"])
      assert.isFalse(yield* late.stillActive)
      yield* register(Effect.die("logged"), { exitPriority: 0 })
      const byHand = yield* register(Effect.sync(() => ran.push("byHand")))
      assert.deepStrictEqual(yield* byHand.run, Option.none())
    }).pipe(Effect.provide(Logger.layer([]))))

  it.live("know whether it is the exit", () =>
    Effect.gen(function*() {
      const seen: Array<boolean> = []
      const look = Effect.map(Finalizer.isExiting, (is) => void seen.push(is))
      yield* ending(Effect.gen(function*() {
        const now = yield* Finalizer.register(look)
        yield* Finalizer.register(look, { exitPriority: 0 })
        yield* now.run
      }))
      assert.deepStrictEqual(seen, [false, true])
    }))

  it.live("may be added, run and cancelled by many while objects are collected and the exit goes on", () =>
    Effect.gen(function*() {
      const count = rounds(2_000, 50_000)
      const times = new Map<number, number>()
      const expected = new Set<number>()
      const { report } = yield* ending(
        Effect.forEach(Array.from({ length: count }, (_, i) => i), (i) =>
          Effect.gen(function*() {
            const run = Effect.andThen(Effect.yieldNow, Effect.sync(() => times.set(i, (times.get(i) ?? 0) + 1)))
            // A cycle, which only the collector finds.
            const object: { self?: unknown } = {}
            object.self = object
            const handle = yield* Finalizer.register(run, { exitPriority: i % 100, ...(i % 2 === 0 && { object }) })
            yield* Effect.yieldNow
            if (i % 3 === 0 && (yield* handle.cancel)) return
            expected.add(i)
            if (i % 3 === 1) yield* Effect.forkDetach(handle.run)
            if (i % 500 === 0) collect()
          }), { concurrency: 50, discard: true }),
        { deadline: "1 minute" }
      )
      yield* until(() => times.size === expected.size)
      assert.deepStrictEqual(new Set(times.keys()), expected)
      assert.deepStrictEqual(new Set(times.values()), new Set([1]))
      assert.isAbove(report.finalizers.length, count / 6)
    }).pipe(Effect.provide(Logger.layer([]))))
})

describe("a finalizer with an object", () => {
  const forgotten = (options: Finalizer.RegisterOptions, ran: Array<string>) =>
    Finalizer.register(Effect.sync(() => ran.push(options.name!)), { ...options, object: {} })

  it.live("runs when it is collected, which is logged", () =>
    Effect.gen(function*() {
      const ran: Array<string> = []
      const { logs, report } = yield* ending(Effect.gen(function*() {
        const kept = {}
        yield* forgotten({ name: "plain" }, ran)
        yield* forgotten({ name: "withPriority", exitPriority: 1 }, ran)
        yield* Finalizer.register(Effect.sync(() => ran.push("kept")), { name: "kept", object: kept })
        yield* Testing.waitUntil(() => {
          collect()
          return ran.length === 2
        })
        assert.isObject(kept)
      }))
      assert.deepStrictEqual(ran.toSorted(), ["plain", "withPriority"])
      assert.deepStrictEqual(report.finalizers, [])
      assert.deepStrictEqual(logs.toSorted(), [
        "plain, a finalizer, was forgotten: its object has been collected. It runs now.",
        "withPriority, a finalizer, was forgotten: its object has been collected. It runs now."
      ])
    }))

  it.live("does not when it has been run or cancelled", () =>
    Effect.gen(function*() {
      const ran: Array<string> = []
      const { logs } = yield* ending(Effect.gen(function*() {
        yield* (yield* forgotten({ name: "run" }, ran)).run
        yield* (yield* forgotten({ name: "cancelled" }, ran)).cancel
        yield* forgotten({ name: "witness" }, ran)
        yield* Testing.waitUntil(() => {
          collect()
          return ran.includes("witness")
        })
      }))
      assert.deepStrictEqual(ran, ["run", "witness"])
      assert.lengthOf(logs, 1)
    }))

  it.live("is waited for at the exit when it runs, and its failure is logged", () =>
    Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const slow = Effect.andThen(
        Deferred.succeed(begun, undefined),
        Effect.andThen(Deferred.await(go), Effect.die("no"))
      )
      const fiber = yield* Effect.forkChild(ending(Effect.gen(function*() {
        yield* Finalizer.register(slow, { name: "slow", object: {} })
        yield* Finalizer.register(Effect.asVoid(Deferred.succeed(go, undefined)), { exitPriority: -1 })
        yield* Effect.raceFirst(
          Deferred.await(begun),
          Effect.forever(Effect.andThen(Effect.sync(collect), Effect.sleep("1 millis")))
        )
      })))
      const { logs } = yield* Fiber.join(fiber)
      assert.strictEqual(logs.at(-1), "slow, a finalizer, failed: no")
    }))
})

describe("children at the exit", () => {
  /** A child of a Scope that nobody closes before the exit. */
  const started = (dir: string, name: string, options?: Process.ChildOptions) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const steps = { ready: `${dir}/${name}.ready`, released: `${dir}/${name}.released` }
      const process = yield* Scope.provide(Process.start(Work.hold, steps, { name, ...options }), scope)
      yield* exists(steps.ready)
      return process
    })

  it.live("end between the finalizers: daemons are ended, then others are waited for", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const events: Array<string> = []
      const { report } = yield* ending(Effect.gen(function*() {
        const daemon = yield* started(dir, "daemon")
        const worker = yield* started(dir, "worker", { daemon: false })
        const state = Effect.gen(function*() {
          return `daemon ${yield* daemon.isAlive}, worker ${yield* worker.isAlive}`
        })
        const note = (name: string, exitPriority: number) =>
          Finalizer.register(Effect.map(state, (text) => events.push(`${name}: ${text}`)), { name, exitPriority })
        yield* note("5", 5)
        yield* note("0", 0)
        yield* note("-5", -5)
        // The worker ends only when the daemon has.
        yield* Effect.forkDetach(Effect.gen(function*() {
          yield* daemon.sentinel
          events.push(`daemon ended, its finalizers ran: ${existsSync(`${dir}/daemon.released`)}`)
          assert.isTrue(yield* worker.isAlive)
          yield* worker.interrupt
        }))
      }))
      assert.deepStrictEqual(events, [
        "5: daemon true, worker true",
        "0: daemon true, worker true",
        "daemon ended, its finalizers ran: true",
        "-5: daemon false, worker false"
      ])
      assert.deepStrictEqual(
        report.children.map((
          { daemon, exited, late, name }
        ) => [name, daemon, late, Option.getOrThrow(exited).exitCode]),
        [["daemon", true, false, 1], ["worker", false, false, 1]]
      )
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))

  it.live("are all ended when the program fails", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const { report } = yield* ending(
        Effect.andThen(started(dir, "worker", { daemon: false }), Effect.fail("no"))
      )
      assert.isTrue(existsSync(`${dir}/worker.released`))
      assert.deepStrictEqual(report.children.map(({ late, name }) => [name, late]), [["worker", false]])
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))

  it.live("are killed when they do not end, and no others are started", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const { logs, report } = yield* ending(
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          yield* Scope.provide(Process.start(Work.spin, { ready: `${dir}/ready` }, { name: "busy" }), scope)
          yield* exists(`${dir}/ready`)
          yield* Finalizer.register(Process.start(Work.ping).pipe(Effect.scoped), { name: "starts", exitPriority: -1 })
        }),
        { deadline: "1 second" }
      )
      const [busy] = report.children
      assert.isTrue(busy!.late)
      assert.match(Option.getOrThrow(busy!.exited).detail!, /^it had not ended \d+ ms after it was asked to$/)
      assert.match(logs.at(-1)!, /^At the exit, not in time: busy \(pid \d+\) was killed by SIG/)
      const [starts] = report.finalizers
      assert(starts?.outcome._tag === "Failed")
      assert.include(String(Cause.squash(starts.outcome.cause)), "the Spawner is closed")
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))

  it.live("are those of all Spawners, and are not replaced", () =>
    Effect.gen(function*() {
      const pids: Array<number> = []
      const service = ProcessLayer.make({
        module: new URL("../fixtures/process/work.live.ts", import.meta.url),
        services: [Work.Worker]
      })
      const later = yield* Effect.scope
      const { report } = yield* ending(Effect.gen(function*() {
        const { pid } = yield* Work.Worker
        pids.push(yield* pid())
        const other = yield* Layer.buildWithScope(
          Layer.fresh(Layer.provide(service, ProcessLayer.spawnWith({}))),
          later
        )
        pids.push(yield* Effect.flatMap(Work.Worker, ({ pid }) => pid()).pipe(Effect.provide(other)))
      })).pipe(Effect.provide(service))
      assert.deepStrictEqual(report.children.map(({ pid }) => pid).toSorted(), pids.toSorted())
      for (const pid of pids) assert.isFalse(Testing.isAliveUnsafe(pid))
      assert.deepStrictEqual(yield* Process.activeChildren, [])
    }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)))
})
