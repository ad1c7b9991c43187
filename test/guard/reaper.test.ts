import { assert, describe, it } from "@effect/vitest"
import { freeze, isAliveUnsafe, kill, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import * as ChildProcess from "node:child_process"
import * as DiagnosticsChannel from "node:diagnostics_channel"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import * as Reaper from "../../src/guard/internal/reaper.ts"
import { removePaths, sentinel } from "../../src/guard/internal/records.ts"
import * as RunDirectory from "../../src/guard/internal/runDirectory.ts"
import { allDead, child, families, familyOf, owner, ready, removed, start } from "../support/owned.ts"
import { folder, rounds } from "../support/spawned.ts"

const recordsOf = (directory: string) => Fs.readdirSync(`${directory}/c`).filter((name) => name !== sentinel)

describe("an owner is killed", () => {
  for (const [program, members, bound] of [["idle", 1, 250], ["busy", 1, 500]] as const) {
    it.live(`its 8 ${program} children end, and nothing of it is left`, () =>
      Effect.gen(function*() {
        const took: Array<number> = []
        for (let round = 0; round < rounds(3, 20); round++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const owned = yield* owner(yield* folder, { children: 8, program })
            const pids = yield* families(owned.children, members)
            const killed = performance.now()
            owned.kill()
            yield* allDead(pids)
            took.push(performance.now() - killed)
            yield* removed(owned.directory)
            yield* allDead([owned.reaper])
          }))
        }
        took.sort((a, b) => a - b)
        if (process.env.SOAK === undefined) return
        console.log(`8 ${program} children ended after ms: median ${took[took.length >> 1]}, most ${took.at(-1)}`)
        assert.isBelow(took.at(-1)!, bound)
      }), { timeout: 600_000 })
  }

  it.live("whole groups end, also those whose leader is gone", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const family = yield* owner(tmp, { children: 4, program: "family" })
      const orphan = yield* owner(tmp, { children: 4, program: "orphan" })
      yield* allDead(orphan.children)
      const pids = [...yield* families(family.children, 3), ...yield* families(orphan.children, 1)]
      family.kill()
      orphan.kill()
      yield* allDead(pids)
      yield* removed(family.directory)
      yield* removed(orphan.directory)
    }))

  it.live("children that lead no group end too", () =>
    Effect.gen(function*() {
      const owned = yield* owner(yield* folder, { children: 4, program: "sleep", group: false })
      owned.kill()
      yield* allDead(owned.children)
      yield* removed(owned.directory)
    }))

  it.live("a child that was started and not yet put under guard sees the end of its socket", () =>
    Effect.gen(function*() {
      const owned = yield* owner(yield* folder, { children: 4, program: "untold", register: false })
      assert.deepStrictEqual(recordsOf(owned.directory), [])
      owned.kill()
      yield* allDead(owned.children)
      yield* removed(owned.directory)
    }))

  it.live("files are unlinked, whatever they are called, unless others have taken their place", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const file = (name: string) => {
        Fs.writeFileSync(Path.join(tmp, name), "")
        return Path.join(tmp, name)
      }
      const ours = ["plain", "with space", "$(touch hacked) `x` 'y' \"z\" *", "-rf", "ünï", "\\n", "two\nlines", "\n\n"]
        .map(file)
      const target = file("target")
      const link = Path.join(tmp, "link")
      Fs.symlinkSync(target, link)
      const replaced = file("replaced")
      const owned = yield* owner(tmp, { children: 0, program: "idle", paths: [...ours, link, replaced] })
      Fs.renameSync(file("newcomer"), replaced)
      owned.kill()
      yield* removed(owned.directory)
      assert.sameMembers(Fs.readdirSync(tmp), [Path.basename(Path.dirname(owned.directory)), "target", "replaced"])
    }))

  it.live("directories are removed with all that is in them, but not what links in them lead to", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const directory = (name: string) => {
        Fs.mkdirSync(Path.join(tmp, name, "in"), { recursive: true })
        Fs.writeFileSync(Path.join(tmp, name, "in", "file"), "")
        return Path.join(tmp, name)
      }
      const ours = ["plain", "with space", "-rf", "$(touch hacked) *", "in\nit", "at its end\n"].map(directory)
      Fs.symlinkSync(directory("kept"), Path.join(ours[0]!, "link"))
      const replaced = directory("replaced")
      const link = Path.join(tmp, "link")
      Fs.symlinkSync(directory("linked"), link)
      const owned = yield* owner(tmp, { children: 0, program: "idle", paths: [...ours, replaced, link] })
      Fs.renameSync(replaced, Path.join(tmp, "moved"))
      directory("replaced")
      owned.kill()
      yield* removed(owned.directory)
      const base = Path.basename(Path.dirname(owned.directory))
      assert.sameMembers(Fs.readdirSync(tmp), [base, "kept", "linked", "moved", "replaced"])
      for (const name of ["kept", "linked", "moved", "replaced"]) {
        assert.deepStrictEqual(Fs.readdirSync(Path.join(tmp, name, "in")), ["file"])
      }
    }))

  it.live("while it is only frozen, or its Reaper is killed, nothing is", () =>
    Effect.gen(function*() {
      const owned = yield* owner(yield* folder, { children: 4, program: "idle" })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* freeze(owned.pid)
        yield* kill(owned.reaper)
        yield* waitUntil(() => ProcessTable.read(owned.reaper)?.state === "Z", { what: "end of the shell" })
      }))
      const next = yield* reaperOf(owned.pid, owned.reaper)
      assert.isTrue(owned.children.every(isAliveUnsafe))
      owned.kill()
      yield* allDead([...owned.children, next])
    }))

  it.live("a thread that owned: its children live with the process, and end with it", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const told = JSON.stringify({ children: 2, program: "sleep", until: "killed" })
      const program = yield* start("threadOwner", told, { TMPDIR: tmp })
      const { children, directory, reaper } = JSON.parse(yield* program.line)
      program.tell("terminate\n")
      assert.strictEqual(yield* program.line, "terminated")
      // its pipe has ended by now, and it asks again and again whether the owner is gone
      yield* waitUntil(() => ProcessTable.descendants(reaper).length > 0, { what: "the shell's sleep" })
      assert.isTrue(children.every(isAliveUnsafe))
      program.kill()
      yield* allDead([...children, reaper])
      yield* removed(directory)
    }))
})

