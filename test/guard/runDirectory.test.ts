import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Owner from "../../src/guard/internal/owner.ts"
import * as OwnFolder from "../../src/guard/internal/ownFolder.ts"
import * as Reaper from "../../src/guard/internal/reaper.ts"
import * as RunDirectory from "../../src/guard/internal/runDirectory.ts"
import { child } from "../support/owned.ts"
import { folder, within } from "../support/spawned.ts"

/** Why no run directory could be made. */
const refusal = Effect.scoped(RunDirectory.make).pipe(
  Effect.flip,
  Effect.map((reason) => {
    assert.strictEqual(reason._tag, "RunDirectoryFailed")
    return reason as Extract<typeof reason, { readonly _tag: "RunDirectoryFailed" }>
  })
)

const mode = (path: string) => Fs.lstatSync(path).mode & 0o777

describe("a run directory", () => {
  it.live("is private, says whose it is, answers, and goes with its Scope", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const path = yield* within(
        tmp,
        Effect.scoped(Effect.gen(function*() {
          const { mark, owner, path } = yield* RunDirectory.make
          assert.match(path, new RegExp(`^${tmp}/emp-${OwnFolder.uid()}/[a-z0-9]{8}$`))
          assert.strictEqual(mode(path), 0o700)
          assert.strictEqual(mode(Path.dirname(path)), 0o700)
          assert.deepStrictEqual(Owner.read(path), owner)
          assert.deepInclude(owner, { pid: process.pid, parent: process.ppid })
          assert.strictEqual(mark.value, `${path}:${owner.pid}:${owner.start}`)
          assert.isTrue(yield* Effect.promise(() => Owner.answers(path)))
          return path
        }))
      )
      assert.isFalse(Fs.existsSync(path))
      assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), [])
    }))

  it.live("has new short paths for sockets, which go with it", () =>
    Effect.gen(function*() {
      const { path, socketPath } = yield* RunDirectory.make
      const paths = Array.from({ length: 100 }, socketPath)
      assert.strictEqual(new Set(paths).size, 100)
      for (const each of paths) assert.strictEqual(Path.dirname(each), path)
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => Net.createServer()),
        (server) => Effect.sync(() => server.close())
      )
      yield* Effect.callback<void>((resume) => {
        server.listen(paths[99], () => resume(Effect.void))
      })
    }).pipe(Effect.scoped))

  it.live("two of one process are two", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* RunDirectory.make, yield* RunDirectory.make]
      assert.notStrictEqual(a.path, b.path)
    }).pipe(Effect.scoped))

  it.live("is in /tmp where the temporary folder is too deep for a socket", () =>
    Effect.gen(function*() {
      const tmp = `${yield* folder}/${"deep/".repeat(20)}`
      Fs.mkdirSync(tmp, { recursive: true })
      const { path, socketPath } = yield* within(tmp, RunDirectory.make)
      assert.isTrue(path.startsWith(`/tmp/emp-${OwnFolder.uid()}/`))
      assert.isAtMost(Buffer.byteLength(socketPath()), 103)
    }).pipe(Effect.scoped))

  it.live("never looks old to cleaners of temporary files", () =>
    Effect.gen(function*() {
      const path = yield* folder
      for (const name of ["c", "p"]) Fs.mkdirSync(`${path}/${name}`)
      Fs.writeFileSync(`${path}/c/1.2.g`, "")
      Fs.symlinkSync("/nowhere", `${path}/p/1.2.3`)
      const all = ["", "/c", "/c/1.2.g", "/p", "/p/1.2.3"].map((name) => path + name)
      const youngest = () => Math.min(...all.map((file) => Fs.lstatSync(file).mtimeMs))
      const long = new Date("2001-01-01")
      for (const file of all) Fs.lutimesSync(file, long, long)
      assert.isAbove(Owner.hoursUntouched(path), 1_000)
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] })
      const stop = Owner.keepFresh(path)
      vi.advanceTimersByTime(3_600_000)
      stop()
      assert.isAbove(youngest(), Date.now() - 60_000)
      for (const file of all) Fs.lutimesSync(file, long, long)
      vi.advanceTimersByTime(3_600_000)
      assert.strictEqual(youngest(), long.getTime())
    }).pipe(Effect.ensuring(Effect.sync(() => vi.useRealTimers()))))

  it.live("a removed one is no trouble at the end", () =>
    Effect.gen(function*() {
      const { path, remove } = yield* RunDirectory.make
      remove()
      remove()
      assert.isFalse(Fs.existsSync(path))
    }).pipe(Effect.scoped))
})

