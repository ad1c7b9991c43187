import { assert, describe, it } from "@effect/vitest"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Testing from "effect-multiprocessing/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { Worker } from "../fixtures/process/work.ts"
import { folder, rounds } from "../support/spawned.ts"

const KiB = 1 << 10
const MiB = 1 << 20

const module = new URL("../fixtures/process/work.live.ts", import.meta.url)

const hosted = (name: string, test: (worker: Worker["Service"]) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () =>
    Effect.scoped(Effect.flatMap(Worker, test)).pipe(
      Effect.provide(ProcessLayer.make({ module, services: [Worker] })),
      Effect.provide(ProcessLayer.spawn)
    ), rounds(60_000, 300_000))

const bytesOf = (size: number, seed = 0): Uint8Array => {
  const bytes = Buffer.allocUnsafe(size)
  for (let i = 0; i < size; i++) bytes[i] = i * 31 + (i >> 8) + seed
  return bytes
}

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Bytes that a process has read or written, of whatever kind. */
const moved = (pid: number, way: "rchar" | "wchar"): number =>
  Number(new RegExp(`^${way}: (\\d+)$`, "m").exec(readFileSync(`/proc/${pid}/io`, "latin1"))![1])

describe("values of many bytes", () => {
  hosted("come back as they were", (worker) =>
    Effect.forEach(
      [0, 1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1, MiB, 16 * MiB, rounds(32, 256) * MiB - KiB],
      (size) => {
        const data = bytesOf(size)
        return Effect.map(worker.bytes({ data }), (answer) => {
          assert.strictEqual(answer.length, size)
          assert.strictEqual(hashOf(answer), hashOf(data))
        })
      },
      { discard: true }
    ))

  hosted(
    "that fill both directions at once stop nobody",
    (worker) =>
      Effect.forEach(Array.from({ length: 600 }, (_, i) => i), (i) => {
        const data = bytesOf([1, 64 * KiB, 300 * KiB, 2 * MiB, 7, 40 * KiB][i % 6]!, i)
        return Effect.map(worker.bytes({ data }), (answer) => assert.isTrue(Buffer.from(answer).equals(data)))
      }, { concurrency: "unbounded", discard: true })
  )

  hosted("hold up neither a call nor an interruption", (worker) =>
    Effect.gen(function*() {
      const dir = yield* folder
      const pid = yield* worker.pid()
      const held = yield* Effect.forkChild(worker.hold({ folder: dir, id: 1 }))
      yield* Testing.waitUntil(() => existsSync(`${dir}/ready.1`))
      const before = moved(pid, "rchar")
      const long = yield* Effect.forkChild(worker.bytes({ data: new Uint8Array(255 * MiB) }))
      yield* Testing.waitUntil(() => moved(pid, "rchar") - before > 4 * MiB)
      yield* Fiber.interrupt(held)
      assert.strictEqual(yield* worker.released(), 1)
      assert.isBelow(moved(pid, "rchar") - before, 200 * MiB, "they came between its pieces")
      assert.isUndefined(long.pollUnsafe())
      // and its own interruption is not stuck behind it, but its end
      yield* Fiber.interrupt(long)
      const after = moved(pid, "rchar")
      yield* worker.bytes({ data: new Uint8Array(32 * MiB) })
      assert.isBelow(moved(pid, "rchar") - after, 48 * MiB)
    }))

  for (const way of ["rchar", "wchar"] as const) {
    hosted(
      `fail with the exit of a child that is killed while it ${way === "rchar" ? "reads" : "writes"} them`,
      (worker) =>
        Effect.gen(function*() {
          for (let round = 1; round <= rounds(2, 10); round++) {
            const pid = yield* worker.pid()
            const before = moved(pid, way)
            const call = yield* Effect.forkChild(Effect.flip(worker.bytes({ data: new Uint8Array(128 * MiB) })))
            yield* Testing.waitUntil(() => moved(pid, way) - before > round * MiB, { interval: 1 })
            yield* Testing.kill(pid)
            const { reason } = yield* Fiber.join(call)
            assert.deepInclude(reason as object, { _tag: "ProcessExited", pid, signal: "SIGKILL" })
          }
        })
    )
  }
})

hosted("a stream whose consumer stands still delays nobody else", (worker) =>
  Effect.gen(function*() {
    const started = yield* Deferred.make<void>()
    const standing = yield* Effect.forkChild(Stream.runForEach(
      worker.count({ to: 1e9 }),
      () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
    ))
    yield* Deferred.await(started)
    for (let n = 0; n < 1000; n++) assert.strictEqual(yield* worker.double({ n }), 2 * n)
    assert.deepStrictEqual(yield* Stream.runCollect(worker.count({ to: 5 })), [1, 2, 3, 4, 5])
    const data = bytesOf(8 * MiB)
    assert.isTrue(Buffer.from(yield* worker.bytes({ data })).equals(data))
    yield* Fiber.interrupt(standing)
  }))
