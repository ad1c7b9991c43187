import { assert, describe, it } from "@effect/vitest"
import * as Native from "effect-multiprocessing/Native"
import * as ShareableList from "effect-multiprocessing/ShareableList"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import * as Fs from "node:fs"
import * as Layout from "../../src/resource/internal/listLayout.ts"
import { natively } from "../support/natively.ts"
import { fixture, pythons, talk } from "../support/pythons.ts"
import { rounds } from "../support/spawned.ts"

const canShare = await natively("ShareableList")
const found = canShare ? pythons("ShareableList", 8) : []

const live = <A, E>(name: string, test: Effect.Effect<A, E, Native.Native | Scope.Scope>): void => {
  it.live(name, () => Effect.scoped(test).pipe(Effect.provide(Native.layer)))
}

const utf8 = (text: string) => new TextEncoder().encode(text)

/** A list of CPython's, and what it wrote. */
const howdy: ReadonlyArray<ShareableList.Item> = [
  "howdy",
  utf8("HoWdY"),
  -273.154,
  100n,
  null,
  true,
  42n,
  false,
  "",
  "xxxxxxxx"
]
const howdyData = [
  "686f776479000000",
  "486f576459000000",
  "5839b4c8761271c0",
  "6400000000000000",
  "0000000000000000",
  "0000000000000001",
  "2a00000000000000",
  "0000000000000000",
  "0000000000000000",
  "78787878787878780000000000000000"
].join("")

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