/** The owner's shell that is not `previous`. */
const reaperOf = Effect.fnUntraced(function*(owner: number, previous: number) {
  const find = () =>
    ProcessTable.descendants(owner).find(({ parent, pid }) =>
      parent === owner && pid !== previous && ProcessTable.commandLine(pid)[0] === "/bin/sh"
    )
  yield* waitUntil(() => find() !== undefined, { what: "another shell" })
  return find()!.pid
})

describe("an owner ends in order", () => {
  it.live("children that are left end, and everything is gone before it is", () =>
    Effect.gen(function*() {
      const owned = yield* owner(yield* folder, { children: 4, program: "family" })
      const pids = yield* families(owned.children, 3)
      owned.tell()
      assert.strictEqual(yield* owned.end, 0)
      assert.isFalse([...pids, owned.reaper].some(isAliveUnsafe))
      assert.isFalse(Fs.existsSync(owned.directory))
    }))

  it.live("neither directory nor Reaper keep an event loop going; a forgotten Scope is made good", () =>
    Effect.gen(function*() {
      const owned = yield* owner(yield* folder, { children: 2, program: "idle", until: "idle" })
      assert.strictEqual(yield* owned.end, 13)
      yield* allDead([...owned.children, owned.reaper])
      yield* removed(owned.directory)
    }))
})

