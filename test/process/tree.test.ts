import { assert, describe } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { nest } from "../fixtures/process/work.ts"
import { folder, spawned } from "../support/spawned.ts"

/** A process, in which one, in which one, of which the last is where it should be. */
const tree = (busy: boolean, options: Process.ChildOptions) =>
  Effect.gen(function*() {
    const dir = yield* folder
    const scope = yield* Scope.make()
    const root = yield* Scope.provide(Process.start(nest, { generations: 2, folder: dir, busy }, options), scope)
    yield* Testing.waitUntil(() => existsSync(`${dir}/leaf`))
    const family = [root.pid, ...Testing.descendantsUnsafe(root.pid)]
    assert.isAtLeast(family.length, 3)
    yield* Scope.close(scope, Exit.void)
    return { dir, family, exited: yield* root.sentinel }
  })

describe("a tree of processes", () => {
  spawned(
    "ends in order with its root",
    Effect.gen(function*() {
      const { dir, exited, family } = yield* tree(false, {})
      assert.isTrue(existsSync(`${dir}/leaf.released`), "the last one's finalizers ran")
      assert.strictEqual(exited.exitCode, 1, "interrupted, not killed")
      assert.deepStrictEqual(family.filter(Testing.isAliveUnsafe), [])
    })
  )

  spawned(
    "ends in the time of its root, when its last one does not let go",
    Effect.gen(function*() {
      const { exited, family } = yield* tree(true, { closeTimeout: "4 seconds", killTimeout: "1 second" })
      assert.strictEqual(exited.exitCode, 1, "the root's own finalizers had their time")
      assert.deepStrictEqual(family.filter(Testing.isAliveUnsafe), [])
    })
  )
})
