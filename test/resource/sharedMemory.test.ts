import { assert, describe, it } from "@effect/vitest"
import * as Native from "effect-multiprocessing/Native"
import type { ResourceError, ResourceErrorReason } from "effect-multiprocessing/ResourceError"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import { Worker } from "node:worker_threads"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import { reaperName } from "../../src/guard/internal/reaperScript.ts"
import type { Instructions, Step } from "../fixtures/shared/program.ts"
import { natively } from "../support/natively.ts"
import { removed, startIn } from "../support/owned.ts"
import { runCommand } from "../support/program.ts"
import { fixture, pythons, talk } from "../support/pythons.ts"
import { folder, leftBehind } from "../support/spawned.ts"
import { canTouch, touchedKiB } from "../support/touched.ts"

const canShare = await natively("SharedMemory")
const canSeal = await natively("SharedMemory with sealed", "sealedMemory")
const found = canShare ? pythons("SharedMemory", 8) : []

const live = <A, E>(name: string, test: Effect.Effect<A, E, Native.Native | Scope.Scope>, timeout?: number): void => {
  it.live(name, () => Effect.scoped(test).pipe(Effect.provide(Native.layer)), timeout)
}

const fileOf = ({ name }: { readonly name: string }) => `/dev/shm/${name}`

const isThere = (segment: { readonly name: string }): boolean => Fs.existsSync(fileOf(segment))

const reasonOf = <A, R>(effect: Effect.Effect<A, ResourceError, R>): Effect.Effect<ResourceErrorReason, A, R> =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** What of the files of segments is mapped into this process. */
const mappings = (): ReadonlyArray<string> =>
  Fs.readFileSync("/proc/self/maps", "utf8").split("\n").filter((line) => /\/dev\/shm|\/memfd:/.test(line))

const descriptors = (): ReadonlyArray<string> =>
  Fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [Fs.readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      // the one that the folder was read with
      return []
    }
  }).filter((target) => /\/dev\/shm|\/memfd:/.test(target))

const start = (told: Instructions, tmp: string) => startIn("shared", "program", JSON.stringify(told), { TMPDIR: tmp })

/** A process that has made a segment. */
const maker = (told: Instructions & { readonly make: unknown }, tmp: string) =>
  Effect.gen(function*() {
    const program = yield* start(told, tmp)
    const { name } = JSON.parse(yield* program.line) as { readonly name: string }
    return { ...program, name }
  })

/** The entries of a process's segments that have fresh names. */
const entriesOf = (pid: number) => Fs.readdirSync("/dev/shm").filter((name) => name.startsWith(`emp-${pid}-`))

