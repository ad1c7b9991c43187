import { assert, describe } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import type * as ProcessError from "effect-multiprocessing/ProcessError"
import * as Remote from "effect-multiprocessing/Remote"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { existsSync, readFileSync } from "node:fs"
import * as Duplicates from "../fixtures/broken/duplicates.ts"
import { double } from "../fixtures/process/work.ts"
import { folder, rounds, spawned } from "../support/spawned.ts"

const broken = (file: string, options?: { readonly export: string }) =>
  Remote.fn("test/broken", { module: Remote.module(new URL(`../fixtures/broken/${file}`, import.meta.url), options) })

type Nullary =
  | ReturnType<typeof broken>
  | typeof Duplicates.one
  | typeof Duplicates.other

type Tags = ProcessError.ProcessErrorReason["_tag"]

const startFails = <Tag extends Tags>(
  fn: Nullary,
  tag: Tag,
  options: Process.ChildOptions = {}
) =>
  Effect.gen(function*() {
    const { reason } = yield* Effect.flip(Effect.scoped(Process.start(fn, options)))
    assert.strictEqual(reason._tag, tag, reason.message)
    assert.deepStrictEqual(yield* Process.activeChildren, [])
    return reason as Extract<ProcessError.ProcessErrorReason, { readonly _tag: Tag }>
  })

describe("a start that fails says why", () => {
  spawned(
    "a module that does not exist",
    Effect.gen(function*() {
      const reason = yield* startFails(broken("nowhere.live.ts"), "ModuleNotFound")
      assert.include(reason.module, "nowhere.live.ts")
    })
  )

  spawned(
    "a module that imports one that does not exist",
    Effect.gen(function*() {
      const reason = yield* startFails(broken("importsMissing.live.ts"), "ModuleNotFound")
      assert.include(reason.detail, "nowhere.ts")
    })
  )

  spawned("a syntax error", startFails(broken("syntaxError.live.js"), "ModuleSyntaxError"))

  spawned(
    "an import of what is not exported",
    Effect.gen(function*() {
      const reason = yield* startFails(broken("importsUnexported.live.ts"), "ModuleSyntaxError")
      assert.include(reason.detail, "nothingOfTheKind")
    })
  )

  spawned(
    "a module that throws, also a SyntaxError of its own",
    Effect.gen(function*() {
      const reason = yield* startFails(broken("throws.live.ts"), "ModuleThrew")
      assert.include(reason.detail, "JSON")
      assert.include(reason.remoteStack, "throws.live.ts")
    })
  )

  spawned(
    "an export that is no Layer, or missing",
    Effect.gen(function*() {
      assert.strictEqual((yield* startFails(broken("notALayer.live.ts"), "NotALayer")).found, "an object")
      const missing = yield* startFails(broken("notALayer.live.ts", { export: "other" }), "NotALayer")
      assert.deepStrictEqual([missing.export, missing.found], ["other", "missing"])
    })
  )

  spawned(
    "a Layer that fails, whose finalizers run",
    Effect.gen(function*() {
      const dir = yield* folder
      const reason = yield* startFails(broken("layerFails.live.ts"), "LayerFailed", { argv: [`${dir}/file`] })
      assert.strictEqual(reason.errorName, "NoDatabase")
      assert.strictEqual(readFileSync(`${dir}/file`, "utf8"), "released")
    })
  )

  spawned(
    "a Layer that dies",
    Effect.gen(function*() {
      const reason = yield* startFails(broken("layerDies.live.ts"), "LayerFailed")
      assert.strictEqual(reason.errorName, "RangeError")
      assert.include(reason.remoteCause, "a bug in the Layer")
      assert.include(reason.remoteCause, "layerDies.live.ts")
    })
  )

  spawned(
    "a child that exits before it is ready",
    Effect.gen(function*() {
      assert.strictEqual((yield* startFails(broken("exits.live.ts"), "ProcessExited")).exitCode, 5)
    })
  )

  spawned(
    "a function that the module does not implement",
    Effect.gen(function*() {
      const fn = Remote.fn("test/broken", { module: double.module as URL })
      assert.deepStrictEqual((yield* startFails(fn, "NotImplemented")).missing, ["test/broken"])
    })
  )

  spawned(
    "two declarations with one id",
    Effect.gen(function*() {
      assert.strictEqual((yield* startFails(Duplicates.one, "DuplicateId")).id, "test/twice")
    })
  )

  spawned(
    "a module that writes into the library's socket",
    startFails(broken("writesGarbage.live.ts"), "ProtocolViolation")
  )

  for (const [where, step] of [["module", "module"], ["spin", "module"], ["layer", "layer"]] as const) {
    spawned(
      `a child that is never ready (${where})`,
      Effect.gen(function*() {
        const dir = yield* folder
        const reason = yield* startFails(broken("neverReady.live.ts"), "StartTimeout", {
          argv: [where, `${dir}/stuck`],
          startTimeout: "2 seconds"
        })
        assert.deepStrictEqual([reason.step, reason.timeout], [step, 2000])
        assert.isFalse(yield* Testing.isAlive(Number(readFileSync(`${dir}/stuck`, "utf8"))))
      })
    )
  }

  for (
    const [name, options, option] of [
      ["a working directory that does not exist", { cwd: "/nowhere" }, "cwd"],
      ["a working directory that is a file", { cwd: "/etc/passwd" }, "cwd"],
      ["a Node.js that does not exist", { execPath: "/nowhere/node" }, "execPath"],
      ["an environment that no process can have", { env: { "a=b": "c" } }, "env"],
      ["a duration that is none", { startTimeout: "soon" as "1 second" }, "startTimeout"],
      ["a duration before none", { closeTimeout: -5 }, "closeTimeout"],
      ["a duration that is no number", { killTimeout: Number.NaN }, "killTimeout"],
      ["a name that is none", { name: "a\0b" }, "name"],
      ["more arguments than a child can be told", { argv: ["x".repeat(2 << 20)] }, "argv"]
    ] as const
  ) {
    spawned(
      name,
      Effect.gen(function*() {
        assert.strictEqual((yield* startFails(broken("nowhere.live.ts"), "InvalidOption", options)).option, option)
      })
    )
  }

  spawned(
    "a program that is found nowhere on the path",
    Effect.gen(function*() {
      const reason = yield* startFails(broken("nowhere.live.ts"), "SpawnFailed", { execPath: "no-such-node" })
      assert.strictEqual(reason.code, "ENOENT")
    })
  )

  spawned(
    "a program that is no Node.js",
    Effect.gen(function*() {
      assert.strictEqual(
        (yield* startFails(broken("nowhere.live.ts"), "ProcessExited", { execPath: "/bin/false" })).exitCode,
        1
      )
    })
  )
})

