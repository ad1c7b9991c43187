import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Spawner from "effect-multiprocessing/Spawner"
import { isAliveUnsafe, kill, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as OwnFolder from "../../src/guard/internal/ownFolder.ts"
import * as CompileCache from "../../src/process/internal/compileCache.ts"
import { double, Worker } from "../fixtures/process/work.ts"
import { folder, within } from "../support/spawned.ts"

type Env = Readonly<Record<string, string>>

/** A temporary folder of its own, with the folder that the cache is kept beside. */
const place = Effect.map(folder, (tmp) => {
  const base = Path.join(tmp, `emp-${OwnFolder.uid()}`)
  Fs.mkdirSync(base, { mode: 0o700 })
  return { tmp, base, cache: Path.join(base, "cache") }
})

const worker = (env: Env = {}) => ProcessLayer.make({ module: double.module as URL, services: [Worker], env })

/** Whether a child starts, answers, and ends in order, which is when Node.js writes the cache, too. */
const answers = (tmp: string, env: Env = {}) =>
  Effect.gen(function*() {
    const answer = yield* Effect.flatMap(Worker, ({ double }) => double({ n: 21 }))
    assert.strictEqual(answer, 42)
  }).pipe(Effect.provide(worker(env)), Effect.provide(ProcessLayer.spawn), (run) => within(tmp, run))

/** What Node.js says about the cache while a child runs. */
const reported = (tmp: string) =>
  Effect.gen(function*() {
    const env = { NODE_DEBUG_NATIVE: "COMPILE_CACHE" }
    const process = yield* Process.start(double, { n: 21 }, { env, stdio: { stderr: "pipe" } })
    const text = yield* Stream.mkString(Stream.decodeText(process.stderr))
    assert.strictEqual(yield* process.join, 42)
    return text.split("\n").filter((line) => line.includes("/effect/dist/"))
  }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn), (run) => within(tmp, run))

const files = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => Path.join(parentPath, name))

