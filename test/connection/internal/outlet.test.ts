/** What leaves a connection: frames of a tick together, none by halves, and no more than a budget ahead. */
import { assert, describe, it } from "@effect/vitest"
import { Duplex } from "node:stream"
import { vi } from "vitest"
import { FrameReader, isMessage } from "../../../src/connection/internal/frameReader.ts"
import { Outlet } from "../../../src/connection/internal/outlet.ts"

/** A carrier that takes nothing until it is told. */
class Slow extends Duplex {
  readonly writes: Array<ReadonlyArray<Buffer>> = []
  private held: ((error?: Error) => void) | undefined
  stuck = false

  constructor() {
    super({ decodeStrings: false })
  }

  override _read(): void {}

  override _writev(chunks: ReadonlyArray<{ readonly chunk: Buffer }>, callback: (error?: Error) => void): void {
    // as the kernel it has its own copy, but for what is long
    this.writes.push(chunks.map(({ chunk }) => chunk.length < 1 << 20 ? Buffer.from(chunk) : chunk))
    if (this.stuck) this.held = callback
    else callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.held?.(new Error("cancelled"))
    callback(error)
  }

  go(): void {
    this.stuck = false
    const { held } = this
    this.held = undefined
    held?.()
  }
}

const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

const outletOf = (slow: Slow): Outlet => new Outlet(slow as never, () => {})

const messagesOf = (slow: Slow, limit = 1 << 20): ReadonlyArray<string> => {
  const reader = new FrameReader(limit)
  reader.trust(limit)
  for (const chunk of slow.writes.flat()) reader.push(chunk)
  const messages: Array<string> = []
  for (let one = reader.take(); one !== undefined && isMessage(one); one = reader.take()) {
    messages.push(Buffer.from(one).toString())
  }
  return messages
}

const put = (outlet: Outlet, text: string, limit = 1 << 20): number =>
  outlet.put(limit, (writer) => writer.raw(Buffer.from(text)))

describe("frames out", () => {
  it("of one tick leave in one write, those of the next in another", async () => {
    const slow = new Slow()
    const outlet = outletOf(slow)
    outlet.trust()
    for (const text of ["a", "", "bc"]) put(outlet, text)
    assert.lengthOf(slow.writes, 0)
    await tick()
    assert.lengthOf(slow.writes, 1)
    put(outlet, "d")
    await tick()
    assert.lengthOf(slow.writes, 2)
    assert.deepStrictEqual(messagesOf(slow), ["a", "", "bc", "d"])
  })

  it("that are too long, or cannot be written, leave nothing of themselves", async () => {
    const slow = new Slow()
    const outlet = outletOf(slow)
    put(outlet, "a")
    assert.strictEqual(put(outlet, "too long", 7), 8)
    assert.strictEqual(put(outlet, "x".repeat(50_000), 49_999), 50_000)
    assert.throws(() =>
      outlet.put(100, (writer) => {
        writer.raw(Buffer.alloc(10))
        writer.raw(Buffer.alloc(30_000))
        throw new Error("in the middle")
      }), "in the middle")
    put(outlet, "b".repeat(600))
    put(outlet, "c", 1)
    await tick()
    assert.deepStrictEqual(messagesOf(slow), ["a", "b".repeat(600), "c"])
  })

  it("over 2 GiB have a length of 8 bytes, and are not copied", async () => {
    const slow = new Slow()
    const outlet = outletOf(slow)
    outlet.trust()
    const part = Buffer.alloc(32 << 20)
    put(outlet, "before")
    const length = outlet.put(Number.MAX_SAFE_INTEGER, (writer) => {
      writer.raw(Buffer.from("abc"))
      for (let i = 0; i < 64; i++) writer.raw(part)
    })
    put(outlet, "behind")
    await tick()
    assert.strictEqual(length, 3 + 2 ** 31)
    const chunks = slow.writes.flat()
    const small = Buffer.concat(chunks.filter((chunk) => chunk.length < part.length))
    const header = Buffer.from("ffffffff0000000080000003", "hex")
    assert.deepStrictEqual(
      small,
      Buffer.concat([
        Buffer.from([0, 0, 0, 6]),
        Buffer.from("before"),
        header,
        Buffer.from("abc"),
        Buffer.from([0, 0, 0, 6]),
        Buffer.from("behind")
      ])
    )
    const long = chunks.filter((chunk) => chunk.length === part.length)
    assert.lengthOf(long, 64)
    assert.isTrue(long.every((chunk) => chunk.buffer === part.buffer))
    const exact = outlet.put(2 ** 31, (writer) => {
      for (let i = 0; i < 64; i++) writer.raw(i === 0 ? part.subarray(1) : part)
    })
    await tick()
    assert.strictEqual(exact, 2 ** 31 - 1)
    assert.strictEqual(slow.writes.at(-1)![0]!.toString("hex"), "7fffffff")
  })

  it("wait while more than 1 MiB is unsent, and go in the order in which they came", async () => {
    const slow = new Slow()
    slow.stuck = true
    const outlet = outletOf(slow)
    outlet.trust()
    const filler = "x".repeat(10_000)
    let count = 0
    while (!outlet.full) {
      put(outlet, filler)
      count++
    }
    assert.isAbove(count * 10_000, 1 << 20)
    assert.isBelow(count * 10_000, (1 << 20) + 20_000)
    const order: Array<string> = []
    const leave = outlet.wait(() => order.push("left"))
    for (const name of ["first", "second", "third"]) {
      outlet.wait(() => {
        order.push(name)
        put(outlet, name)
      })
    }
    leave()
    await tick()
    assert.deepStrictEqual(order, [])
    assert.isTrue(outlet.full, "who comes now goes behind those who wait")
    slow.go()
    while (order.length < 3) await tick()
    assert.deepStrictEqual(order, ["first", "second", "third"])
    await tick()
    assert.isFalse(outlet.full)
    assert.deepStrictEqual(messagesOf(slow).slice(count), ["first", "second", "third"])
  })

  it("that nobody takes any more keep nobody waiting", async () => {
    const slow = new Slow()
    slow.stuck = true
    slow.on("error", () => {})
    const outlet = outletOf(slow)
    while (!outlet.full) put(outlet, "x".repeat(10_000))
    let gone = 0
    outlet.wait(() => gone++)
    outlet.wait(() => gone++)
    const taken: Array<boolean> = []
    outlet.taken((isTaken) => taken.push(isTaken))
    slow.destroy()
    slow.once("close", () => outlet.stop())
    await vi.waitFor(() => assert.deepStrictEqual([gone, taken], [2, [false]]))
    outlet.taken((isTaken) => taken.push(isTaken))
    assert.lengthOf(taken, 1, "it never calls back at once when the carrier is gone")
    await tick()
    assert.deepStrictEqual(taken, [false, false])
  })
})
