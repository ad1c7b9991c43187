import { assert, describe, it } from "@effect/vitest"
import { kill, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import { child, families } from "../support/owned.ts"
import { folder } from "../support/spawned.ts"

/** A process that has ended and is not reaped, the leader and only member of its group. */
const zombie = Effect.gen(function*() {
  const parent = yield* child("sh", ["-c", "setsid sleep 0 & exec sleep 1000"])
  const find = () => ProcessTable.all().find((info) => info.parent === parent.pid && info.state === "Z")
  yield* waitUntil(() => find()?.group === find()?.pid && find() !== undefined, { what: "a zombie" })
  return find()!
})

describe("the process table", () => {
  it("shows this process", () => {
    const self = ProcessTable.read(process.pid)!
    assert.deepInclude(self, { pid: process.pid, parent: process.ppid })
    assert.deepInclude(ProcessTable.all().find(({ pid }) => pid === process.pid), { start: self.start })
    assert.strictEqual(ProcessTable.startTime(process.pid), self.start)
    assert.isTrue(ProcessTable.isVisible)
    assert.isDefined(ProcessTable.realm().boot)
    assert.isDefined(ProcessTable.realm().namespace)
  })

  it("shows nobody where nobody is", () => {
    assert.isUndefined(ProcessTable.read(2 ** 22 + 1))
    assert.isUndefined(ProcessTable.variable(2 ** 22 + 1, "PATH"))
    assert.deepStrictEqual(ProcessTable.commandLine(2 ** 22 + 1), [])
    assert.isFalse(ProcessTable.isAlive(2 ** 22 + 1))
    assert.isTrue(ProcessTable.isGroupEmpty(2 ** 22 + 1))
  })

  it.live("does not take a process for another that has its pid", () =>
    Effect.gen(function*() {
      const { pid, start } = yield* child("sleep", ["1000"])
      assert.isTrue(ProcessTable.isAlive(pid, start))
      assert.isFalse(ProcessTable.isAlive(pid, `${Number(start) + 1}`))
    }).pipe(Effect.scoped))

  it.live("reads processes of any name, and what they were started with", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/a) Z 1 (\nb`
      Fs.copyFileSync("/bin/sleep", path)
      const { pid, start } = yield* child(path, ["1000"], { SOME_MARK: "a=b ü" })
      assert.deepInclude(ProcessTable.read(pid), { pid, parent: process.pid, group: pid, start })
      assert.deepStrictEqual(ProcessTable.commandLine(pid), [path, "1000"])
      assert.strictEqual(ProcessTable.variable(pid, "SOME_MARK"), "a=b ü")
      assert.isUndefined(ProcessTable.variable(pid, "SOME_MAR"))
    }).pipe(Effect.scoped))

  it.live("knows that zombies are dead, though signals reach them", () =>
    Effect.gen(function*() {
      const { group, pid, start } = yield* zombie
      process.kill(-group, 0)
      assert.isFalse(ProcessTable.isAlive(pid))
      assert.isFalse(ProcessTable.isAlive(pid, start))
      assert.isTrue(ProcessTable.isGroupEmpty(group))
      assert.strictEqual(ProcessTable.startTime(pid), start)
    }).pipe(Effect.scoped))

  it.live("a group lives as long as one of it", () =>
    Effect.gen(function*() {
      const { end, pid } = yield* child("sh", ["-c", "sleep 1000 & wait"])
      const members = yield* families([pid], 2)
      assert.sameMembers(ProcessTable.groupMembers(pid).map(({ pid }) => pid), [...members])
      yield* kill(pid)
      yield* end
      assert.isFalse(ProcessTable.isGroupEmpty(pid))
      yield* kill(members.find((member) => member !== pid)!)
      yield* waitUntil(() => ProcessTable.isGroupEmpty(pid), { what: "an empty group" })
    }).pipe(Effect.scoped))
})