describe.runIf(canShare)("a segment", () => {
  live(
    "is all zeros, has its size and this user's mode, and is gone with its Scope",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const segment = yield* Scope.provide(SharedMemory.make({ size: 100_000 }), scope)
      assert.match(segment.name, new RegExp(`^emp-${process.pid}-[0-9a-f]{8}$`))
      assert.strictEqual(segment.size, 100_000)
      assert.strictEqual(segment.bytes.length, 100_000)
      assert.isTrue(segment.bytes.every((byte) => byte === 0))
      assert.strictEqual(Object.prototype.toString.call(segment.buffer), "[object SharedArrayBuffer]")
      const stat = Fs.statSync(fileOf(segment))
      assert.strictEqual(stat.size, 100_000)
      assert.strictEqual(stat.mode & 0o777, 0o600)
      assert.isAtLeast(stat.blocks * 512, 100_000, "all its memory is there")
      assert.lengthOf(mappings(), 1)
      assert.deepStrictEqual(descriptors(), [])
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isThere(segment))
      assert.deepStrictEqual(mappings(), [])
    })
  )

  live(
    "is written in place: its file has what was written, and the other way round",
    Effect.gen(function*() {
      const segment = yield* SharedMemory.make({ size: 5, mode: 0o640 })
      assert.strictEqual(Fs.statSync(fileOf(segment)).mode & 0o777, 0o640)
      segment.bytes.set([1, 2, 3, 4, 5])
      assert.deepStrictEqual([...Fs.readFileSync(fileOf(segment))], [1, 2, 3, 4, 5])
      Fs.writeFileSync(fileOf(segment), Buffer.from([9]), { flag: "r+" })
      assert.strictEqual(segment.bytes[0], 9)
    })
  )

  live(
    "is attached by its name; who attached it destroys nothing",
    Effect.gen(function*() {
      const made = yield* SharedMemory.make({ size: 4096 })
      yield* Effect.scoped(Effect.gen(function*() {
        const attached = yield* SharedMemory.attach(made.name)
        assert.strictEqual(attached.size, 4096)
        assert.strictEqual((yield* SharedMemory.attach(`/${made.name}`)).name, made.name)
        attached.bytes[7] = 7
      }))
      assert.strictEqual(made.bytes[7], 7)
      assert.isTrue(isThere(made))
      assert.lengthOf(mappings(), 1)
    })
  )

  live(
    "that is unlinked is still there for those who have it",
    Effect.gen(function*() {
      const made = yield* SharedMemory.make({ size: 8 })
      const attached = yield* SharedMemory.attach(made.name)
      yield* made.unlink
      yield* made.unlink
      assert.isFalse(isThere(made))
      attached.bytes[0] = 1
      assert.strictEqual(made.bytes[0], 1)
      assert.deepInclude(yield* reasonOf(SharedMemory.attach(made.name)), { _tag: "SegmentNotFound", name: made.name })
    })
  )

  live(
    "of somebody who does not unlink it",
    Effect.gen(function*() {
      const name = `emp-${process.pid}-left`
      Fs.writeFileSync(fileOf({ name }), "abc")
      yield* SharedMemory.unlink(name)
      assert.isFalse(isThere({ name }))
      assert.deepInclude(yield* reasonOf(SharedMemory.unlink(name)), { _tag: "SegmentNotFound" })
    })
  )

  live(
    "whose Scope has closed shows zeros, takes what is written, and others' memory is left alone",
    Effect.gen(function*() {
      const made = yield* SharedMemory.make({ size: 70_000 })
      made.bytes.fill(5)
      const scope = yield* Scope.make()
      const attached = yield* Scope.provide(SharedMemory.attach(made.name), scope)
      const numbers = yield* SharedMemory.view(attached, "uint16")
      assert.strictEqual(numbers[0], 0x0505)
      assert.isFalse(attached.isClosed)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(attached.isClosed)
      assert.isTrue(numbers.every((number) => number === 0))
      numbers.fill(7)
      assert.strictEqual(Atomics.add(numbers, 0, 1), 7)
      assert.isTrue(made.bytes.every((byte) => byte === 5))
      assert.deepInclude(yield* reasonOf(SharedMemory.view(attached, "uint8")), {
        _tag: "SegmentClosed",
        name: made.name
      })
      assert.strictEqual((yield* reasonOf(SharedMemory.struct(attached, { a: "int8" })))._tag, "SegmentClosed")
    })
  )

  live(
    "goes to the threads of this process: they wait for each other on it",
    Effect.gen(function*() {
      const segment = yield* SharedMemory.make({ size: 16 })
      const numbers = yield* SharedMemory.view(segment, "int32")
      const code = `
        const { workerData } = require("node:worker_threads")
        const numbers = new Int32Array(workerData, 0, 4)
        Atomics.wait(numbers, 0, 0)
        Atomics.store(numbers, 1, 42)
        Atomics.notify(numbers, 1)`
      const worker = new Worker(code, { eval: true, workerData: segment.buffer })
      const ended = new Promise((resolve) => worker.once("exit", resolve))
      Atomics.store(numbers, 0, 1)
      yield* waitUntil(() => {
        Atomics.notify(numbers, 0)
        return Atomics.load(numbers, 1) === 42
      }, { what: "the thread's number", interval: 1 })
      assert.strictEqual(yield* Effect.promise(() => ended), 0)
    })
  )

  live(
    "ends under a thread that goes on writing, without harm",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const segment = yield* Scope.provide(SharedMemory.make({ size: 100_000 }), scope)
      const others = yield* SharedMemory.attach(segment.name)
      const state = new Int32Array(new SharedArrayBuffer(8))
      const code = `
        const { workerData: { buffer, state } } = require("node:worker_threads")
        const bytes = new Uint8Array(buffer, 0, 100_000)
        for (let round = 1; Atomics.load(state, 1) === 0; round++) {
          for (let place = 0; place < bytes.length; place++) Atomics.add(bytes, place, 1)
          Atomics.store(state, 0, round)
        }`
      const worker = new Worker(code, { eval: true, workerData: { buffer: segment.buffer, state } })
      const ended = new Promise((resolve) => worker.once("exit", resolve))
      const goesOn = Effect.suspend(() => {
        const before = Atomics.load(state, 0)
        return waitUntil(() => Atomics.load(state, 0) > before + 1, { what: "rounds of the thread", interval: 1 })
      })
      yield* goesOn
      yield* Scope.close(scope, Exit.void)
      const left = others.bytes.slice()
      yield* goesOn
      assert.deepStrictEqual(others.bytes.slice(), left)
      assert.isAbove(segment.bytes[99_999]!, 0)
      Atomics.store(state, 1, 1)
      assert.strictEqual(yield* Effect.promise(() => ended), 0)
    })
  )

  live(
    "is one for all processes: what two of them and this one add up is exact",
    Effect.gen(function*() {
      const tmp = yield* folder
      const segment = yield* SharedMemory.make({ size: 8 })
      const numbers = yield* SharedMemory.view(segment, "int32")
      const add = 200_000
      const others = [
        yield* start({ attach: segment.name, add }, tmp),
        yield* start({ attach: segment.name, add }, tmp)
      ]
      for (const { line } of others) yield* line
      Atomics.store(numbers, 1, 1)
      for (let added = 0; added < add; added++) Atomics.add(numbers, 0, 1)
      for (const { line } of others) assert.strictEqual(yield* line, `{"done":true}`)
      assert.strictEqual(Atomics.load(numbers, 0), 3 * add)
      for (const { end, tell } of others) {
        tell()
        assert.strictEqual(yield* end, 0)
      }
      assert.isTrue(isThere(segment))
    })
  )
})

