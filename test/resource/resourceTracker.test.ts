/** What is left of whatever owners have registered, when they end in every way. */
import { assert, describe, it } from "@effect/vitest"
import type { ResourceError, ResourceErrorReason } from "effect-multiprocessing/ResourceError"
import * as ResourceTracker from "effect-multiprocessing/ResourceTracker"
import { freeze, kill, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import { reaperName } from "../../src/guard/internal/reaperScript.ts"
import type { Instructions, Report, Step } from "../fixtures/resource/tracked.ts"
import { allDead, removed, startIn } from "../support/owned.ts"
import { folder, leftBehind } from "../support/spawned.ts"

const live = <A, E>(
  name: string,
  test: Effect.Effect<A, E, ResourceTracker.ResourceTracker | Scope.Scope>,
  timeout?: number
): void => {
  it.live(name, () => Effect.scoped(test).pipe(Effect.provide(ResourceTracker.layer)), timeout)
}

const reasonOf = <A, R>(effect: Effect.Effect<A, ResourceError, R>): Effect.Effect<ResourceErrorReason, A, R> =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const isThere = (path: string): boolean => Fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** Things of every kind, made in a folder. */
const kinds: Readonly<Record<string, (path: string) => Effect.Effect<unknown, never, Scope.Scope>>> = {
  file: (path) => Effect.sync(() => Fs.writeFileSync(path, "")),
  FIFO: (path) => Effect.sync(() => ChildProcess.execFileSync("mkfifo", [path])),
  // renamed, it is not unlinked by its server
  socket: (path) =>
    Effect.acquireRelease(
      Effect.callback<Net.Server>((resume) => {
        const server: Net.Server = Net.createServer().listen(`${path}.s`, () => {
          Fs.renameSync(`${path}.s`, path)
          resume(Effect.succeed(server))
        })
      }),
      (server) => Effect.sync(() => server.close())
    ),
  directory: (path) =>
    Effect.sync(() => {
      Fs.mkdirSync(`${path}/in it`, { recursive: true })
      Fs.writeFileSync(`${path}/in it/file`, "")
    }),
  link: (path) =>
    Effect.sync(() => {
      Fs.symlinkSync(Os.homedir(), path)
    })
}

const all = Effect.fnUntraced(function*(within: string) {
  for (const [name, make] of Object.entries(kinds)) yield* make(Path.join(within, name))
  return Object.keys(kinds).map((name) => Path.join(within, name))
})

const started = (told: Instructions, tmp: string) =>
  startIn("resource", "tracked", JSON.stringify(told), { TMPDIR: tmp })

/** A process that has registered it, with its Reaper. */
const owner = Effect.fnUntraced(function*(told: Instructions, tmp: string) {
  const program = yield* started(told, tmp)
  const report = JSON.parse(yield* program.line) as Report
  return { ...program, ...report, reaper: yield* reaperOf(program.pid) }
})

/** The owner's shell that is not `previous`. */
const reaperOf = Effect.fnUntraced(function*(owner: number, previous?: number) {
  const find = () =>
    ProcessTable.descendants(owner).find(({ pid }) =>
      pid !== previous && ProcessTable.commandLine(pid).includes(reaperName)
    )
  yield* waitUntil(() => find() !== undefined, { what: "a shell" })
  return find()!.pid
})

/** Two folders: for what is registered, and for the owner's run directory. */
const folders = Effect.all([folder, folder])

const nothingLeft = (tmp: string) => waitUntil(() => leftBehind(tmp).length === 0, { what: "an empty folder" })

describe("an owner is killed", () => {
  it.live("all that it has registered is gone, of every kind, and nothing else", () =>
    Effect.gen(function*() {
      const [place, tmp] = yield* folders
      const paths = yield* all(place)
      Fs.writeFileSync(`${place}/other`, "")
      const owned = yield* owner({ paths, temp: true }, tmp)
      assert.isTrue(paths.every(isThere))
      assert.deepStrictEqual(Fs.readdirSync(owned.temp!), ["file"])
      owned.kill()
      yield* nothingLeft(tmp)
      assert.deepStrictEqual(Fs.readdirSync(place), ["other"])
      assert.isTrue(isThere(Os.homedir()))
    }))

  const names = ["plain", "with space", "two\nlines", "at its end\n\n", "-rf", "$(touch hacked) `x` *", "ünï", "\\n"]
  it.live("whatever it is called", () =>
    Effect.gen(function*() {
      const [place, tmp] = yield* folders
      const paths = names.map((name) => Path.join(place, name))
      for (const path of paths) Fs.writeFileSync(path, "")
      // what a path without its line breaks would be
      Fs.writeFileSync(`${place}/at its end`, "")
      const owned = yield* owner({ paths }, tmp)
      owned.kill()
      yield* nothingLeft(tmp)
      assert.deepStrictEqual(Fs.readdirSync(place), ["at its end"])
    }))

  it.live("what was renamed, replaced or linked elsewhere is left alone", () =>
    Effect.gen(function*() {
      const [place, tmp] = yield* folders
      const path = (name: string) => Path.join(place, name)
      for (const name of ["renamed", "replaced", "linked", "target", "newcomer"]) Fs.writeFileSync(path(name), name)
      Fs.mkdirSync(path("directory"))
      Fs.symlinkSync(path("target"), path("link"))
      Fs.mkdirSync(path("real"))
      Fs.symlinkSync(path("real"), path("way"))
      Fs.writeFileSync(path("way/through"), "")
      Fs.linkSync(path("linked"), path("its other name"))
      const paths = ["renamed", "replaced", "linked", "directory", "link", "way/through"].map(path)
      const owned = yield* owner({ paths }, tmp)
      Fs.renameSync(path("renamed"), path("new name"))
      Fs.renameSync(path("newcomer"), path("replaced"))
      Fs.renameSync(path("directory"), path("moved"))
      Fs.mkdirSync(path("directory"))
      owned.kill()
      yield* nothingLeft(tmp)
      assert.sameMembers(Fs.readdirSync(place), [
        "new name",
        "replaced",
        "its other name",
        "target",
        "directory",
        "moved",
        "real",
        "way"
      ])
      assert.strictEqual(Fs.readFileSync(path("replaced"), "utf8"), "newcomer")
      assert.strictEqual(Fs.readFileSync(path("its other name"), "utf8"), "linked")
      assert.deepStrictEqual(Fs.readdirSync(path("real")), [])
    }))

  const steps: ReadonlyArray<Step> = [
    "before record",
    "after record",
    "before removal",
    "after removal",
    "before end of the record",
    "after end of the record"
  ]
  for (const step of steps) {
    for (const kind of ["file", "directory"]) {
      it.live(`${step} of a ${kind}: ${step === "before record" ? "it is still its maker's" : "it is gone"}`, () =>
        Effect.gen(function*() {
          const [place, tmp] = yield* folders
          const path = Path.join(place, kind)
          yield* kinds[kind]!(path)
          const program = yield* started({ paths: [path], unlink: true, killed: step }, tmp)
          program.tell()
          assert.strictEqual(yield* program.end, "SIGKILL")
          yield* nothingLeft(tmp)
          assert.strictEqual(isThere(path), step === "before record")
        }))
    }
  }

  it.live("and its Reaper was before: another one does it", () =>
    Effect.gen(function*() {
      const [place, tmp] = yield* folders
      const paths = yield* all(place)
      const owned = yield* owner({ paths, temp: true }, tmp)
      yield* kill(owned.reaper)
      yield* reaperOf(owned.pid, owned.reaper)
      assert.isTrue(paths.every(isThere))
      owned.kill()
      yield* nothingLeft(tmp)
      assert.deepStrictEqual(Fs.readdirSync(place), [])
    }))

  it.live("together with its Reaper: the next owner does it, and touches nothing of another one", () =>
    Effect.gen(function*() {
      const [place, tmp] = yield* folders
      const paths = yield* all(place)
      const others = yield* folder
      const living = yield* owner({ paths: yield* all(others), temp: true, unlink: true }, tmp)
      const owned = yield* owner({ paths, temp: true }, tmp)
      yield* Effect.scoped(Effect.gen(function*() {
        // a frozen owner starts no other one
        yield* freeze(owned.pid)
        yield* kill(owned.reaper)
        owned.kill()
        yield* allDead([owned.reaper])
        yield* owned.end
      }))
      assert.isTrue(paths.every(isThere))
      const next = yield* owner({ paths: [] }, tmp)
      yield* removed(Path.dirname(owned.temp!))
      assert.deepStrictEqual(Fs.readdirSync(place), [])
      assert.sameMembers(Fs.readdirSync(others), Object.keys(kinds))
      next.tell()
      living.tell()
      assert.deepStrictEqual(yield* Effect.all([next.end, living.end]), [0, 0])
      assert.deepStrictEqual(Fs.readdirSync(others), [])
      assert.deepStrictEqual(leftBehind(tmp), [])
    }))

  it.live("what two owners have registered goes with the first of them; who only uses it takes nothing away", () =>
    Effect.gen(function*() {
      const [place, tmp] = yield* folders
      const path = Path.join(place, "file")
      Fs.writeFileSync(path, "")
      const first = yield* owner({ paths: [path] }, tmp)
      const second = yield* owner({ paths: [path] }, tmp)
      const user = yield* owner({ paths: [] }, tmp)
      user.kill()
      yield* user.end
      yield* allDead([user.reaper])
      assert.isTrue(isThere(path))
      second.tell()
      assert.strictEqual(yield* second.end, 0)
      assert.isTrue(isThere(path), "the end of a Scope forgets")
      first.kill()
      yield* nothingLeft(tmp)
      assert.isFalse(isThere(path))
    }))
})

describe("a registration", () => {
  live(
    "is pending until its Scope closes; with `unlink` that removes, else it leaves",
    Effect.gen(function*() {
      const place = yield* folder
      const paths = yield* all(place)
      for (const unlink of [undefined, false, true]) {
        const scope = yield* Scope.make()
        for (const path of paths) {
          yield* Scope.provide(ResourceTracker.register(path, { unlink }), scope)
        }
        assert.deepStrictEqual(yield* ResourceTracker.pending, paths)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(yield* ResourceTracker.pending, [])
        assert.sameMembers(Fs.readdirSync(place), unlink === true ? [] : Object.keys(kinds))
      }
    })
  )

  live(
    "of what has another file in its place, or is gone, ends without a trace",
    Effect.gen(function*() {
      const place = yield* folder
      const path = Path.join(place, "file")
      Fs.writeFileSync(path, "")
      yield* Effect.scoped(Effect.gen(function*() {
        yield* ResourceTracker.register(path, { unlink: true })
        Fs.writeFileSync(`${path}.new`, "")
        Fs.renameSync(`${path}.new`, path)
      }))
      assert.isTrue(isThere(path))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* ResourceTracker.register(path, { unlink: true })
        Fs.unlinkSync(path)
      }))
      assert.deepStrictEqual(Fs.readdirSync(place), [])
    })
  )

  live(
    "is one of many of a path: the end of one leaves the others, also when they have another guard's Layer",
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "file")
      Fs.writeFileSync(path, "")
      const records = () => {
        const base = Path.join(Os.tmpdir(), `emp-${process.getuid!()}`)
        return Fs.readdirSync(base)
          .filter((name) => Fs.existsSync(`${base}/${name}/p`))
          .flatMap((name) => Fs.readdirSync(`${base}/${name}/p`).map((record) => `${base}/${name}/p/${record}`))
          .filter((record) => Fs.readlinkSync(record) === path)
      }
      yield* ResourceTracker.register(path)
      yield* Effect.scoped(ResourceTracker.register(path))
      assert.lengthOf(records(), 1)
      const kept = yield* Scope.make()
      yield* Effect.scoped(Effect.gen(function*() {
        const context = yield* Layer.build(Layer.fresh(ResourceTracker.layer))
        yield* ResourceTracker.register(path).pipe(Effect.provide(context), Scope.provide(kept))
      }))
      assert.lengthOf(records(), 2, "a registration outlives its Layer")
      yield* Scope.close(kept, Exit.void)
      assert.lengthOf(records(), 1)
    })
  )

  live(
    "of a relative path means where it was made",
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "file")
      Fs.writeFileSync(path, "")
      yield* ResourceTracker.register(Path.relative(process.cwd(), path))
      assert.deepStrictEqual(yield* ResourceTracker.pending, [path])
    })
  )

  live(
    "of what is not there, or no path, is refused",
    Effect.gen(function*() {
      const place = yield* folder
      Fs.writeFileSync(`${place}/file`, "")
      for (const path of [`${place}/nothing`, `${place}/file/in it`]) {
        assert.deepInclude(yield* reasonOf(ResourceTracker.register(path)), { _tag: "PathNotFound", path })
      }
      for (const path of ["", "a\0b"]) {
        assert.deepInclude(yield* reasonOf(ResourceTracker.register(path)), { _tag: "InvalidOption", option: "path" })
      }
      const long = `${place}/${"x".repeat(300)}`
      assert.deepInclude(yield* reasonOf(ResourceTracker.register(long)), {
        _tag: "SystemCallFailed",
        code: "ENAMETOOLONG"
      })
      assert.deepStrictEqual(yield* ResourceTracker.pending, [])
    })
  )

  live(
    "of a directory that nobody can mean is refused, by whatever name; a link to it is a link",
    Effect.gen(function*() {
      const place = yield* folder
      Fs.symlinkSync("/", `${place}/root`)
      const home = Os.homedir()
      const refused = ["/", "//", ".", "..", home, Path.dirname(home), Os.tmpdir(), `${place}/root${Os.tmpdir()}`]
      if (process.platform === "linux") refused.push("/dev/shm/", "/dev")
      for (const path of [...refused, Path.join(Os.tmpdir(), `emp-${process.getuid!()}`)]) {
        const reason = yield* reasonOf(ResourceTracker.register(path))
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "path" }, path)
        assert.match(reason.message, / holds the (home|working|temporary|run|shared) /)
      }
      yield* ResourceTracker.register(`${place}/root/`, { unlink: true })
      assert.deepStrictEqual(yield* ResourceTracker.pending, [`${place}/root`])
    })
  )

  it.live("needs the run directory: what it fails with", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      Fs.writeFileSync(Path.join(tmp, `emp-${process.getuid!()}`), "no folder")
      const program = `
        import * as Effect from "effect/Effect"
        import * as Layer from "effect/Layer"
        import * as ResourceTracker from "effect-multiprocessing/ResourceTracker"
        const { _tag, reason } = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(ResourceTracker.layer))))
        console.log(_tag, reason._tag)`
      const output = ChildProcess.execFileSync(process.execPath, ["--input-type=module", "-e", program], {
        encoding: "utf8",
        env: { ...process.env, TMPDIR: tmp }
      })
      assert.strictEqual(output, "ResourceError RunDirectoryFailed\n")
    }))
})

describe("a temporary directory", () => {
  live(
    "is this user's only, has a short path, and goes with its Scope, with what is in it",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(ResourceTracker.tempDirectory, scope)
      const second = yield* ResourceTracker.tempDirectory
      assert.notStrictEqual(first, second)
      assert.isBelow(first.length, 60)
      assert.strictEqual(Fs.statSync(first).mode & 0o777, 0o700)
      yield* all(first)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isThere(first))
      assert.deepStrictEqual(Fs.readdirSync(second), [])
      assert.deepStrictEqual(yield* ResourceTracker.pending, [])
    })
  )
})