describe("what a child has compiled", () => {
  it.live("is kept, although it is killed then, and read by the next one", () =>
    Effect.gen(function*() {
      const { cache, tmp } = yield* place
      yield* Effect.gen(function*() {
        const spawner = yield* Layer.build(ProcessLayer.spawn)
        const context = yield* Effect.provide(Layer.build(worker()), spawner)
        const { pid } = yield* Effect.provide(Worker, context)
        const child = yield* pid()
        yield* waitUntil(() => Fs.existsSync(cache) && files(cache).length > 0)
        // it is written at one go
        yield* pid()
        yield* kill(child)
        yield* waitUntil(() => !isAliveUnsafe(child))
      }).pipe(Effect.scoped, (run) => within(tmp, run))
      assert.strictEqual(Fs.lstatSync(cache).mode & 0o777, 0o700)
      const lines = yield* reported(tmp)
      assert.isAbove(lines.filter((line) => line.includes("was accepted")).length, 50)
      assert.deepStrictEqual(lines.filter((line) => line.includes("writing cache")), [])
    }))

  for (
    const [name, make] of [
      ["a link", (cache: string) => Fs.symlinkSync(Path.dirname(Path.dirname(cache)), cache)],
      ["open to others", (cache: string) => {
        Fs.mkdirSync(cache)
        Fs.chmodSync(cache, 0o755)
      }],
      ["not to be written", (cache: string) => Fs.mkdirSync(cache, { mode: 0o500 })],
      ["no folder", (cache: string) => Fs.writeFileSync(cache, "")],
      ...(OwnFolder.uid() === 0
        ? [
          ["another user's", (cache: string) => {
            Fs.mkdirSync(cache, { mode: 0o700 })
            Fs.chownSync(cache, 12345, 12345)
          }] as const
        ]
        : [])
    ] as const
  ) {
    it.live(`is not kept where the folder is ${name}`, () =>
      Effect.gen(function*() {
        const { base, cache, tmp } = yield* place
        make(cache)
        yield* answers(tmp)
        assert.deepStrictEqual(files(tmp), name === "no folder" ? [cache] : [])
        assert.deepStrictEqual(Fs.readdirSync(base), ["cache"])
      }))
  }

  it.live("is not kept where the folder above has become open to others", () =>
    Effect.gen(function*() {
      const { base, tmp } = yield* place
      yield* Effect.gen(function*() {
        yield* Spawner.Spawner
        Fs.chmodSync(base, 0o755)
        yield* Effect.provide(Effect.flatMap(Worker, ({ pid }) => pid()), worker())
      }).pipe(Effect.provide(ProcessLayer.spawn), (run) => within(tmp, run))
      assert.deepStrictEqual(Fs.readdirSync(base), [])
    }))

  it.live("is not kept where it cannot be written", () =>
    Effect.gen(function*() {
      const { cache, tmp } = yield* place
      yield* answers(tmp)
      const [version] = Fs.readdirSync(cache)
      Fs.rmSync(Path.join(cache, version!), { recursive: true })
      Fs.writeFileSync(Path.join(cache, version!), "in the way")
      yield* answers(tmp)
      assert.strictEqual(files(cache).length, 1)
    }))

  it.live("is kept where the user says, or not at all", () =>
    Effect.gen(function*() {
      const { base, tmp } = yield* place
      const own = Path.join(tmp, "own")
      yield* answers(tmp, { NODE_COMPILE_CACHE: own })
      assert.isAbove(files(own).length, 100)
      yield* answers(tmp, { NODE_DISABLE_COMPILE_CACHE: "1" })
      yield* answers(tmp, { NODE_V8_COVERAGE: Path.join(tmp, "coverage") })
      assert.deepStrictEqual(files(base), [])
    }))

  it.live("is bounded in number and age", () =>
    Effect.gen(function*() {
      const { base, cache, tmp } = yield* place
      const add = (name: string, hours: number) => {
        const then = new Date(Date.now() - hours * 3_600_000)
        Fs.mkdirSync(Path.dirname(Path.join(cache, name)), { recursive: true, mode: 0o700 })
        Fs.writeFileSync(Path.join(cache, name), "")
        Fs.utimesSync(Path.join(cache, name), then, then)
      }
      for (const [name, hours] of [["old/a", 90], ["v1/b", 4], ["v1/c", 1], ["v2/d", 3], ["v2/e", 2]] as const) {
        add(name, hours)
      }
      const left = () => files(cache).map((file) => Path.relative(cache, file)).toSorted()
      const long = new Date(Date.now() - 80 * 3_600_000)
      Fs.utimesSync(Path.join(cache, "old"), long, long)
      const trim = (files: number) => Effect.promise(() => CompileCache.trim(cache, { files, age: 50 * 3_600_000 }))
      yield* trim(4)
      assert.deepStrictEqual(left(), ["v1/b", "v1/c", "v2/d", "v2/e"])
      yield* trim(3)
      assert.deepStrictEqual(left(), ["v1/c", "v2/e"])
      // what others may have made is not touched
      Fs.chmodSync(cache, 0o755)
      yield* trim(0)
      Fs.renameSync(cache, Path.join(tmp, "elsewhere"))
      Fs.symlinkSync(Path.join(tmp, "elsewhere"), cache)
      yield* trim(0)
      Fs.rmSync(cache)
      yield* trim(0)
      assert.deepStrictEqual(Fs.readdirSync(base), [])
      assert.strictEqual(files(Path.join(tmp, "elsewhere")).length, 2)
    }))

  it.live("is trimmed by whoever is going to start children", () =>
    Effect.gen(function*() {
      const { cache, tmp } = yield* place
      Fs.mkdirSync(Path.join(cache, "v1"), { recursive: true })
      Fs.chmodSync(cache, 0o700)
      const long = new Date("2001-01-01")
      Fs.utimesSync(Path.join(cache, "v1"), long, long)
      const gone = waitUntil(() => !Fs.existsSync(Path.join(cache, "v1")))
      yield* within(tmp, Effect.provide(gone, ProcessLayer.spawn))
    }))
})