describe.runIf(canShare && canTouch)("the memory of a segment", () => {
  live(
    "is touched where it is made, and not where it is attached",
    Effect.gen(function*() {
      for (const sealed of canSeal ? [false, true] as const : [false] as const) {
        const size = 3 * 4096 * 1024
        const made = yield* SharedMemory.make(sealed ? { size, sealed } : { size })
        const file = sealed ? made.name.replace(/^memfd:(\d+):(\d+):.*$/, "/proc/$1/fd/$2") : fileOf(made)
        assert.strictEqual(touchedKiB(process.pid, file), size / 1024)
        const attached = yield* SharedMemory.attach(made.name)
        assert.strictEqual(touchedKiB(process.pid, file), size / 1024)
        assert.isTrue(attached.bytes.every((byte) => byte === 0))
        assert.strictEqual(touchedKiB(process.pid, file), 2 * size / 1024)
      }
    })
  )
})

describe.runIf(canShare)("bytes that are written", () => {
  live(
    "are where they should be, and nowhere else",
    Effect.gen(function*() {
      const segment = yield* SharedMemory.make({ size: 10 })
      yield* SharedMemory.write(segment, Uint8Array.of(1, 2, 3))
      yield* SharedMemory.write(segment, Uint8Array.of(0, 4, 5, 0).subarray(1, 3), { offset: 8 })
      yield* SharedMemory.write(segment, new Uint8Array(0), { offset: 10 })
      assert.deepStrictEqual([...segment.bytes], [1, 2, 3, 0, 0, 0, 0, 0, 4, 5])
      // from where they go to
      yield* SharedMemory.write(segment, segment.bytes.subarray(0, 9), { offset: 1 })
      assert.deepStrictEqual([...segment.bytes], [1, 1, 2, 3, 0, 0, 0, 0, 0, 4])
      const other = yield* SharedMemory.make({ size: 10 })
      yield* SharedMemory.write(other, segment.bytes)
      assert.deepStrictEqual(other.bytes, segment.bytes)
      const many = Uint8Array.from({ length: 5_000_001 }, (_, i) => i % 251)
      const large = yield* SharedMemory.make({ size: many.length + 1 })
      yield* SharedMemory.write(large, many, { offset: 1 })
      assert.strictEqual(Buffer.compare(large.bytes.subarray(1), many), 0)
      assert.strictEqual(large.bytes[0], 0)
    })
  )

  live(
    "must have room",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const segment = yield* Scope.provide(SharedMemory.make({ size: 10 }), scope)
      for (const offset of [-1, 0.5, 8, 11, NaN]) {
        const reason = yield* reasonOf(SharedMemory.write(segment, Uint8Array.of(1, 2, 3), { offset }))
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "offset" }, String(offset))
      }
      // what a segment has beyond its size is no part of it
      assert.isAbove(segment.buffer.byteLength, 11)
      const reason = yield* reasonOf(SharedMemory.write(segment, new Uint8Array(11).fill(1)))
      assert.deepInclude(reason, { _tag: "InvalidOption", option: "offset" })
      assert.isTrue(new Uint8Array(segment.buffer).every((byte) => byte === 0))
      yield* Scope.close(scope, Exit.void)
      const closed = yield* reasonOf(SharedMemory.write(segment, Uint8Array.of(1)))
      assert.deepInclude(closed, { _tag: "SegmentClosed", name: segment.name })
    })
  )
})

