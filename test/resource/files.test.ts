/** Open files that are sent: what arrives is the same file, opened again, or says why not. */
import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Reduction from "effect-multiprocessing/Reduction"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as RemoteQueue from "effect-multiprocessing/RemoteQueue"
import type { Spawner } from "effect-multiprocessing/Spawner"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import { live as here } from "../fixtures/resource/reader.live.ts"
import { Reader } from "../fixtures/resource/reader.ts"
import { openFiles } from "../support/openFiles.ts"
import { folder, rounds } from "../support/spawned.ts"

const inChild = Layer.fresh(
  ProcessLayer.make({ module: new URL("../fixtures/resource/reader.live.ts", import.meta.url), services: [Reader] })
)

const carriers = [["in this process", Layer.fresh(here)], ["to a child", inChild]] as const

type Services = Spawner | Scope.Scope

const test = <E>(name: string, effect: Effect.Effect<unknown, E, Services>, timeout?: number) => {
  it.live(name, () => effect.pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn)), timeout)
}

/** A reader of its own, and the process that it is. */
const another = Effect.gen(function*() {
  const before = new Set((yield* Process.activeChildren).map(({ pid }) => pid))
  const reader = Context.get(yield* Layer.build(inChild), Reader)
  const child = (yield* Process.activeChildren).find(({ pid }) => !before.has(pid))
  return { ...reader, pid: child!.pid }
})

/** How many descriptors a process may have. */
const limit = (pid: number, most: number) =>
  ChildProcess.spawnSync("prlimit", ["--pid", `${pid}`, `--nofile=${most}:`]).status === 0

const canLimit = ChildProcess.spawnSync("prlimit", ["--version"]).status === 0
if (!canLimit) console.warn("NOT RUN: a file where there are too many open ones, because there is no prlimit")

const cwd = process.cwd()

/** A file with ten bytes. */
const ten = Effect.map(folder, (folder) => {
  const path = `${Fs.realpathSync(folder)}/ten`
  Fs.writeFileSync(path, "0123456789")
  return path
})

const opened = (path: string, flag: FileSystem.OpenFlag, position: bigint) =>
  Effect.tap(Reduction.openFile(path, { flag }), (file) => file.seek(position, "start"))

const text = (file: Reduction.File, size: number) =>
  Effect.map(
    file.readAlloc(size),
    Option.match({ onNone: () => "", onSome: (bytes) => Buffer.from(bytes).toString() })
  )

/** Why a file did not arrive. */
const refusal = <A, R>(call: Effect.Effect<A, RemoteError, R>, tag: "DecodeFailed" | "EncodeFailed" = "DecodeFailed") =>
  Effect.map(Effect.flip(call), ({ reason }) => {
    assert.strictEqual(reason._tag, tag, reason.message)
    return reason.message
  })

interface Allowed {
  readonly reads: boolean
  readonly writes?: "at its position" | "at the end"
}

/** What may be done with a file of each flag, also where it has arrived. */
const allowed: Record<FileSystem.OpenFlag, Allowed> = {
  "r": { reads: true },
  "r+": { reads: true, writes: "at its position" },
  "w": { reads: false, writes: "at its position" },
  "wx": { reads: false, writes: "at its position" },
  "w+": { reads: true, writes: "at its position" },
  "wx+": { reads: true, writes: "at its position" },
  "a": { reads: false, writes: "at the end" },
  "ax": { reads: false, writes: "at the end" },
  "a+": { reads: true, writes: "at the end" },
  "ax+": { reads: true, writes: "at the end" }
}