describe("the Reaper is killed", () => {
  it.live("again and again: no child is harmed, and the guard stands", () =>
    Effect.gen(function*() {
      const owned = yield* owner(yield* folder, { children: 4, program: "family" })
      const pids = yield* families(owned.children, 3)
      let shell = owned.reaper
      for (let round = 0; round < rounds(8, 50); round++) {
        yield* ready(shell)
        yield* kill(shell, round % 4 === 3 ? "SIGSEGV" : "SIGKILL")
        shell = yield* reaperOf(owned.pid, shell)
        assert.isTrue(pids.every(isAliveUnsafe))
      }
      yield* ready(shell)
      owned.kill()
      yield* allDead([...pids, shell])
      yield* removed(owned.directory)
    }), { timeout: 600_000 })

  it.live("polite signals do nothing to it", () =>
    Effect.gen(function*() {
      const owned = yield* owner(yield* folder, { children: 1, program: "sleep" })
      yield* ready(owned.reaper)
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGPIPE"] as const) {
        yield* kill(owned.reaper, signal)
      }
      owned.kill()
      yield* allDead([owned.reaper, ...owned.children])
      yield* removed(owned.directory)
    }))

  it.live("in a row: it is started ever again, and the log says so", () => {
    const logged: Array<unknown> = []
    return Effect.gen(function*() {
      const reaper = yield* Reaper.make(yield* RunDirectory.make)
      for (let round = 0; logged.length === 0; round++) {
        assert.isBelow(round, 100)
        const pid = reaper.pid
        if (pid !== undefined) {
          yield* kill(pid)
          yield* waitUntil(() => reaper.pid !== pid, { interval: 1, what: "another shell" })
        } else yield* waitUntil(() => reaper.pid !== undefined, { interval: 1, what: "another shell" })
      }
      yield* waitUntil(() => reaper.pid !== undefined, { what: "another shell" })
      assert.include(String(logged[0]), "has died 3 times at once (SIGKILL)")
    }).pipe(
      Effect.scoped,
      Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))]))
    )
  })
})

const mine = Effect.gen(function*() {
  const directory = yield* RunDirectory.make
  return { directory, reaper: yield* Reaper.make(directory) }
})