describe.runIf(canShare)("what cannot be", () => {
  live(
    "sizes: refused before anything is made",
    Effect.gen(function*() {
      for (const size of [0, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 32 + 1, 2 ** 53, 1e300]) {
        for (const options of [{ size }, { size, sealed: true } as const]) {
          const reason = yield* reasonOf(SharedMemory.make(options))
          assert.deepInclude(reason, { _tag: "InvalidOption", option: "size" }, String(size))
        }
      }
    })
  )

  live(
    "names",
    Effect.gen(function*() {
      for (const name of ["", "/", ".", "..", "a/b", "//a", "a\0b", "a\nb", "\ud800", "ü".repeat(128), "memfd:1"]) {
        for (
          const effect of [SharedMemory.make({ size: 1, name }), SharedMemory.attach(name), SharedMemory.unlink(name)]
        ) {
          const reason = yield* reasonOf(effect)
          assert.deepInclude(reason, { _tag: "InvalidName", name }, JSON.stringify(name))
        }
      }
      const longest = `emp-${process.pid}-`.padEnd(255, "x")
      assert.strictEqual((yield* SharedMemory.make({ size: 1, name: longest })).name, longest)
    })
  )

  live(
    "a name that is taken: nothing is left of it, and the one who has it keeps it",
    Effect.gen(function*() {
      const name = `emp-${process.pid}-taken`
      const segment = yield* SharedMemory.make({ size: 3, name })
      segment.bytes.set([1, 2, 3])
      assert.deepInclude(yield* reasonOf(SharedMemory.make({ size: 5, name })), { _tag: "NameTaken", name })
      assert.lengthOf(mappings(), 1)
      assert.deepStrictEqual(descriptors(), [])
      assert.deepStrictEqual([...Fs.readFileSync(fileOf(segment))], [1, 2, 3])
    })
  )

  live(
    "what is found and is no segment that could be attached",
    Effect.gen(function*() {
      const name = `emp-${process.pid}-odd`
      const path = fileOf({ name })
      const found = (make: () => void) =>
        Effect.acquireUseRelease(
          Effect.sync(make),
          () => reasonOf(SharedMemory.attach(name)),
          () => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
        )
      assert.deepInclude(yield* found(() => Fs.mkdirSync(path)), { _tag: "SystemCallFailed", code: "EISDIR" })
      assert.deepInclude(yield* found(() => Fs.symlinkSync("/etc/passwd", path)), {
        _tag: "SystemCallFailed",
        code: "ELOOP"
      })
      assert.strictEqual((yield* found(() => ChildProcess.execFileSync("mkfifo", [path])))._tag, "MalformedSegment")
      // between CPython's shm_open and its ftruncate
      assert.deepInclude(yield* found(() => Fs.writeFileSync(path, "")), {
        _tag: "SegmentTooSmall",
        size: 0,
        expected: 1
      })
      const sparse = () => {
        Fs.writeFileSync(path, "")
        Fs.truncateSync(path, 2 ** 32 + 1)
      }
      assert.deepInclude(yield* found(sparse), { _tag: "InvalidOption", option: "size" })
      assert.deepStrictEqual(descriptors(), [])
      assert.deepStrictEqual(mappings(), [])
    })
  )

  live(
    "one that is smaller than it must be",
    Effect.gen(function*() {
      const { name } = yield* SharedMemory.make({ size: 10 })
      assert.deepInclude(yield* reasonOf(SharedMemory.attach(name, { size: 11 })), {
        _tag: "SegmentTooSmall",
        name,
        size: 10,
        expected: 11
      })
      assert.strictEqual((yield* SharedMemory.attach(name, { size: 10 })).size, 10)
    })
  )

  live(
    "permissions that are none",
    Effect.gen(function*() {
      for (const mode of [-1, 0.5, NaN, 0o1000, 2 ** 40]) {
        const reason = yield* reasonOf(SharedMemory.make({ size: 1, mode }))
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "mode" }, String(mode))
      }
    })
  )

  live(
    "views that do not lie in the segment",
    Effect.gen(function*() {
      const segment = yield* SharedMemory.make({ size: 20 })
      for (const offset of [-8, 4, 0.5, 24, NaN]) {
        const reason = yield* reasonOf(SharedMemory.view(segment, "float64", { offset }))
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "offset" }, String(offset))
      }
      for (const length of [-1, 3, 0.5, NaN]) {
        const reason = yield* reasonOf(SharedMemory.view(segment, "float64", { length }))
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "length" }, String(length))
      }
      assert.lengthOf(yield* SharedMemory.view(segment, "float64"), 2)
      assert.lengthOf(yield* SharedMemory.view(segment, "float64", { offset: 16 }), 0)
      const reason = yield* reasonOf(SharedMemory.struct(segment, { a: "float64", b: "int8" }, { offset: 8 }))
      assert.deepInclude(reason, { _tag: "InvalidOption", option: "offset" })
    })
  )

  live(
    "an interruption while it is made leaves nothing",
    Effect.gen(function*() {
      const native = yield* Native.Native
      for (const step of ["reserve", "populate"] as const) {
        const begun = yield* Deferred.make<void>()
        const call = native.system[step] as (...args: ReadonlyArray<unknown>) => Promise<void>
        let atWork = false
        const system = {
          ...native.system,
          [step]: async (...args: ReadonlyArray<unknown>) => {
            Deferred.doneUnsafe(begun, Exit.void)
            atWork = true
            await call(...args)
            atWork = false
          },
          unmap: (address: bigint, length: number) => {
            assert.isFalse(atWork, "the system touches what is taken away")
            native.system.unmap(address, length)
          }
        }
        const fiber = yield* Effect.forkScoped(
          SharedMemory.make({ size: 64 * 2 ** 20 }).pipe(Effect.provideService(Native.Native, { ...native, system }))
        )
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
        assert.deepStrictEqual(mappings(), [])
        assert.deepStrictEqual(descriptors(), [])
        assert.deepStrictEqual(entriesOf(process.pid), [])
      }
    })
  )

  const ownShm = ["-m", "sh", "-c", `mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"`, "sh"]
  const { status } = ChildProcess.spawnSync("unshare", [...ownShm, "true"])
  if (status !== 0) console.warn("NOT RUN: a full /dev/shm, because this user may not mount one")

  it.live.runIf(status === 0)(
    "a full /dev/shm: an error, and no crash at the first touch",
    () =>
      Effect.gen(function*() {
        const tmp = yield* folder
        const program = `
        import * as Native from "effect-multiprocessing/Native"
        import * as SharedMemory from "effect-multiprocessing/SharedMemory"
        import * as Effect from "effect/Effect"
        import * as Fs from "node:fs"
        const reasonOf = (effect) => Effect.map(Effect.flip(effect), ({ reason }) => reason)
        await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
          const { bytes } = yield* SharedMemory.make({ size: 600_000 })
          const tooMuch = yield* reasonOf(SharedMemory.make({ size: 600_000 }))
          bytes.fill(1)
          // as CPython makes it: a size without memory
          Fs.writeFileSync("/dev/shm/sparse", "")
          Fs.truncateSync("/dev/shm/sparse", 600_000)
          const sparse = yield* reasonOf(SharedMemory.attach("sparse"))
          const fits = yield* SharedMemory.make({ size: 300_000 })
          fits.bytes.fill(1)
          console.log(JSON.stringify({ tooMuch, sparse, entries: Fs.readdirSync("/dev/shm").length }))
        })).pipe(Effect.provide(Native.layer)))`
        const args = [...ownShm, process.execPath, "--input-type=module", "-e", program]
        const ended = yield* runCommand("unshare", args, { env: { TMPDIR: tmp } })
        assert.strictEqual(ended.stderr, "")
        const { entries, sparse, tooMuch } = JSON.parse(ended.stdout)
        for (const reason of [tooMuch, sparse]) {
          assert.deepInclude(reason, { _tag: "OutOfSharedMemory", size: 600_000, detail: "/dev/shm is full" })
          assert.isAbove(reason.free, 0)
          assert.isBelow(reason.free, 600_000)
        }
        assert.strictEqual(entries, 3)
        assert.deepStrictEqual(leftBehind(tmp), [])
      }).pipe(Effect.scoped)
  )
})