for (const [name, layer] of carriers) {
  describe(name, () => {
    const live = <E>(name: string, effect: Effect.Effect<unknown, E, Services | Reader>) =>
      test(name, Effect.flatMap(Layer.build(layer), (context) => Effect.provideContext(effect, context)))

    for (const [flag, { reads, writes }] of Object.entries(allowed) as Array<[FileSystem.OpenFlag, Allowed]>) {
      live(
        `one that was opened with "${flag}" may be used as that says, and is not made or truncated again`,
        Effect.gen(function*() {
          const path = yield* ten
          if (flag.includes("x")) Fs.rmSync(path)
          const file = yield* Reduction.openFile(path, { flag })
          if (flag.startsWith("w") || flag.includes("x")) yield* file.writeAll(Buffer.from("0123456789"))
          yield* file.seek(4n, "start")
          const { use } = yield* Reader
          const after = reads ? 6n : 4n
          assert.deepStrictEqual(yield* use({ file, write: "AB" }), {
            path,
            flag,
            read: reads ? "45" : undefined,
            written: writes !== undefined,
            positions: [4n, after, writes === "at its position" ? after + 2n : after]
          })
          const content = writes === undefined
            ? "0123456789"
            : writes === "at the end"
            ? "0123456789AB"
            : reads
            ? "012345AB89"
            : "0123AB6789"
          assert.strictEqual(Fs.readFileSync(path, "utf8"), content)
          // The sender's is its own.
          assert.strictEqual(file.position, 4n)
          if (reads) assert.strictEqual(yield* text(file, 2), content.slice(4, 6))
        })
      )
    }

    live(
      "it stands where no 32 bits reach",
      Effect.gen(function*() {
        const path = yield* ten
        const position = 5n * 1024n ** 3n
        const file = yield* opened(path, "r+", position)
        yield* file.writeAll(Buffer.from("far away"))
        yield* file.seek(position, "start")
        const { read } = yield* Reader
        assert.strictEqual(yield* read({ file, size: 100 }), "far away")
        yield* file.seek(BigInt(Number.MAX_SAFE_INTEGER), "start")
        assert.strictEqual(yield* read({ file, size: 1 }), "")
        yield* file.seek(1n, "current")
        assert.include(yield* refusal(read({ file, size: 1 }), "EncodeFailed"), "beyond 2^53")
      })
    )

    live(
      "what was renamed, unlinked, or has another file at its path is not opened",
      Effect.gen(function*() {
        const { read } = yield* Reader
        const path = yield* ten
        const file = yield* Reduction.openFile(path)
        Fs.renameSync(path, `${path}.1`)
        assert.include(yield* refusal(read({ file, size: 1 })), `nothing is at "${path}"`)
        Fs.writeFileSync(path, "another")
        assert.include(yield* refusal(read({ file, size: 1 })), "another file is there now")
        Fs.rmSync(path)
        Fs.symlinkSync(`${path}.1`, path)
        // The same file, by another way.
        assert.strictEqual(yield* read({ file, size: 2 }), "01")
        Fs.rmSync(path)
        Fs.mkdirSync(path)
        assert.include(yield* refusal(read({ file, size: 1 })), "is a directory, not a regular file")
        Fs.rmdirSync(path)
        ChildProcess.execFileSync("mkfifo", [path])
        assert.include(yield* refusal(read({ file, size: 1 })), "is a FIFO, not a regular file")
        // The one that is open here does not mind.
        assert.strictEqual(yield* text(file, 10), "0123456789")
      })
    )

    live(
      "what is closed is not sent",
      Effect.gen(function*() {
        const { ignore } = yield* Reader
        const path = yield* ten
        const file = yield* Effect.scoped(Reduction.openFile(path))
        assert.include(yield* refusal(ignore({ file }), "EncodeFailed"), `${path} cannot be sent`)
        const { reason } = yield* Effect.flip(Effect.scoped(Reduction.reopenFile(file)))
        assert.strictEqual(reason._tag, "NotShareable")
      })
    )

    live(
      "a handler's is closed with its call, also when it did not look at it, and what is kept is not",
      Effect.gen(function*() {
        const reader = yield* Reader
        const path = yield* ten
        const file = yield* opened(path, "r", 2n)
        yield* reader.ignore({ file })
        const before = yield* reader.has({ path })
        for (let i = 0; i < 20; i++) yield* reader.ignore({ file })
        assert.strictEqual(yield* reader.has({ path }), before)
        yield* reader.keep({ file })
        assert.strictEqual(yield* reader.has({ path }), before + 1)
        assert.strictEqual(yield* reader.readKept({ size: 3 }), "234")
        assert.strictEqual(yield* reader.readKept({ size: 3 }), "567")
      })
    )

    live(
      "one of an answer arrives in the caller's Scope, at its position",
      Effect.gen(function*() {
        const { open } = yield* Reader
        const path = yield* ten
        const file = yield* Effect.scoped(Effect.gen(function*() {
          // It is relative there, and this process is somewhere else.
          const file = yield* open({
            folder: path.slice(0, -4),
            path: "../" + path.split("/").at(-2) + "/ten",
            position: 7n
          })
          process.chdir("/")
          assert.deepStrictEqual([file.path, file.position], [path, 7n])
          assert.strictEqual(yield* text(file, 10), "789")
          return file
        })).pipe(Effect.ensuring(Effect.sync(() => process.chdir(cwd))))
        assert.include((yield* Effect.flip(file.readAlloc(1))).reason.cause, { code: "EBADF" })
      })
    )

    live(
      "one of an error arrives, too",
      Effect.gen(function*() {
        const { fail } = yield* Reader
        const path = yield* ten
        yield* Effect.scoped(Effect.gen(function*() {
          const error = yield* Effect.flip(fail({ path, position: 8n }))
          assert.strictEqual(error._tag, "Unreadable", error.message)
          if (error._tag === "Unreadable") assert.strictEqual(yield* text(error.file, 10), "89")
        }))
        assert.strictEqual(openFiles(path), 0)
      })
    )

    live(
      "it is the same when codecs have been compiled",
      Effect.gen(function*() {
        const { fail, open, read } = yield* Reader
        const path = yield* ten
        const file = yield* opened(path, "r", 4n)
        for (let i = 0; i < 700; i++) {
          yield* Effect.scoped(Effect.gen(function*() {
            assert.strictEqual(yield* read({ file, size: 2 }), "45")
            const error = yield* Effect.flip(fail({ path, position: 8n }))
            if (error._tag !== "Unreadable") throw error
            assert.strictEqual(yield* text(error.file, 10), "89")
            const another = yield* open({ folder: "/", path, position: 9n })
            assert.strictEqual(yield* text(another, 10), "9")
          }))
        }
        assert.strictEqual(openFiles(path), 1)
      }).pipe(Effect.ensuring(Effect.sync(() => process.chdir(cwd))))
    )

    live(
      "a message that does not arrive as a whole leaves nothing open",
      Effect.gen(function*() {
        const { both, has, openBoth } = yield* Reader
        const path = yield* ten
        Fs.writeFileSync(`${path}.2`, "")
        const [first, second] = [yield* Reduction.openFile(path), yield* Reduction.openFile(`${path}.2`)]
        yield* both({ first, second })
        const before = yield* has({ path })
        Fs.rmSync(`${path}.2`)
        for (let i = 0; i < 5; i++) assert.include(yield* refusal(both({ first, second })), `nothing is at "${path}.2"`)
        for (let i = 0; i < 5; i++) {
          Fs.writeFileSync(`${path}.3`, "")
          const answer = openBoth({ first: path, second: `${path}.3` })
          assert.include(yield* refusal(answer), `nothing is at "${path}.3"`)
        }
        assert.deepStrictEqual([openFiles(path), yield* has({ path })], [2, before])
      })
    )

    live(
      "those of a stream arrive in its consumer's Scope",
      Effect.gen(function*() {
        const { openMany } = yield* Reader
        const path = yield* ten
        yield* Effect.scoped(Effect.gen(function*() {
          const files = yield* Stream.runCollect(openMany({ paths: Array.from({ length: 10 }, () => path) }))
          for (const file of files) assert.strictEqual(yield* text(file, 10), "0123456789")
        }))
        assert.strictEqual(openFiles(path), 0)
      })
    )

    live(
      "one whose call is interrupted is closed",
      Effect.gen(function*() {
        const { has, hold } = yield* Reader
        const path = yield* ten
        const file = yield* Reduction.openFile(path)
        yield* Stream.runDrain(Stream.take(hold({ file }), 1))
        const before = yield* has({ path })
        for (let i = 0; i < 5; i++) yield* Stream.runDrain(Stream.take(hold({ file }), 1))
        yield* waitUntil(Effect.map(has({ path }), (count) => count === before))
      })
    )
  })
}