describe.runIf(canShare)("a list", () => {
  live(
    "has CPython's bytes",
    Effect.gen(function*() {
      const list = yield* ShareableList.make(howdy)
      const { bytes, size } = list.segment
      assert.strictEqual(size, 274)
      const view = new DataView(bytes.buffer)
      const words = Array.from({ length: 12 }, (_, index) => Number(view.getBigInt64(index * 8, true)))
      assert.deepStrictEqual(words, [10, 0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 88])
      assert.strictEqual(hex(bytes.subarray(96, 184)), howdyData)
      assert.strictEqual(hex(bytes.subarray(264)), "01020000030000000101")
      assert.strictEqual(yield* list.format, "8s8sdqxxxxxx?xxxxxxxx?qxxxxxxx?8s16s")
      assert.deepStrictEqual(yield* list.toArray, howdy)
    })
  )

  live(
    "is one for all who attach it",
    Effect.gen(function*() {
      const made = yield* ShareableList.make(["a", 1n, 2])
      const attached = yield* ShareableList.attach(made.segment.name)
      yield* attached.set(1, 5n)
      yield* made.set(-1, false)
      assert.deepStrictEqual(yield* made.toArray, ["a", 5n, false])
      assert.deepStrictEqual(yield* attached.toArray, ["a", 5n, false])
      assert.strictEqual(attached.length, 3)
    })
  )

  live(
    "takes what fits in a place, of whatever type, and gives it back as it was",
    Effect.gen(function*() {
      const list = yield* ShareableList.make(["12345678", 1n])
      for (
        const item of ["1234567890123456", "", "é\0ö", utf8("\0x"), 7n, -0, NaN, Infinity, null, true, "äöü", "\ufeffx"]
      ) {
        yield* list.set(0, item)
        assert.deepStrictEqual(yield* list.get(0), item)
      }
      for (const item of ["12345678", utf8("1"), -(2n ** 63n), 2n ** 63n - 1n]) {
        yield* list.set(1, item)
        assert.deepStrictEqual(yield* list.get(1), item)
      }
      assert.strictEqual(yield* list.format, "16sq")
    })
  )

  live(
    "refuses what it would not give back, and is not changed by that",
    Effect.gen(function*() {
      const list = yield* ShareableList.make(["old", 1n])
      const before = hex(list.segment.bytes)
      const lossy = ["nul\0", "\0", utf8("nul\0"), new Uint8Array(1), "\ud800", 2n ** 63n, -(2n ** 63n) - 1n]
      for (const item of [...lossy, "123456789", "ööööö", new Uint8Array(9).fill(1)]) {
        const { reason } = yield* Effect.flip(list.set(0, item))
        assert.strictEqual(reason._tag, "NotStorable", String(item))
      }
      assert.strictEqual(hex(list.segment.bytes), before)
      const huge = new Uint8Array(9_999_992).fill(1)
      for (const item of [...lossy, huge]) {
        const { reason } = yield* Effect.flip(ShareableList.make([item]))
        assert.strictEqual(reason._tag, "NotStorable")
      }
      const most = yield* ShareableList.make([huge.subarray(1)])
      assert.strictEqual(yield* most.format, "9999992s")
    })
  )

  live(
    "has items at its indices alone",
    Effect.gen(function*() {
      const list = yield* ShareableList.make([1n, 2n])
      assert.strictEqual(yield* list.get(-2), 1n)
      for (const index of [2, -3, 0.5, NaN]) {
        const { reason } = yield* Effect.flip(list.get(index))
        assert.deepInclude(reason, { _tag: "IndexOutOfRange", name: list.segment.name, index, length: 2 })
        assert.strictEqual((yield* Effect.flip(list.set(index, 1n))).reason._tag, "IndexOutOfRange")
      }
      const empty = yield* ShareableList.make([])
      assert.strictEqual(empty.segment.size, 16)
      assert.deepStrictEqual(yield* (yield* ShareableList.attach(empty.segment.name)).toArray, [])
    })
  )

  live(
    "is written into a segment that is there, if there is room",
    Effect.gen(function*() {
      const size = yield* ShareableList.sizeOf(howdy)
      assert.strictEqual(size, 274)
      assert.strictEqual(yield* ShareableList.sizeOf(howdy, { python: "3.8" }), 266)
      const segment = yield* SharedMemory.make({ size })
      segment.bytes.fill(0xff)
      const written = yield* ShareableList.write(segment, howdy)
      assert.deepStrictEqual(yield* written.toArray, howdy)
      const made = yield* ShareableList.make(howdy)
      assert.strictEqual(hex(segment.bytes), hex(made.segment.bytes))
      const { reason } = yield* Effect.flip(ShareableList.write(segment, [...howdy, 1n]))
      assert.deepInclude(reason, { _tag: "SegmentTooSmall", size, expected: 274 + 25 })
      assert.strictEqual((yield* Effect.flip(ShareableList.write(segment, ["\0"]))).reason._tag, "NotStorable")
      assert.strictEqual(hex(segment.bytes), hex(made.segment.bytes))
      assert.deepStrictEqual(yield* (yield* ShareableList.attach(segment.name)).toArray, howdy)
    })
  )

  live(
    "that is closed says so",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const list = yield* Scope.provide(ShareableList.make([1n]), scope)
      yield* Scope.close(scope, Exit.void)
      const others = [ShareableList.write(list.segment, []), ShareableList.fromSegment(list.segment)]
      for (const effect of [list.get(0), list.set(0, 1n), list.toArray, list.format, ...others]) {
        assert.strictEqual(
          (yield* Effect.flip<unknown, { readonly reason: { readonly _tag: string } }, never>(effect)).reason._tag,
          "SegmentClosed"
        )
      }
    })
  )

  live(
    "is not found in what holds something else",
    Effect.gen(function*() {
      const made = yield* ShareableList.make(["abc", 1n])
      const { bytes, name } = made.segment
      const good = bytes.slice()
      const spoilt = (at: number, ...values: ReadonlyArray<number>) => {
        bytes.set(good)
        bytes.set(values, at)
      }
      const mapped = () => Fs.readFileSync("/proc/self/maps", "utf8").split("/dev/shm").length
      const before = mapped()
      for (const [at, ...values] of [[0, 3], [0, 255, 255], [7, 128], [16, 0], [16, 255], [24, 8], [24, 255, 255]]) {
        spoilt(at!, ...values)
        const { reason } = yield* Effect.flip(ShareableList.attach(name))
        assert.strictEqual(reason._tag, "MalformedSegment", `${at}: ${values}`)
      }
      assert.strictEqual(mapped(), before)
      // formats at 48, kinds at 64
      for (const [at, ...values] of [[48, 0x71], [48, 0x39], [48, 0x32, 0x34, 0x73], [64, 0], [64, 9], [32, 0xff]]) {
        spoilt(at!, ...values)
        const { reason } = yield* Effect.flip(made.get(0))
        assert.strictEqual(reason._tag, "MalformedSegment", `${at}: ${values}`)
      }
      const tiny = yield* SharedMemory.make({ size: 7 })
      assert.strictEqual((yield* Effect.flip(ShareableList.attach(tiny.name))).reason._tag, "SegmentTooSmall")
    })
  )
})

describe("the layout", () => {
  it("hostile bytes are read as something or refused, never worse", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 400 }),
        fc.nat(12),
        fc.boolean(),
        (random, count, ordered) => {
          const bytes = new Uint8Array(new SharedArrayBuffer(random.length))
          bytes.set(random)
          bytes.fill(0, 0, 8)[0] = count
          const view = new DataView(bytes.buffer)
          if (ordered && 8 * (count + 2) <= bytes.length) {
            for (let index = 0; index <= count; index++) view.setBigInt64(8 + 8 * index, BigInt(index * 8), true)
          }
          const table = Layout.Table.read(bytes)
          if (table._tag === "Failure") return
          for (let index = 0; index < table.success.length; index++) table.success.get(index)
        }
      ),
      { numRuns: rounds(500, 20_000) }
    )
  })
})

