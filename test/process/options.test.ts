import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import { carried } from "../../src/process/internal/options.ts"
import * as Work from "../fixtures/process/work.ts"
import { folder, spawned } from "../support/spawned.ts"

describe("the group of a child", () => {
  for (const group of [true, false]) {
    spawned(
      group ? "is its own" : "is ours with group: false, and the end of the Scope still ends it alone",
      Effect.gen(function*() {
        const dir = yield* folder
        const scope = yield* Scope.make()
        const child = yield* Process.start(
          Work.hold,
          { ready: `${dir}/ready`, released: `${dir}/released` },
          { group }
        ).pipe(Scope.provide(scope))
        yield* Testing.waitUntil(() => existsSync(`${dir}/ready`))
        const expected = group ? child.pid : ProcessTable.read(process.pid)!.group
        assert.strictEqual(ProcessTable.read(child.pid)!.group, expected)
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(existsSync(`${dir}/released`))
        assert.isFalse(yield* Testing.isAlive(child.pid))
      })
    )
  }

  spawned(
    "that does not let go is killed without it, too",
    Effect.gen(function*() {
      const dir = yield* folder
      const scope = yield* Scope.make()
      const child = yield* Process.start(Work.spin, { ready: `${dir}/ready` }, {
        group: false,
        closeTimeout: "20 millis",
        killTimeout: "20 millis"
      }).pipe(Scope.provide(scope))
      yield* Testing.waitUntil(() => existsSync(`${dir}/ready`))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(yield* Testing.isAlive(child.pid))
    })
  )
})

describe("flags of Node.js", () => {
  it("that change what modules mean, or what may be done, are carried; others are not", () => {
    assert.deepStrictEqual(
      carried([
        "--inspect=0",
        "--conditions=development",
        "-C",
        "browser",
        "--max-old-space-size=64",
        "--permission",
        "--allow-fs-read=*",
        "--allow-fs-write",
        "/tmp",
        "--require",
        "./hook.js"
      ]),
      [
        "--conditions=development",
        "-C",
        "browser",
        "--permission",
        "--allow-fs-read=*",
        "--allow-fs-write",
        "/tmp"
      ]
    )
    assert.deepStrictEqual(carried([]), [])
  })

  spawned(
    "a port to inspect is not inherited through the environment, the rest of it is",
    Effect.gen(function*() {
      const child = yield* Process.start(Work.facts, {
        env: { NODE_OPTIONS: "--inspect=0 --no-warnings --inspect-port=0 --inspect" }
      })
      assert.strictEqual((yield* child.join).env.NODE_OPTIONS, "--no-warnings")
    })
  )

  spawned(
    "another Node.js can be named",
    Effect.gen(function*() {
      const child = yield* Process.start(Work.facts, { execPath: "node", env: { PATH: process.env.PATH } })
      assert.strictEqual((yield* child.join).pid, child.pid)
    })
  )
})