describe.runIf(canShare)("numbers", () => {
  live(
    "of all types, where they are",
    Effect.gen(function*() {
      const segment = yield* SharedMemory.make({ size: 64 })
      const bytes = yield* SharedMemory.view(segment, "uint8")
      ;(yield* SharedMemory.view(segment, "float64"))[1] = -273.154
      assert.strictEqual(Buffer.from(bytes.slice(8, 16)).toString("hex"), "5839b4c8761271c0")
      ;(yield* SharedMemory.view(segment, "int64", { offset: 16, length: 1 }))[0] = -2n
      assert.deepStrictEqual([...bytes.subarray(16, 24)], [254, 255, 255, 255, 255, 255, 255, 255])
      ;(yield* SharedMemory.view(segment, "uint16", { offset: 2 }))[0] = 0x0102
      assert.deepStrictEqual([...bytes.subarray(0, 4)], [0, 0, 2, 1])
    })
  )

  live(
    "in a struct, as C lays it out",
    Effect.gen(function*() {
      const fields = { flag: "uint8", small: "int16", count: "uint32", mean: "float64", last: "int8" } as const
      assert.strictEqual(SharedMemory.sizeOf(fields), 24)
      const segment = yield* SharedMemory.make({ size: 48 })
      const second = yield* SharedMemory.struct(segment, fields, { offset: 24 })
      Object.assign(second, { flag: 1, small: -2, count: 0xffff_ffff, mean: 0.5, last: -1 })
      const view = new DataView(segment.buffer, 24, 24)
      assert.deepStrictEqual(
        [
          view.getUint8(0),
          view.getInt16(2, true),
          view.getUint32(4, true),
          view.getFloat64(8, true),
          view.getInt8(16)
        ],
        [1, -2, 0xffff_ffff, 0.5, -1]
      )
      view.setFloat64(8, 1.5, true)
      assert.strictEqual(second.mean, 1.5)
      assert.deepStrictEqual(Object.keys(second), ["flag", "small", "count", "mean", "last"])
      assert.isTrue(segment.bytes.subarray(0, 24).every((byte) => byte === 0))
    })
  )
})

