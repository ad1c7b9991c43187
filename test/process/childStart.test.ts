import { assert, describe, it } from "@effect/vitest"
import * as ChildStart from "effect-multiprocessing/ChildStart"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { work } from "../fixtures/childStart/report.ts"
import { folder } from "../support/spawned.ts"

const fixture = (name: string) => new URL(`../fixtures/childStart/${name}.ts`, import.meta.url)

/** What happened in a child, and in its own, whose parent preloads these modules. */
const happened = (preload: ReadonlyArray<string>, again = false, options: Process.ChildOptions = {}) =>
  Effect.gen(function*() {
    const file = `${yield* folder}/happened`
    const exit = yield* Effect.flatMap(
      Process.start(work, { again }, { ...options, env: { HAPPENED: file } }),
      ({ join }) => join
    ).pipe(
      Effect.scoped,
      Effect.provide(ProcessLayer.spawnWith({ preload: preload.map(fixture) })),
      Effect.result
    )
    return { exit, lines: existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [] }
  }).pipe(Effect.scoped)

const failed = (preload: ReadonlyArray<string>, options?: Process.ChildOptions) =>
  Effect.map(happened(preload, false, options), ({ exit, lines }) => {
    assert.deepStrictEqual(lines, [], "nothing else has happened")
    assert.strictEqual(exit._tag, "Failure")
    const error = exit._tag === "Failure" ? exit.failure : undefined
    assert.strictEqual(error?._tag, "ProcessError")
    return (error as Extract<typeof error, { readonly _tag: "ProcessError" }>).reason
  })

describe("ChildStart", () => {
  it.live("hooks run in order before the Layer is built, and end after it", () =>
    Effect.map(happened(["late", "early"]), ({ lines }) => {
      const started = ["early", "first", "second", "own", "late", "layer"]
      assert.deepStrictEqual(lines, [...started, "work", ...started.toReversed().map((name) => `${name} ended`)])
    }))

  it.live("hooks of a process are not those of its children, but their modules' are", () =>
    Effect.map(happened(["late"], true), ({ exit, lines }) => {
      assert.strictEqual(exit._tag, "Success")
      assert.strictEqual(lines.filter((line) => line === "late").length, 1)
      assert.strictEqual(lines.filter((line) => line === "own").length, 2)
    }))

  it.live("hooks do not run in a process that nobody has started", () =>
    Effect.gen(function*() {
      let ran = false
      ChildStart.register("here", Effect.sync(() => ran = true))
      yield* happened([])
      assert.isFalse(ran)
    }))

  it.live("a hook that fails ends the start, typed", () =>
    Effect.map(failed(["fails"]), (reason) => {
      assert.strictEqual(reason._tag, "ChildStartFailed", reason.message)
      if (reason._tag !== "ChildStartFailed") return
      assert.deepStrictEqual([reason.hook, reason.errorName], ["fails", "NoLicense"])
      assert.include(reason.module, "report.live.ts")
    }))

  it.live("a hook that dies ends the start, with its stack", () =>
    Effect.map(failed(["dies"]), (reason) => {
      assert.strictEqual(reason._tag, "ChildStartFailed", reason.message)
      if (reason._tag !== "ChildStartFailed") return
      assert.strictEqual(reason.errorName, "RangeError")
      assert.include(reason.remoteCause, "childStart/dies.ts")
    }))

  it.live("a hook that does not end takes the child's time to start", () =>
    Effect.map(failed(["hangs"], { startTimeout: "1 second" }), (reason) => {
      assert.strictEqual(reason._tag, "StartTimeout", reason.message)
    }))

  it.live("a module that cannot be loaded is named", () =>
    Effect.map(failed(["nowhere"]), (reason) => {
      assert.strictEqual(reason._tag, "ModuleNotFound", reason.message)
      if (reason._tag === "ModuleNotFound") assert.include(reason.module, "childStart/nowhere.ts")
    }))

  it("an order that is no number is a misuse", () => {
    assert.throws(() => ChildStart.register("odd", Effect.void, { order: Number.NaN }), TypeError)
  })
})
