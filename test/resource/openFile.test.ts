/** Files that can be sent, where they are opened; and messages that were not made by this library. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Reduction from "effect-multiprocessing/Reduction"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { openFiles } from "../support/openFiles.ts"
import { folder, rounds } from "../support/spawned.ts"

const encode = Schema.encodeEffect(Reduction.File)
const decode = Schema.decodeUnknownEffect(Reduction.File)

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

const reasonOf = (path: string, flag: FileSystem.OpenFlag = "r") =>
  Effect.map(Effect.flip(Effect.scoped(Reduction.openFile(path, { flag }))), ({ reason }) => reason)

describe("a file", () => {
  live(
    "is a regular one: nothing else is opened, and nobody waits for it",
    Effect.gen(function*() {
      const path = yield* folder
      ChildProcess.execFileSync("mkfifo", [`${path}/fifo`])
      Fs.symlinkSync("fifo", `${path}/link`)
      const server = Net.createServer().listen(`${path}/socket`)
      yield* Effect.promise(() => once(server, "listening"))
      const others = { fifo: "a FIFO", link: "a FIFO", socket: "a socket", "": "a directory", "/dev/null": "a device" }
      for (const [name, found] of Object.entries(others)) {
        for (const flag of ["r", "w", "a+"] as const) {
          const at = name.startsWith("/") ? name : `${path}/${name}`
          assert.deepInclude(yield* reasonOf(at, flag), { _tag: "NotRegularFile", path: at, found })
        }
      }
      assert.strictEqual(openFiles(path), 0)
      server.close()
    })
  )

  live(
    "is looked at again when it is open: what has come in its place meanwhile makes nobody wait either",
    Effect.gen(function*() {
      const path = `${yield* folder}/file`
      const { stat } = Fs.promises
      for (const flag of ["r", "w", "r+"] as const) {
        Fs.writeFileSync(path, "")
        Object.assign(Fs.promises, {
          stat: async (path: string, options: Fs.StatOptions) => {
            const found = await stat(path, options)
            Fs.rmSync(path)
            ChildProcess.execFileSync("mkfifo", [path])
            return found
          }
        })
        const reason = yield* Effect.ensuring(
          reasonOf(path, flag),
          Effect.sync(() => Object.assign(Fs.promises, { stat }))
        )
        // nobody reads, so that nobody can write
        assert.deepInclude(
          reason,
          flag === "w" ? { _tag: "SystemCallFailed", code: "ENXIO" } : { _tag: "NotRegularFile" }
        )
        assert.strictEqual(openFiles(path), 0)
        Fs.rmSync(path)
      }
    })
  )

  live(
    "that cannot be opened says why",
    Effect.gen(function*() {
      const path = yield* folder
      Fs.writeFileSync(`${path}/there`, "")
      assert.deepInclude(yield* reasonOf(`${path}/none`), { _tag: "PathNotFound", path: `${path}/none` })
      assert.strictEqual((yield* reasonOf(`${path}/there/none`))._tag, "PathNotFound")
      assert.strictEqual((yield* reasonOf(`${path}/no/folder`, "w"))._tag, "PathNotFound")
      assert.deepInclude(yield* reasonOf(`${path}/there`, "wx"), { _tag: "SystemCallFailed", code: "EEXIST" })
      Fs.symlinkSync("round", `${path}/round`)
      assert.deepInclude(yield* reasonOf(`${path}/round`), { _tag: "SystemCallFailed", code: "ELOOP" })
      for (const none of ["", "a\0b"]) assert.strictEqual((yield* reasonOf(none))._tag, "InvalidOption")
    })
  )

  live(
    "is made with its mode, and has no link in its path",
    Effect.gen(function*() {
      const path = Fs.realpathSync(yield* folder)
      Fs.mkdirSync(`${path}/real`)
      Fs.symlinkSync("real", `${path}/folder`)
      Fs.symlinkSync("../real/target", `${path}/real/link`)
      const file = yield* Reduction.openFile(`${path}/folder/link`, { flag: "a", mode: 0o600 })
      assert.strictEqual(file.path, `${path}/real/target`)
      assert.strictEqual(Fs.statSync(file.path).mode & 0o777, 0o600)
      assert.isTrue(FileSystem.isFile(file))
    })
  )

  live(
    "is closed when what is being written is written, and is not used after that",
    Effect.gen(function*() {
      const path = `${yield* folder}/big`
      const scope = yield* Scope.make()
      const file = yield* Scope.provide(Reduction.openFile(path, { flag: "w+" }), scope)
      const bytes = new Uint8Array(32 << 20).fill(7)
      const writing = yield* Effect.forkChild(file.write(bytes), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      const written = yield* Fiber.join(writing)
      assert.strictEqual(Fs.statSync(path).size, written)
      const uses = [
        file.write(bytes),
        file.writeAll(bytes),
        file.read(bytes),
        file.readAlloc(1),
        file.stat,
        file.sync,
        file.truncate(0)
      ]
      for (const use of uses) {
        assert.include((yield* Effect.flip(use as Effect.Effect<unknown, PlatformError>)).reason.cause, {
          code: "EBADF"
        })
      }
      assert.strictEqual(Fs.statSync(path).size, written)
    })
  )

  live(
    "that is interrupted stands where it has written to",
    Effect.gen(function*() {
      const file = yield* Reduction.openFile(`${yield* folder}/big`, { flag: "w" })
      const bytes = new Uint8Array(32 << 20).fill(7)
      const writing = yield* Effect.forkChild(file.write(bytes), { startImmediately: true })
      yield* Fiber.interrupt(writing)
      assert.strictEqual(file.position, BigInt(bytes.length))
      assert.strictEqual(Fs.statSync(file.path).size, bytes.length)
    })
  )

  const Step = fc.oneof(
    fc.record({
      do: fc.constant("seek" as const),
      offset: fc.bigInt(-20n, 40n),
      from: fc.constantFrom("start" as const, "current" as const)
    }),
    fc.record({
      do: fc.constantFrom("read" as const, "readAlloc" as const),
      size: fc.integer({ min: -1, max: 12 }),
      position: fc.option(fc.bigInt(-2n, 30n), { nil: undefined })
    }),
    fc.record({
      do: fc.constantFrom("write" as const, "writeAll" as const),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 9 })
    }),
    fc.record({ do: fc.constant("truncate" as const), length: fc.option(fc.nat(30), { nil: undefined }) }),
    fc.record({ do: fc.constant("stat" as const) })
  )
  type Step = typeof Step extends fc.Arbitrary<infer A> ? A : never

  const apply = (file: FileSystem.File, step: Step): Effect.Effect<unknown, unknown> => {
    switch (step.do) {
      case "seek":
        return file.seek(step.offset, step.from)
      case "read": {
        const buffer = new Uint8Array(Math.max(0, step.size))
        return Effect.map(file.read(buffer, { position: step.position }), (count) => [count, [...buffer]])
      }
      case "readAlloc":
        return Effect.map(file.readAlloc(step.size, { position: step.position }), Option.map(Array.from<number>))
      case "write":
        return file.write(step.bytes)
      case "writeAll":
        return file.writeAll(step.bytes)
      case "truncate":
        return file.truncate(step.length)
      case "stat":
        return Effect.map(file.stat, ({ mode, nlink, size, type }) => ({ mode, nlink, size, type }))
    }
  }

  const outcome = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.match(exit, {
      onSuccess: (value) => value,
      onFailure: ({ reasons }) =>
        reasons.map((reason) => {
          const { method, _tag } = ((reason as any).error as { reason: { _tag: string; method: string } }).reason
          return `${_tag} of ${method}`
        })
    })

  live(
    "does what one of Effect's FileSystem does",
    Effect.gen(function*() {
      const path = yield* folder
      const { open } = yield* FileSystem.FileSystem
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.constantFrom<FileSystem.OpenFlag>("r", "r+", "w", "w+", "a", "a+"),
            fc.array(Step, { maxLength: 12 }),
            async (flag, steps) => {
              const run = (name: string, open: Effect.Effect<FileSystem.File, unknown, Scope.Scope>) => {
                Fs.writeFileSync(`${path}/${name}`, "0123456789")
                const ran = Effect.flatMap(
                  open,
                  (file) =>
                    Effect.forEach(steps, (step) =>
                      Effect.zip(
                        Effect.map(Effect.exit(apply(file, step)), outcome),
                        Effect.map(file.seek(0n, "current"), (position) => `at ${position}`)
                      ))
                )
                return Effect.runPromise(Effect.scoped(ran) as Effect.Effect<unknown>).then((ran) => ({
                  ran,
                  content: Fs.readFileSync(`${path}/${name}`, "latin1")
                }))
              }
              assert.deepStrictEqual(
                await run("ours", Reduction.openFile(`${path}/ours`, { flag })),
                await run("effects", open(`${path}/effects`, { flag }))
              )
            }
          ),
          { numRuns: rounds(200, 5_000) }
        )
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("what travels", () => {
  const ten = Effect.map(folder, (folder) => {
    const path = `${Fs.realpathSync(folder)}/ten`
    Fs.writeFileSync(path, "0123456789")
    return path
  })

  live(
    "is path, flag, position and which file it is",
    Effect.gen(function*() {
      const path = yield* ten
      const file = yield* Reduction.openFile(path, { flag: "a+" })
      yield* file.seek(3n, "start")
      const { dev, ino } = Fs.statSync(path, { bigint: true })
      assert.deepInclude(yield* encode(file), { path, flag: "a+", position: 3, device: `${dev}`, inode: `${ino}` })
    })
  )

  live(
    "a new file is told from an old one whose inode it was given",
    Effect.gen(function*() {
      const path = yield* ten
      const encoded = yield* Effect.scoped(Effect.flatMap(Reduction.openFile(path), encode))
      // as soon as nobody has it, its number is free
      const reused = yield* waitUntil(() => {
        Fs.rmSync(path)
        Fs.writeFileSync(path, "another")
        return `${Fs.statSync(path, { bigint: true }).ino}` === encoded.inode
      }, { timeout: 2000 }).pipe(Effect.isSuccess)
      if (!reused) return console.warn("NOT RUN: an inode that is given again, because this file system does not")
      assert.include((yield* Effect.flip(decode(encoded))).message, "another file is there now")
    })
  )

  live(
    "another machine's, or what nobody can have sent, is refused, and nothing is open",
    Effect.gen(function*() {
      const path = yield* ten
      const encoded = yield* Effect.scoped(Effect.flatMap(Reduction.openFile(path), encode))
      const refused = (change: object) =>
        Effect.map(Effect.flip(decode({ ...encoded, ...change })), ({ message }) => message)
      assert.include(yield* refused({ machine: "another" }), "on another machine")
      assert.include(yield* refused({ inode: "1" }), "another file")
      assert.include(yield* refused({ device: "1" }), "another file")
      assert.include(yield* refused({ path: "/dev/zero" }), "a device")
      assert.include(yield* refused({ path: `${path}\0` }), "no path")
      for (const change of [{ path: "ten" }, { flag: "x" }, { position: -1 }, { position: 2 ** 53 }, { inode: 1 }]) {
        yield* refused(change)
      }
      assert.strictEqual(openFiles(path), 0)
      yield* decode(encoded)
    })
  )

  live(
    "is nothing where no Schema says so",
    Effect.gen(function*() {
      const file = yield* Reduction.openFile(yield* ten)
      const error = yield* Effect.flip(Schema.encodeEffect(Reduction.Unknown)({ file }))
      assert.include(error.message, "is not registered")
    })
  )
})