describe("a start that is interrupted leaves nothing", () => {
  for (const where of ["module", "layer"] as const) {
    spawned(
      `while the child is at its ${where}`,
      Effect.gen(function*() {
        const dir = yield* folder
        const starting = yield* Effect.forkChild(Effect.scoped(
          Process.start(broken("neverReady.live.ts"), { argv: [where, `${dir}/stuck`] })
        ))
        yield* Testing.waitUntil(() => existsSync(`${dir}/stuck`))
        yield* Fiber.interrupt(starting)
        assert.isFalse(yield* Testing.isAlive(Number(readFileSync(`${dir}/stuck`, "utf8"))))
        assert.strictEqual(existsSync(`${dir}/stuck.released`), where === "layer", "a Layer's finalizers run")
      })
    )
  }

  spawned(
    "at every moment of it",
    Effect.gen(function*() {
      // The moments: after n turns of the event loop, until a start has come through.
      let turns = 0
      for (let through = false; !through; turns += rounds(9, 1)) {
        const starting = yield* Effect.forkChild(Effect.scoped(Process.start(double, { n: 1 })))
        for (let turn = 0; turn < turns; turn++) yield* Effect.promise(() => new Promise(setImmediate))
        through = starting.pollUnsafe() !== undefined || turns > 50_000
        yield* Fiber.interrupt(starting)
        assert.deepStrictEqual(yield* Process.activeChildren, [])
        turns = Math.ceil(turns * rounds(1.6, 1.1))
      }
    })
  )
})