describe("between processes", () => {
  test(
    "lines that several append are all there, each whole",
    Effect.gen(function*() {
      const path = `${yield* folder}/log`
      const file = yield* Reduction.openFile(path, { flag: "ax", mode: 0o600 })
      const [one, other] = yield* Effect.all([another, another])
      const count = rounds(300, 5_000)
      const lines = ["a".repeat(99) + "\n", "b".repeat(120) + "\n", "c\n"] as const
      yield* Effect.all([
        one.append({ file, line: lines[0], count }),
        other.append({ file, line: lines[1], count }),
        Effect.forEach(Array.from({ length: count }), () => file.writeAll(Buffer.from(lines[2])))
      ], { concurrency: "unbounded" })
      const written = Fs.readFileSync(path, "utf8").split("\n")
      assert.strictEqual(written.pop(), "")
      assert.strictEqual(written.length, 3 * count)
      for (const line of lines) assert.strictEqual(written.filter((found) => `${found}\n` === line).length, count)
    })
  )

  test(
    "a receiver that is killed takes what it had with it, and nobody else's",
    Effect.gen(function*() {
      const { hold, pid } = yield* another
      const file = yield* opened(yield* ten, "r+", 3n)
      const held = yield* Effect.forkChild(Effect.exit(Stream.runDrain(hold({ file }))))
      yield* waitUntil(() => openFiles(file.path, pid) === 1)
      process.kill(pid, "SIGKILL")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(held)))
      assert.strictEqual(yield* text(file, 2), "34")
      assert.strictEqual(openFiles(file.path), 1)
    })
  )

  test(
    "one goes on from process to process, through a queue, after its sender is gone",
    Effect.gen(function*() {
      const path = yield* ten
      const files = yield* RemoteQueue.make(Reduction.File)
      yield* Effect.scoped(Effect.flatMap(opened(path, "r", 5n), (file) => files.put(file)))
      const file = yield* files.take
      const { read } = yield* another
      assert.strictEqual(yield* read({ file, size: 10 }), "56789")
    }).pipe(Effect.provide(Manager.serve({ listen: false })))
  )

  test(
    "a file that nobody may open there is not opened",
    Effect.gen(function*() {
      const reader = yield* another
      const path = yield* ten
      const file = yield* Reduction.openFile(path)
      yield* reader.ignore({ file })
      Fs.chmodSync(path, 0o000)
      // Root may open anything.
      if (process.getuid!() === 0) yield* reader.become({ user: 65534 })
      assert.include(yield* refusal(reader.ignore({ file })), "EACCES")
    })
  )

  it.live.skipIf(!canLimit)(
    "where there are too many open files it says so, and works when there are fewer",
    () =>
      Effect.gen(function*() {
        const { ignore, pid } = yield* another
        const file = yield* Reduction.openFile(yield* ten)
        yield* ignore({ file })
        assert.isTrue(limit(pid, 3))
        assert.include(yield* refusal(ignore({ file })), "EMFILE")
        assert.isTrue(limit(pid, 1000))
        yield* ignore({ file })
      }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn))
  )
})