describe.runIf(canSeal)("a sealed segment", () => {
  live(
    "is found by its name while its owner's Scope is open, in other processes too, and has no file",
    Effect.gen(function*() {
      const tmp = yield* folder
      const scope = yield* Scope.make()
      const made = yield* Scope.provide(SharedMemory.make({ size: 8, sealed: true }), scope)
      assert.match(made.name, new RegExp(`^memfd:${process.pid}:`))
      assert.deepStrictEqual(entriesOf(process.pid), [])
      const numbers = yield* SharedMemory.view(made, "int32")
      Atomics.store(numbers, 1, 1)
      const other = yield* start({ attach: made.name, add: 10 }, tmp)
      yield* other.line
      assert.strictEqual(yield* other.line, `{"done":true}`)
      assert.strictEqual(Atomics.load(numbers, 0), 10)
      other.tell()
      assert.strictEqual(yield* other.end, 0)
      const attached = yield* SharedMemory.attach(made.name)
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* reasonOf(SharedMemory.attach(made.name)), { _tag: "SegmentNotFound" })
      attached.bytes[0] = 1
      assert.deepStrictEqual(descriptors(), [])
    })
  )

  live(
    "can be neither shrunk nor grown, by nobody",
    Effect.gen(function*() {
      const made = yield* SharedMemory.make({ size: 100_000, sealed: true })
      const [, pid, descriptor] = made.name.split(":")
      for (const size of [0, 99_999, 100_001]) {
        const shrink = `require("node:fs").truncateSync("/proc/${pid}/fd/${descriptor}", ${size})`
        const { code, stderr } = yield* runCommand(process.execPath, ["-e", shrink])
        assert.strictEqual(code, 1)
        assert.match(stderr, /EPERM/)
      }
      made.bytes.fill(1)
    })
  )

  live(
    "a descriptor that is another file's by now is not taken for it",
    Effect.gen(function*() {
      const made = yield* SharedMemory.make({ size: 8, sealed: true })
      const other = made.name.replace(/[0-9a-f]{32}$/, "0".repeat(32))
      assert.deepInclude(yield* reasonOf(SharedMemory.attach(other)), { _tag: "SegmentNotFound", name: other })
      const nobody = made.name.replace(/^memfd:\d+/, "memfd:4194305")
      assert.deepInclude(yield* reasonOf(SharedMemory.attach(nobody)), { _tag: "SegmentNotFound" })
    })
  )

  it.live("whose owner is killed stays with those who have it, and nobody finds it any more", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const owner = yield* maker({ make: { size: 4, sealed: true }, bytes: [1, 2, 3, 4] }, tmp)
      const attached = yield* SharedMemory.attach(owner.name)
      owner.kill()
      yield* owner.end
      assert.deepStrictEqual([...attached.bytes], [1, 2, 3, 4])
      assert.deepInclude(yield* reasonOf(SharedMemory.attach(owner.name)), { _tag: "SegmentNotFound" })
      assert.deepStrictEqual(leftBehind(tmp), [])
    }).pipe(Effect.scoped, Effect.provide(Native.layer)))
})