describe("no run directory", () => {
  it.live("through a link, even to a directory of ours", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      Fs.mkdirSync(`${tmp}/real`, { mode: 0o700 })
      Fs.symlinkSync(`${tmp}/real`, `${tmp}/emp-${OwnFolder.uid()}`)
      const { code, detail } = yield* within(tmp, refusal)
      assert.deepStrictEqual([code, detail], ["EPERM", "it is a symbolic link"])
      assert.deepStrictEqual(Fs.readdirSync(`${tmp}/real`), [])
    }))

  it.live("where others may look or write", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const base = `${tmp}/emp-${OwnFolder.uid()}`
      Fs.mkdirSync(base)
      Fs.chmodSync(base, 0o755)
      const { code, detail, path } = yield* within(tmp, refusal)
      assert.deepStrictEqual([code, detail, path], ["EPERM", "its mode is 755, not 700", base])
      Fs.rmdirSync(base)
      Fs.writeFileSync(base, "")
      assert.strictEqual((yield* within(tmp, refusal)).detail, "it is not a directory")
      if (OwnFolder.uid() !== 0) return
      Fs.rmSync(base)
      Fs.mkdirSync(base, { mode: 0o700 })
      Fs.chownSync(base, 12345, 12345)
      assert.strictEqual((yield* within(tmp, refusal)).detail, "it belongs to user 12345")
    }))

  it.live("where there is no temporary folder", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* within("/nowhere", refusal)).code, "ENOENT")
    }))
})

/** A file system so small that it has room for this many files; only root can have one. */
const tiny = (files: number) =>
  Effect.acquireRelease(
    Effect.map(folder, (path) => {
      ChildProcess.execFileSync("mount", ["-t", "tmpfs", "-o", `size=64k,nr_inodes=${files}`, "tmpfs", path])
      return path
    }),
    (path) => Effect.sync(() => void ChildProcess.execFileSync("umount", ["--lazy", path]))
  )

const mayMount = OwnFolder.uid() === 0 &&
  ChildProcess.spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0

// Elsewhere a folder that takes no more files stands for the full disk.
describe(`the disk is full (${mayMount ? "a tiny file system" : "a folder without permission"})`, () => {
  it.live("when the directory is made: nothing of it is left", () =>
    Effect.gen(function*() {
      const tmp = yield* (mayMount ? tiny(5) : folder)
      if (!mayMount) Fs.chmodSync(tmp, 0o500)
      const { code } = yield* within(tmp, refusal).pipe(Effect.ensuring(Effect.sync(() => Fs.chmodSync(tmp, 0o700))))
      assert.strictEqual(code, mayMount ? "ENOSPC" : "EACCES")
      const left = Fs.readdirSync(tmp, { recursive: true })
      assert.deepStrictEqual(left, mayMount ? [`emp-${OwnFolder.uid()}`] : [])
    }).pipe(Effect.scoped))

  it.live("when a child is to be put under guard: it is refused, and the others are still guarded", () =>
    Effect.gen(function*() {
      const tmp = yield* (mayMount ? tiny(13) : folder)
      const directory = yield* within(tmp, RunDirectory.make)
      const reaper = yield* Reaper.make(directory)
      const first = yield* child("sleep", ["1000"])
      const second = yield* child("sleep", ["1000"])
      const records = `${directory.path}/c`
      // bytes are all used up: a record needs none
      if (mayMount) Fs.writeFileSync(`${tmp}/bytes`, new Uint8Array(40_000))
      yield* Effect.fromResult(reaper.addChild({ pid: first.pid, group: true }))
      if (mayMount) {
        for (let n = 0;; n++) {
          try {
            Fs.writeFileSync(`${tmp}/${n}`, "")
          } catch {
            break
          }
        }
      } else Fs.chmodSync(records, 0o500)
      const reason = Result.getOrThrow(Result.flip(reaper.addChild({ pid: second.pid, group: true })))
      if (!mayMount) Fs.chmodSync(records, 0o700)
      assert.strictEqual(reason._tag, "RunDirectoryFailed")
      assert.deepInclude(reason, { code: mayMount ? "ENOSPC" : "EACCES", path: directory.path })
      assert.strictEqual(Fs.readdirSync(records).length, 2, "the first and the sentinel")
    }).pipe(Effect.scoped))
})
