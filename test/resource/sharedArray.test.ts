import { assert, describe, it } from "@effect/vitest"
import * as Native from "effect-multiprocessing/Native"
import type { ResourceError } from "effect-multiprocessing/ResourceError"
import * as SharedArray from "effect-multiprocessing/SharedArray"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import * as SharedValue from "effect-multiprocessing/SharedValue"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { addUp } from "../fixtures/shared/addUp.ts"
import type { Instructions } from "../fixtures/shared/program.ts"
import { natively } from "../support/natively.ts"
import { startIn } from "../support/owned.ts"
import { fixture, pythons, talk } from "../support/pythons.ts"
import { folder } from "../support/spawned.ts"

const canShare = await natively("SharedArray and SharedValue")
const found = canShare ? pythons("SharedArray", 8) : []

const live = <A, E>(name: string, test: Effect.Effect<A, E, Native.Native | Scope.Scope>): void => {
  it.live(name, () => Effect.scoped(test).pipe(Effect.provide(Native.layer)))
}

const start = (told: Instructions, tmp: string) => startIn("shared", "program", JSON.stringify(told), { TMPDIR: tmp })

const types = [
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "float32",
  "float64"
] as const satisfies ReadonlyArray<SharedMemory.ElementType>

const isBig = (type: SharedMemory.ElementType) => type === "int64" || type === "uint64"

/** The number as that type has it. */
const as = (type: SharedMemory.ElementType, number: number): any => isBig(type) ? BigInt(number) : number

describe.runIf(canShare)("an array", () => {
  live(
    "is all 0, and what processes add up at once is exact, for every type",
    Effect.gen(function*() {
      const tmp = yield* folder
      const arrays = yield* Effect.forEach(
        types,
        (type): Effect.Effect<SharedArray.SharedArray<any>, ResourceError, Native.Native | Scope.Scope> =>
          SharedArray.make(type, 3)
      )
      for (const { array, length, type } of arrays) {
        assert.strictEqual(length, 3)
        assert.deepStrictEqual(Array.from<unknown>(array), [0, 0, 0].map((zero) => as(type, zero)))
      }
      const add = 10_000
      const told = { arrays: arrays.map(({ segment, type }) => [type, segment.name] as const), add }
      const others = [yield* start(told, tmp), yield* start(told, tmp)]
      for (const { line } of others) yield* line
      for (const { tell } of others) tell("go")
      yield* addUp(arrays, add)
      for (const { line } of others) assert.strictEqual(yield* line, `{"done":true}`)
      for (const { array, type } of arrays) {
        assert.deepStrictEqual(Array.from<unknown>(array), [3, 0, 0].map((number) => as(type, number)), type)
      }
      for (const { end, tell } of others) {
        tell()
        assert.strictEqual(yield* end, 0)
      }
    })
  )

  live(
    "of what is given, and each operation",
    Effect.gen(function*() {
      const numbers = yield* SharedArray.make("float64", [1.5, -0, NaN])
      assert.deepStrictEqual([...numbers.array], [1.5, -0, NaN])
      assert.strictEqual(yield* numbers.getAndSet(0, 2.5), 1.5)
      assert.strictEqual(yield* numbers.update(0, (number) => number * 2), 5)
      assert.strictEqual(yield* numbers.add(-3, -0.5), 4.5)
      assert.isFalse(yield* numbers.compareAndSet(1, 0, 1))
      assert.isTrue(yield* numbers.compareAndSet(1, -0, 1))
      assert.isTrue(yield* numbers.compareAndSet(2, NaN, 7))
      yield* numbers.set(-1, 8)
      assert.deepStrictEqual([...(yield* SharedArray.attach("float64", numbers.segment.name)).array], [4.5, 1, 8])
      const part = yield* SharedArray.fromSegment(numbers.segment, "float64", { offset: 8, length: 1 })
      assert.strictEqual(yield* part.get(0), 1)
      assert.strictEqual((yield* Effect.flip(part.get(1))).reason._tag, "IndexOutOfRange")
    })
  )

  live(
    "refuses what its type cannot hold, and is not changed by that",
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [SharedMemory.ElementType, ReadonlyArray<unknown>]> = [
        ["int8", [128, -129, 0.5, NaN, 1n, "1"]],
        ["uint8", [256, -1]],
        ["int16", [32768]],
        ["uint16", [65536]],
        ["int32", [2 ** 31]],
        ["uint32", [2 ** 32, -1]],
        ["int64", [2n ** 63n, 1]],
        ["uint64", [-1n, 2n ** 64n]],
        ["float32", [1n, 1e39, -Number.MAX_VALUE]],
        ["float64", ["1"]]
      ]
      for (const [type, values] of cases) {
        const numbers: SharedArray.SharedArray<any> = yield* SharedArray.make(type as "int8", [as(type, 1)])
        for (const value of values) {
          for (
            const effect of [
              numbers.set(0, value),
              numbers.getAndSet(0, value),
              numbers.compareAndSet(0, as(type, 1), value),
              numbers.compareAndSet(0, value, as(type, 1)),
              numbers.update(0, () => value),
              SharedArray.make(type as "int8", [value as number])
            ]
          ) {
            const { reason } = yield* Effect.flip<unknown, { readonly reason: { readonly _tag: string } }, any>(effect)
            assert.strictEqual(reason._tag, "NotStorable", `${type} ${String(value)}`)
          }
        }
        assert.strictEqual<unknown>(numbers.array[0], as(type, 1))
      }
    })
  )

  live(
    "a sum that is out of range is refused",
    Effect.gen(function*() {
      const bytes = yield* SharedArray.make("uint8", [250])
      assert.strictEqual(yield* bytes.add(0, 5), 255)
      assert.strictEqual((yield* Effect.flip(bytes.add(0, 1))).reason._tag, "NotStorable")
      assert.strictEqual(yield* bytes.add(0, -255), 0)
      assert.strictEqual((yield* Effect.flip(bytes.add(0, -1))).reason._tag, "NotStorable")
      assert.strictEqual((yield* Effect.flip(bytes.add(0, 1n as never))).reason._tag, "NotStorable")
      const whole = yield* SharedArray.make("int64", [2n ** 63n - 1n])
      assert.strictEqual((yield* Effect.flip(whole.add(0, 1n))).reason._tag, "NotStorable")
    })
  )

  live(
    "lengths, indices and closed Scopes",
    Effect.gen(function*() {
      for (const length of [0, -1, 0.5, NaN, Infinity, 2 ** 29 + 1]) {
        const { reason } = yield* Effect.flip(SharedArray.make("float64", length))
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "length" }, String(length))
      }
      assert.strictEqual((yield* Effect.flip(SharedArray.make("int8", []))).reason._tag, "InvalidOption")
      const scope = yield* Scope.make()
      const numbers = yield* Scope.provide(SharedArray.make("int8", 2), scope)
      for (const index of [2, -3, 0.5, NaN]) {
        assert.strictEqual((yield* Effect.flip(numbers.get(index))).reason._tag, "IndexOutOfRange")
      }
      const small = yield* Effect.flip(SharedArray.attach("float64", numbers.segment.name))
      assert.strictEqual(small.reason._tag, "SegmentTooSmall")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.flip(numbers.get(0))).reason._tag, "SegmentClosed")
      assert.strictEqual((yield* Effect.flip(numbers.add(0, 1))).reason._tag, "SegmentClosed")
    })
  )
})