describe.runIf(canShare)("the owner is killed", () => {
  const steps: ReadonlyArray<Step> = [
    "before reserve",
    "after reserve",
    "before map",
    "after map",
    "before populate",
    "after populate",
    "before link",
    "after link",
    "before unmap",
    "after unmap"
  ]
  for (const killed of steps) {
    it.live(`${killed}: nothing is left`, () =>
      Effect.gen(function*() {
        const tmp = yield* folder
        const owner = yield* start({ make: { size: 5000 }, killed }, tmp)
        // where it is to die at its end
        owner.tell()
        assert.strictEqual(yield* owner.end, "SIGKILL")
        yield* waitUntil(() => entriesOf(owner.pid).length === 0, { what: "removal of the segment" })
        yield* waitUntil(() => leftBehind(tmp).length === 0, { what: "removal of the run directory" })
      }).pipe(Effect.scoped))
  }

  live(
    "with the segment attached here: its name goes, its memory stays",
    Effect.gen(function*() {
      const tmp = yield* folder
      const owner = yield* maker({ make: { size: 4 }, bytes: [1, 2, 3, 4] }, tmp)
      const attached = yield* SharedMemory.attach(owner.name)
      owner.kill()
      yield* removed(fileOf(owner))
      assert.deepStrictEqual([...attached.bytes], [1, 2, 3, 4])
      yield* waitUntil(() => leftBehind(tmp).length === 0, { what: "removal of the run directory" })
    })
  )

  live(
    "and its name is another's by now: that one is left alone",
    Effect.gen(function*() {
      const tmp = yield* folder
      const owner = yield* maker({ make: { size: 4 } }, tmp)
      const { name } = owner
      yield* SharedMemory.unlink(name)
      const other = yield* SharedMemory.make({ size: 2, name })
      other.bytes.set([8, 9])
      owner.kill()
      yield* owner.end
      yield* waitUntil(() => leftBehind(tmp).length === 0, { what: "removal of the run directory" })
      assert.deepStrictEqual([...Fs.readFileSync(fileOf({ name }))], [8, 9])
    })
  )

  for (const first of [true, false]) {
    live(
      `after its guard was${
        first ? ", so that another stands" : " and before another stands: the next process unlinks"
      }`,
      Effect.gen(function*() {
        const tmp = yield* folder
        const owner = yield* maker({ make: { size: 4 } }, tmp)
        const shell = () =>
          ProcessTable.all().find(({ parent, pid, state }) =>
            parent === owner.pid && state !== "Z" && ProcessTable.commandLine(pid).includes(reaperName)
          )?.pid
        const before = shell()!
        if (!first) process.kill(owner.pid, "SIGSTOP")
        process.kill(before, "SIGKILL")
        if (first) yield* waitUntil(() => ![undefined, before].includes(shell()), { what: "another guard" })
        owner.kill()
        assert.strictEqual(yield* owner.end, "SIGKILL")
        if (!first) {
          assert.isTrue(isThere(owner))
          const next = yield* maker({ make: { size: 4 } }, tmp)
          yield* removed(fileOf(owner))
          next.tell()
          assert.strictEqual(yield* next.end, 0)
        }
        yield* removed(fileOf(owner))
        yield* waitUntil(() => leftBehind(tmp).length === 0, { what: "removal of the run directory" })
      })
    )
  }
})

