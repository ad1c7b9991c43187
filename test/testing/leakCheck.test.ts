import { assert, describe, it } from "@effect/vitest"
import { isAliveUnsafe, kill, LeakCheck, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import * as Reaper from "../../src/guard/internal/reaper.ts"
import * as RunDirectory from "../../src/guard/internal/runDirectory.ts"
import { allDead, child, families, owner } from "../support/owned.ts"
import { folder } from "../support/spawned.ts"

/** What a check finds that does not wait. */
const found = (since: LeakCheck.Snapshot) =>
  LeakCheck.check(since, { timeout: 0 }).pipe(
    Effect.flip,
    Effect.map(({ leaks }) => leaks)
  )

/** The one leak that was found. */
const only = (since: LeakCheck.Snapshot) =>
  Effect.map(found(since), (leaks) => {
    assert.strictEqual(leaks.length, 1, JSON.stringify(leaks))
    return leaks[0]!
  })

describe("a leak check finds", () => {
  it.live("a child", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      const { pid } = yield* Effect.scoped(Effect.gen(function*() {
        const sleep = yield* child("sleep", ["1000"])
        const leaks = yield* found(before)
        assert.deepStrictEqual(leaks[0], { kind: "child", description: `pid ${sleep.pid}: sleep 1000` })
        return sleep
      }))
      assert.isFalse(isAliveUnsafe(pid))
      yield* LeakCheck.check(before)
    }))

  it("a zombie", () => {
    const before = LeakCheck.snapshot()
    const { pid } = ChildProcess.spawn("true", { stdio: "ignore" })
    // Node reaps when its event loop turns: it does not while we look
    while (ProcessTable.read(pid!)?.state !== "Z");
    const zombie = LeakCheck.leaks(before).find(({ kind }) => kind === "zombie")
    assert.strictEqual(zombie?.description, `pid ${pid} has ended and was not reaped`)
  })

  it.live("an orphan, which a child of ours has left", () =>
    Effect.gen(function*() {
      const { mark } = yield* RunDirectory.make
      const before = LeakCheck.snapshot()
      const { end, pid } = yield* child("sh", ["-c", "sleep 1000 &"], { [mark.name]: mark.value })
      yield* end
      const [left] = yield* families([pid], 1)
      const orphans = (yield* found(before)).filter(({ kind }) => kind === "orphan")
      assert.strictEqual(orphans.length, 1)
      assert.include(orphans[0]!.description, `pid ${left}: `)
    }).pipe(Effect.scoped))

  it.live("a run directory and a Reaper, but not that a killed Reaper is another", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      const scope = yield* Scope.make()
      const directory = yield* Scope.provide(RunDirectory.make, scope)
      const reaper = yield* Scope.provide(Reaper.make(directory), scope)
      const first = reaper.pid!
      const leaks = yield* found(before)
      assert.deepStrictEqual(leaks.slice(0, 2), [
        { kind: "reaper", description: `pid ${first} guards ${directory.path}` },
        { kind: "runDirectory", description: `${directory.path} of this process` }
      ])
      const withReaper = LeakCheck.snapshot()
      yield* kill(first)
      yield* waitUntil(() => reaper.pid !== undefined && reaper.pid !== first, { what: "another shell" })
      yield* LeakCheck.check(withReaper)
      yield* Scope.close(scope, Exit.void)
      yield* LeakCheck.check(before)
    }))

  it.live("a run directory of a dead child", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      const tmp = yield* folder
      const { directory, kill: killOwner, pid, reaper } = yield* owner(tmp, { children: 0, program: "idle" })
      yield* kill(reaper, "SIGSTOP")
      killOwner()
      yield* allDead([pid])
      const original = process.env.TMPDIR
      process.env.TMPDIR = tmp
      try {
        const leaks = LeakCheck.leaks(before)
        assert.deepInclude(leaks, { kind: "runDirectory", description: `${directory} of pid ${pid}` })
      } finally {
        if (original === undefined) delete process.env.TMPDIR
        else process.env.TMPDIR = original
      }
      yield* kill(reaper, "SIGCONT")
      yield* allDead([reaper])
    }).pipe(Effect.scoped))

  it.live("an entry of /dev/shm, but none of a process that lives elsewhere", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      const ours = `/dev/shm/emp-${process.pid}-test`
      const theirs = `/dev/shm/emp-${process.ppid}-test`
      const others = `/dev/shm/other-${process.pid}-test`
      const files = [ours, theirs, others]
      for (const file of files) Fs.writeFileSync(file, "")
      try {
        assert.deepStrictEqual(yield* found(before), [
          { kind: "sharedMemory", description: `${ours} of pid ${process.pid}` }
        ])
      } finally {
        for (const file of files) Fs.unlinkSync(file)
      }
    }))

  it.live("a descriptor, also a second one of a file that is open already", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      const path = new URL(import.meta.url).pathname
      const first = Fs.openSync(path, "r")
      assert.deepStrictEqual(yield* only(before), { kind: "descriptor", description: `${first} -> ${path}` })
      const between = LeakCheck.snapshot()
      const second = Fs.openSync(path, "r")
      assert.strictEqual((yield* only(between)).kind, "descriptor")
      Fs.closeSync(first)
      // the number of descriptors is the same as before: one of them is another
      yield* LeakCheck.check(between)
      Fs.closeSync(second)
    }))

  it.live("a handle", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      const timer = setInterval(() => {}, 1e6)
      const leak = yield* only(before)
      clearInterval(timer)
      assert.strictEqual(leak.kind, "handle")
      assert.match(leak.description, /^Timeout made at .*leakCheck\.test\.ts/)
    }))

  it.live("a timer, though another has ended meanwhile", () =>
    Effect.gen(function*() {
      const ending = setInterval(() => {}, 1e6)
      const before = LeakCheck.snapshot()
      clearInterval(ending)
      const timer = setInterval(() => {}, 1e6)
      const leak = yield* only(before)
      clearInterval(timer)
      assert.strictEqual(leak.kind, "handle")
    }))

  it.live("none in timers that have fired, were cleared, or hold nothing", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      clearTimeout(setTimeout(() => {}, 1e6))
      const held = setTimeout(() => {}, 1e6).unref()
      yield* Effect.callback<void>((resume) => {
        setTimeout(() => resume(Effect.void), 0)
      })
      yield* LeakCheck.check(before)
      clearTimeout(held)
    }))

  it.live("none in a socket that took another's place, but in one more", () =>
    Effect.gen(function*() {
      const connected = () => ChildProcess.spawn("sleep", ["1000"], { stdio: ["ignore", "ignore", "ignore", "pipe"] })
      const ended = (child: ChildProcess.ChildProcess) =>
        Effect.callback<void>((resume) => {
          child.once("close", () => resume(Effect.void)).kill("SIGKILL")
        })
      const first = connected()
      const before = LeakCheck.snapshot()
      const second = connected()
      const sockets = () => LeakCheck.leaks(before).filter(({ description }) => description.includes("socket:"))
      assert.strictEqual(sockets().length, 1)
      yield* ended(first)
      assert.strictEqual(sockets().length, 0)
      yield* ended(second)
    }))
})