describe.runIf(canShare)("a value", () => {
  live(
    "is one number, with each operation",
    Effect.gen(function*() {
      const made = yield* SharedValue.make("int32", 41, { name: `emp-${process.pid}-value` })
      assert.strictEqual(made.segment.size, 4)
      const attached = yield* SharedValue.attach("int32", made.segment.name)
      assert.strictEqual(yield* attached.add(1), 42)
      assert.strictEqual(yield* made.get, 42)
      assert.isTrue(yield* made.compareAndSet(42, 1))
      assert.isFalse(yield* attached.compareAndSet(42, 2))
      assert.strictEqual(yield* attached.getAndSet(5), 1)
      assert.strictEqual(yield* made.update((number) => number * 3), 15)
      yield* made.set(-1)
      assert.strictEqual(yield* attached.get, -1)
      assert.strictEqual((yield* Effect.flip(made.set(2 ** 31))).reason._tag, "NotStorable")
    })
  )

  live(
    "at a place of a segment, next to others",
    Effect.gen(function*() {
      const segment = yield* SharedMemory.make({ size: 16, sealed: true })
      const count = yield* SharedValue.fromSegment(segment, "int32")
      const mean = yield* SharedValue.fromSegment(segment, "float64", { offset: 8 })
      yield* count.add(2)
      yield* mean.set(0.5)
      assert.deepStrictEqual([yield* count.get, yield* mean.get], [2, 0.5])
      const { reason } = yield* Effect.flip(SharedValue.fromSegment(segment, "float64", { offset: 16 }))
      assert.strictEqual(reason._tag, "InvalidOption")
    })
  )
})

for (const { path, version } of found) {
  live(
    `CPython ${version} changes an array in place`,
    Effect.gen(function*() {
      const numbers = yield* SharedArray.make("float64", [1, -2.5, Infinity])
      const other = yield* talk(path, ["-W", "ignore", fixture("shared.py"), "double", numbers.segment.name])
      assert.strictEqual(yield* other.line, "doubled")
      assert.deepStrictEqual([...numbers.array], [2, -5, Infinity])
      assert.strictEqual(yield* other.end, 0)
    })
  )
}
