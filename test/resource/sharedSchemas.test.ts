import { assert, describe, it } from "@effect/vitest"
import * as Native from "effect-multiprocessing/Native"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as ShareableList from "effect-multiprocessing/ShareableList"
import * as SharedArray from "effect-multiprocessing/SharedArray"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import * as SharedValue from "effect-multiprocessing/SharedValue"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { Worker } from "../fixtures/shared/contract.ts"
import { live as here } from "../fixtures/shared/live.ts"
import { natively } from "../support/natively.ts"

const canShare = await natively("segments in messages")

const child = ProcessLayer.make({
  module: new URL("../fixtures/shared/live.ts", import.meta.url),
  services: [Worker]
}).pipe(Layer.provide(ProcessLayer.spawn), Layer.provideMerge(Native.layer))

const carriers = [["in this process", Layer.provideMerge(here, Native.layer)], ["to a child", child]] as const

for (const [name, layer] of carriers) {
  describe.runIf(canShare)(name, () => {
    const live = <A, E>(name: string, test: Effect.Effect<A, E, Worker | Native.Native | Scope.Scope>) => {
      it.live(name, () => Effect.scoped(test).pipe(Effect.provide(layer)))
    }
    const isHere = layer !== child

    live(
      "a segment arrives attached, for as long as the call",
      Effect.gen(function*() {
        const { fill, isLastClosed } = yield* Worker
        for (
          const segment of [yield* SharedMemory.make({ size: 5 }), yield* SharedMemory.make({ size: 5, sealed: true })]
        ) {
          yield* fill({ segment, byte: 3 })
          assert.deepStrictEqual([...segment.bytes], [3, 3, 3, 3, 3])
          assert.strictEqual(yield* isLastClosed(), !isHere)
          assert.isFalse(segment.isClosed)
        }
      })
    )

    live(
      "numbers arrive where they are, lists whole",
      Effect.gen(function*() {
        const { count, sum } = yield* Worker
        const segment = yield* SharedMemory.make({ size: 48 })
        const done = yield* SharedValue.fromSegment(segment, "int32", { offset: 4 })
        const numbers = yield* SharedArray.fromSegment(segment, "float64", { offset: 16, length: 3 })
        numbers.array.set([1, 2, 4])
        yield* sum({ numbers, done })
        assert.deepStrictEqual([...(yield* SharedMemory.view(segment, "float64", { offset: 8 }))], [0, 7, 2, 4, 0])
        assert.strictEqual(yield* done.get, 1)
        const list = yield* ShareableList.make(["a", null, true])
        yield* count({ list })
        assert.deepStrictEqual(yield* list.toArray, ["a", null, 3n])
      })
    )

    live(
      "one of the service arrives here, and is the service's to end",
      Effect.gen(function*() {
        const { own } = yield* Worker
        const name = yield* Effect.scoped(Effect.gen(function*() {
          const segment = yield* own()
          assert.deepStrictEqual([...segment.bytes], [7, 8, 9])
          return segment.name
        }))
        assert.isTrue(Fs.existsSync(`/dev/shm/${name}`))
      })
    )

    live(
      "one of a call ends with its answer",
      Effect.gen(function*() {
        const { fleeting } = yield* Worker
        if (isHere) return assert.isTrue((yield* fleeting()).isClosed)
        const { reason } = yield* Effect.flip(fleeting())
        assert.strictEqual(reason._tag, "DecodeFailed")
        assert.match(reason.message, /there is no segment named emp-/)
      })
    )

    live(
      "one that is gone: its call fails",
      Effect.gen(function*() {
        if (isHere) return
        const { fill } = yield* Worker
        const scope = yield* Scope.make()
        const segment = yield* Scope.provide(SharedMemory.make({ size: 5 }), scope)
        yield* segment.unlink
        const gone = yield* Effect.flip(fill({ segment, byte: 1 }))
        assert.strictEqual(gone.reason._tag, "DecodeFailed")
        yield* Scope.close(scope, Exit.void)
        const closed = yield* Effect.flip(fill({ segment, byte: 1 }))
        assert.strictEqual(closed.reason._tag, "EncodeFailed")
        assert.match(closed.reason.message, /is closed/)
      })
    )
  })
}

describe.runIf(canShare)("what travels", () => {
  const live = <A, E>(name: string, test: Effect.Effect<A, E, Native.Native | Scope.Scope>) => {
    it.live(name, () => Effect.scoped(test).pipe(Effect.provide(Native.layer)))
  }

  live(
    "is the name and the size; what arrives is the same memory",
    Effect.gen(function*() {
      const segment = yield* SharedMemory.make({ size: 5 })
      const encoded = yield* Schema.encodeEffect(SharedMemory.schema)(segment)
      assert.deepStrictEqual(encoded, { name: segment.name, size: 5 })
      const arrived = yield* Schema.decodeEffect(SharedMemory.schema)(encoded)
      arrived.bytes[0] = 1
      assert.strictEqual(segment.bytes[0], 1)
      const list = yield* ShareableList.make(["a".repeat(10_000)])
      const { name, size } = list.segment
      assert.deepStrictEqual(yield* Schema.encodeEffect(ShareableList.schema)(list), { name, size })
    })
  )

  live(
    "is of one type",
    Effect.gen(function*() {
      const numbers = yield* SharedArray.make("int32", 4)
      const value = yield* SharedValue.fromSegment(numbers.segment, "int32", { offset: 4 })
      const encode = Schema.encodeUnknownEffect
      assert.deepInclude(yield* encode(SharedArray.schema("int32"))(numbers), { offset: 0, length: 4 })
      assert.deepInclude(yield* encode(SharedValue.schema("int32"))(value), { offset: 4, length: 1 })
      yield* Effect.flip(encode(SharedArray.schema("uint32"))(numbers))
      yield* Effect.flip(encode(SharedValue.schema("uint32"))(value))
      yield* Effect.flip(encode(SharedMemory.schema)({ name: "x", size: 1 }))
    })
  )

  live(
    "is refused where it does not lie in the segment, or is no list",
    Effect.gen(function*() {
      const segment = yield* SharedMemory.make({ size: 8 })
      const { name } = segment
      const mapped = () => Fs.readFileSync("/proc/self/maps", "utf8").split(name).length
      const before = mapped()
      for (
        const decode of [
          Schema.decodeEffect(SharedMemory.schema)({ name, size: 9 }),
          Schema.decodeEffect(SharedArray.schema("int8"))({ segment: { name, size: 8 }, offset: 4, length: 5 }),
          Schema.decodeEffect(SharedArray.schema("int32"))({ segment: { name, size: 8 }, offset: 2, length: 1 }),
          Schema.decodeEffect(SharedMemory.schema)({ name: "../etc/passwd", size: 1 })
        ]
      ) {
        yield* Effect.flip(Effect.scoped(Effect.asVoid<unknown, unknown, Native.Native | Scope.Scope>(decode)))
      }
      segment.bytes[0] = 9
      yield* Effect.flip(Effect.scoped(Schema.decodeEffect(ShareableList.schema)({ name, size: 8 })))
      assert.strictEqual(mapped(), before)
    })
  )
})