describe("in this process", () => {
  it("this platform has a shell", () => {
    assert.strictEqual(Reaper.guard(), "reaper")
  })

  it.live("the shell leads a group of its own, and ends by itself when the Scope closes", () =>
    Effect.gen(function*() {
      const ends: Array<unknown> = []
      const subscriber = (message: unknown) => {
        const { process } = message as { readonly process: ChildProcess.ChildProcess }
        process.once("exit", (code, signal) => ends.push([process.pid, code, signal]))
      }
      DiagnosticsChannel.subscribe("child_process", subscriber)
      const pid = yield* Effect.scoped(Effect.map(mine, ({ reaper }) => {
        assert.strictEqual(ProcessTable.read(reaper.pid!)!.group, reaper.pid)
        return reaper.pid
      }))
      DiagnosticsChannel.unsubscribe("child_process", subscriber)
      assert.deepStrictEqual(ends, [[pid, 0, null]])
    }))

  it.live("the pipe to the shell is in no child", () =>
    Effect.gen(function*() {
      const sockets = (pid: number | "self") =>
        Fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
          try {
            return Fs.readlinkSync(`/proc/${pid}/fd/${fd}`)
          } catch {
            return []
          }
        }).filter((target) => target.startsWith("socket:"))
      const before = new Set(sockets("self"))
      yield* mine
      const added = sockets("self").filter((target) => !before.has(target))
      assert.strictEqual(added.length, 2, "the owner's socket and the pipe")
      const { pid } = yield* child("sleep", ["1000"])
      assert.deepStrictEqual(sockets(pid).filter((target) => added.includes(target)), [])
    }).pipe(Effect.scoped))

  it.live("a child's record goes when its group is empty", () =>
    Effect.gen(function*() {
      const { directory, reaper } = yield* mine
      const records = () => recordsOf(directory.path)
      const { end, pid } = yield* child("sh", ["-c", "sleep 1000 & wait"])
      yield* families([pid], 2)
      yield* Effect.fromResult(reaper.addChild({ pid, group: true }))
      assert.deepStrictEqual(records(), [`${pid}.${ProcessTable.startTime(pid)}.g`])
      yield* kill(pid)
      yield* end
      reaper.removeChild(pid)
      assert.strictEqual(records().length, 1)
      yield* kill(familyOf([pid])[0]!)
      yield* waitUntil(() => records().length === 0, { what: "removal of the record" })
    }).pipe(Effect.scoped))

  it.live("a child that leaves nobody: its record goes at once, as does that of a path", () =>
    Effect.gen(function*() {
      const { directory, reaper } = yield* mine
      const { end, pid } = yield* child("true")
      yield* Effect.fromResult(reaper.addChild({ pid, group: true }))
      yield* end
      reaper.removeChild(pid)
      const file = Path.join(yield* folder, "file")
      Fs.writeFileSync(file, "")
      const remove = yield* Effect.fromResult(reaper.addPath(file))
      const removeAgain = yield* Effect.fromResult(reaper.addPath(file))
      remove()
      remove()
      assert.strictEqual(Fs.readdirSync(`${directory.path}/p`).length, 1, "each owner has a record of its own")
      removeAgain()
      reaper.removeChild(pid)
      assert.deepStrictEqual(recordsOf(directory.path), [])
      assert.deepStrictEqual(Fs.readdirSync(`${directory.path}/p`), [])
      // there is nothing to guard any more, and nothing to complain about
      yield* Effect.fromResult(reaper.addChild({ pid, group: true }))
      assert.deepStrictEqual(recordsOf(directory.path), [])
    }).pipe(Effect.scoped))

  it.live("without its directory it takes no child", () =>
    Effect.gen(function*() {
      const { directory, reaper } = yield* mine
      directory.remove()
      const { pid } = yield* child("sleep", ["1000"])
      const refused = reaper.addChild({ pid, group: true })
      assert.deepInclude(Result.getOrThrow(Result.flip(refused)), {
        _tag: "RunDirectoryFailed",
        path: directory.path,
        code: "ENOENT"
      })
    }).pipe(Effect.scoped))

  it("where no process may be started, it says so", () => {
    const program = `
      import * as Effect from "effect/Effect"
      import * as Reaper from "./src/guard/internal/reaper.ts"
      import * as RunDirectory from "./src/guard/internal/runDirectory.ts"
      const { message } = await Effect.runPromise(
        Effect.flip(Effect.scoped(Effect.flatMap(RunDirectory.make, (directory) => Reaper.make(directory))))
      )
      console.log(message)`
    const flags = ["--permission", "--allow-fs-read=*", "--allow-fs-write=*", "--input-type=module"]
    if (process.allowedNodeEnvironmentFlags.has("--allow-net")) flags.push("--allow-net")
    const output = ChildProcess.execFileSync(process.execPath, [...flags, "-e", program], { encoding: "utf8" })
    assert.match(output, /^the Reaper: \/bin\/sh could not be started: Error: Access to this API has been restricted/)
  })

  it.live("a file that is yet to be there", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const { directory, reaper } = yield* mine
      const [before, after] = ["before", "after"].map((name) => Path.join(tmp, name)) as [string, string]
      Fs.writeFileSync(before, "")
      yield* Effect.fromResult(reaper.addPath(after, Fs.lstatSync(before, { bigint: true })))
      Fs.renameSync(before, after)
      removePaths(directory.path)
      assert.deepStrictEqual(Fs.readdirSync(tmp), [])
    }).pipe(Effect.scoped))

  it.live("two files that may be at one path: the end of one is not the end of the other", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const { directory, reaper } = yield* mine
      const path = Path.join(tmp, "name")
      const made = (name: string) => {
        Fs.writeFileSync(Path.join(tmp, name), "")
        return Fs.lstatSync(Path.join(tmp, name), { bigint: true })
      }
      const removeFirst = yield* Effect.fromResult(reaper.addPath(path, made("name")))
      const second = made("second")
      // as when a name is found to be taken
      const taken = yield* Effect.fromResult(reaper.addPath(path, second))
      taken()
      removePaths(directory.path)
      assert.deepStrictEqual(Fs.readdirSync(tmp), ["second"])
      // as when it was removed by others, and made again
      const removeSecond = yield* Effect.fromResult(reaper.addPath(path, second))
      Fs.renameSync(Path.join(tmp, "second"), path)
      removeFirst()
      removePaths(directory.path)
      assert.deepStrictEqual(Fs.readdirSync(tmp), [])
      removeSecond()
      assert.deepStrictEqual(Fs.readdirSync(`${directory.path}/p`), [])
    }).pipe(Effect.scoped))

  it.live("a path that is not there is refused", () =>
    Effect.gen(function*() {
      const { reaper } = yield* mine
      const refused = Result.getOrThrow(Result.flip(reaper.addPath("/nowhere/at all")))
      assert.deepInclude(refused, { _tag: "RunDirectoryFailed", code: "ENOENT" })
    }).pipe(Effect.scoped))
})