describe.runIf(canShare)("one process, one name, twice", () => {
  live(
    "the end of the first does not end the second",
    Effect.gen(function*() {
      const name = `emp-${process.pid}-twice`
      const scope = yield* Scope.make()
      yield* Scope.provide(SharedMemory.make({ size: 1, name }), scope)
      yield* SharedMemory.unlink(name)
      const second = yield* SharedMemory.make({ size: 2, name })
      const { directory } = yield* (yield* Native.Native).guard
      const records = () => Fs.readdirSync(`${directory.path}/p`).map((file) => file.replace(/\.\d+$/, ""))
      assert.lengthOf(records(), 2)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(isThere(second))
      const { dev, ino } = Fs.statSync(fileOf(second))
      assert.deepStrictEqual(records(), [`${dev}.${ino}`])
      yield* second.unlink
      assert.deepStrictEqual(records(), [])
    })
  )
})

for (const { path, version } of found) {
  describe(`with CPython ${version}`, () => {
    const python = (...args: ReadonlyArray<string>) => talk(path, ["-W", "ignore", fixture("shared.py"), ...args])

    live(
      "ours is attached there; the owner survives what its resource tracker does at its end",
      Effect.gen(function*() {
        const made = yield* SharedMemory.make({ size: 5000 })
        made.bytes.set([1, 2, 3, 4])
        const other = yield* python("attach", made.name)
        assert.strictEqual(yield* other.line, "5000 01020304")
        made.bytes.set([9, 8, 7, 6])
        other.tell("go on")
        assert.strictEqual(yield* other.line, "added")
        assert.deepStrictEqual([...made.bytes.subarray(0, 4)], [10, 9, 8, 7])
        other.tell("end")
        assert.strictEqual(yield* other.end, 0)
        yield* removed(fileOf(made))
        made.bytes.fill(1)
        // others have its name now: they keep it
        Fs.writeFileSync(fileOf(made), "theirs")
        yield* made.unlink
        assert.isTrue(isThere(made))
        yield* SharedMemory.unlink(made.name)
      })
    )

    live(
      "theirs is attached here, and never destroyed",
      Effect.gen(function*() {
        const name = `emp-${process.pid}-theirs`
        const other = yield* python("make", name, "5000")
        assert.strictEqual(yield* other.line, "5000")
        yield* Effect.scoped(Effect.gen(function*() {
          const attached = yield* SharedMemory.attach(name)
          assert.strictEqual(attached.size, 5000)
          assert.deepStrictEqual([...attached.bytes.subarray(0, 5)], [1, 2, 3, 4, 0])
          attached.bytes.set([0xa, 0xb, 0xc, 0xd])
          attached.bytes.fill(1, 4)
        }))
        assert.isTrue(isThere({ name }))
        other.tell("go on")
        assert.strictEqual(yield* other.line, "0a0b0c0d")
        other.tell("end")
        assert.strictEqual(yield* other.end, 0)
        assert.isFalse(isThere({ name }))
      })
    )
  })
}