type Tagged = readonly [string, unknown]

const tagged = (item: ShareableList.Item): Tagged => {
  if (item === null) return ["none", null]
  if (item instanceof Uint8Array) return ["bytes", hex(item)]
  if (typeof item === "bigint") return ["int", String(item)]
  if (typeof item === "number") return ["float", hexFloat(item)]
  return [typeof item === "boolean" ? "bool" : "str", item]
}

/** As Python writes them, by their bits. */
const hexFloat = (number: number): string => {
  if (Number.isNaN(number)) return "nan"
  if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf"
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, number)
  const bits = view.getBigUint64(0)
  const sign = bits >> 63n === 1n ? "-" : ""
  const exponent = Number((bits >> 52n) & 0x7ffn)
  const fraction = (bits & 0xfffffffffffffn).toString(16).padStart(13, "0")
  if (exponent === 0) return fraction === "0".repeat(13) ? `${sign}0x0.0p+0` : `${sign}0x0.${fraction}p-1022`
  const power = exponent - 1023
  return `${sign}0x1.${fraction}p${power < 0 ? "" : "+"}${power}`
}

const storable = (item: ShareableList.Item) => Layout.encode(item)._tag === "Success"

/** What CPython itself would not cut off. */
const fitsThere = (item: ShareableList.Item) =>
  typeof item !== "string" || Buffer.byteLength(item) <= 8 * (Math.floor([...item].length / 8) + 1)

const anyItem: fc.Arbitrary<ShareableList.Item> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double(),
  fc.boolean(),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.uint8Array({ maxLength: 40 }),
  fc.constant(null)
).filter(storable)

for (const { minor, path, version } of found) {
  describe(`with CPython ${version}`, () => {
    const layout = minor === 8 ? "3.8" : "3.9"
    const python = Effect.map(
      talk(path, ["-W", "ignore", fixture("lists.py")]),
      (talker) => (...told: ReadonlyArray<unknown>) => {
        talker.tell(JSON.stringify(told))
        return Effect.map(talker.line, (line) => JSON.parse(line) as unknown)
      }
    )

    live(
      "the same bytes, and what either writes the other reads",
      Effect.gen(function*() {
        const ask = yield* python
        const samples = fc.sample(fc.array(anyItem, { maxLength: 12 }), { numRuns: rounds(25, 1000), seed: minor })
        for (const items of [howdy, [], ...samples]) {
          yield* Effect.scoped(Effect.gen(function*() {
            const list = yield* ShareableList.make(items, { python: layout })
            if (items.every(fitsThere)) {
              assert.strictEqual(hex(list.segment.bytes), yield* ask("bytes_of", items.map(tagged)))
            }
            assert.deepStrictEqual(yield* ask("read", list.segment.name), items.map(tagged))
            const name = `emp-${process.pid}-list`
            const kept = items.filter(fitsThere)
            yield* ask("make", name, kept.map(tagged))
            yield* Effect.scoped(Effect.gen(function*() {
              const theirs = yield* ShareableList.attach(name)
              assert.deepStrictEqual((yield* theirs.toArray).map(tagged), kept.map(tagged))
            }))
            yield* ask("drop", name)
          }))
        }
      })
    )

    live(
      "what either changes the other sees",
      Effect.gen(function*() {
        const ask = yield* python
        const ours = yield* ShareableList.make(["a text of ours", 1n, 0.5, true, null], { python: layout })
        const name = `emp-${process.pid}-theirs`
        const start: ReadonlyArray<ShareableList.Item> = ["a text of ours", 1n, 0.5, true, null]
        yield* ask("make", name, start.map(tagged))
        const theirs = yield* ShareableList.attach(name)
        const changes: ReadonlyArray<readonly [number, ShareableList.Item]> = [
          [0, "short"],
          [0, 5n],
          [0, utf8("sixteen bytes ok")],
          [1, "8 bytes!"],
          [2, null],
          [3, -1.5],
          [4, false],
          [4, "é"]
        ]
        for (const [index, item] of changes) {
          yield* ask("change", ours.segment.name, index, tagged(item))
          yield* theirs.set(index, item)
          assert.deepStrictEqual(yield* ours.get(index), item)
          const read = yield* ask("read", name)
          assert.deepStrictEqual(read, (yield* ours.toArray).map(tagged))
          assert.strictEqual(hex(theirs.segment.bytes), hex(ours.segment.bytes))
        }
        yield* ask("drop", name)
      })
    )
  })
}