describe("a leak check", () => {
  it.live("waits for what is just ending", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      const fd = Fs.openSync("/dev/zero", "r")
      const closed = setTimeout(() => Fs.closeSync(fd), 20)
      yield* LeakCheck.check(before)
      clearTimeout(closed)
    }))

  it.live("says what is left, and for how long it has waited", () =>
    Effect.gen(function*() {
      const before = LeakCheck.snapshot()
      const fd = Fs.openSync("/dev/zero", "r")
      const error = yield* Effect.flip(LeakCheck.check(before, { timeout: 30 }))
      Fs.closeSync(fd)
      assert.isAtLeast(error.waited, 30)
      assert.match(error.message, /^left behind, and still there after \d+ ms:\n {2}descriptor: \d+ -> \/dev\/zero$/)
    }))

  it("rejects a promise", async () => {
    const before = LeakCheck.snapshot()
    const fd = Fs.openSync("/dev/zero", "r")
    const error: unknown = await LeakCheck.checkPromise(before, { timeout: 0 }).catch((error: unknown) => error)
    Fs.closeSync(fd)
    assert.instanceOf(error, LeakCheck.LeaksFound)
    await LeakCheck.checkPromise(before)
  })

  it.effect("around an effect fails what succeeds and leaks, in real time; and keeps a failure", () =>
    Effect.gen(function*() {
      let fd = 0
      const open = Effect.sync(() => {
        fd = Fs.openSync("/dev/zero", "r")
        return "value"
      })
      const error = yield* Effect.flip(LeakCheck.around({ timeout: 1 })(open))
      assert.instanceOf(error, LeakCheck.LeaksFound)
      const failure = yield* Effect.flip(LeakCheck.around({ timeout: 1 })(Effect.fail("own failure")))
      assert.strictEqual(failure, "own failure")
      Fs.closeSync(fd)
      assert.strictEqual(yield* LeakCheck.around()(Effect.succeed("value")), "value")
    }))
})
