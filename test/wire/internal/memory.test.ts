import { assert, describe, it } from "@effect/vitest"
import { giveBack, Loan, Memory } from "../../../src/wire/internal/memory.ts"

const KiB = 1 << 10
const MiB = 1 << 20

const lent = (memory: Memory, size = MiB) => {
  const buffer = memory.take(size).fill(7)
  const loan = new Loan(memory, buffer.buffer)
  return { buffer: buffer.buffer, loan, bytes: loan.lend(0, size) }
}

describe("Memory", () => {
  it("keeps what is given, and takes the latest that fits", () => {
    const memory = new Memory()
    const [small, large, latest] = [400 * KiB, MiB, MiB].map((size) => memory.take(size).buffer)
    for (const buffer of [small!, large!, latest!]) memory.give(buffer)
    assert.strictEqual(memory.take(MiB).buffer, latest)
    assert.strictEqual(memory.take(300 * KiB).buffer, small)
    // more than half of it would lie idle for as long as the record is kept
    assert.notStrictEqual(memory.take(MiB / 2 - 1).buffer, large)
    assert.notStrictEqual(memory.take(MiB + 1).buffer, large)
    assert.strictEqual(memory.take(MiB / 2).buffer, large)
  })

  it("shows nothing of the last record behind the end of a shorter one", () => {
    const memory = new Memory()
    const first = memory.take(MiB).fill(7)
    memory.give(first.buffer)
    const second = memory.take(MiB - 10)
    assert.strictEqual(second.buffer, first.buffer)
    assert.deepStrictEqual(new Uint8Array(second.buffer, MiB - 10), new Uint8Array(10))
  })

  it("keeps a record of 16 MiB, in which more than its bytes is", () => {
    const memory = new Memory()
    const { buffer } = memory.take(16 * MiB + 100)
    memory.give(buffer)
    assert.isTrue(memory.take(16 * MiB + 100).buffer === buffer)
  })

  it("keeps no more than that, of which the oldest goes first", () => {
    const memory = new Memory()
    const buffers = Array.from({ length: 20 }, () => memory.take(MiB).buffer)
    for (const buffer of buffers) memory.give(buffer)
    memory.give(new ArrayBuffer(16 * MiB + 64 * KiB + 1))
    const taken = Array.from({ length: 17 }, () => memory.take(MiB).buffer)
    assert.deepStrictEqual(taken.slice(0, 16), buffers.slice(4).toReversed())
    assert.notInclude(buffers, taken[16])
  })

  it("lets go of everything when nothing was given for a while, and when it is closed", ({ onTestFinished }) => {
    const timers: Array<() => void> = []
    const real = globalThis.setTimeout
    onTestFinished(() => {
      globalThis.setTimeout = real
    })
    globalThis.setTimeout = ((callback: () => void) => {
      timers.push(callback)
      return { unref: () => ({ refresh: () => {} }) }
    }) as never
    const idle = new Memory()
    const first = idle.take(MiB).buffer
    idle.give(first)
    assert.strictEqual(timers.length, 1)
    timers[0]!()
    assert.notStrictEqual(idle.take(MiB).buffer, first)

    const closed = new Memory()
    closed.give(first)
    closed.close()
    closed.give(first)
    assert.notStrictEqual(closed.take(MiB).buffer, first)
  })
})

describe("Loan", () => {
  it("makes bytes that are given back empty, also those that somebody has kept", () => {
    const memory = new Memory()
    const { bytes } = lent(memory)
    const kept = bytes.subarray(5, 10)
    giveBack(bytes)
    assert.deepStrictEqual([bytes.length, kept.length], [0, 0])
    const next = memory.take(MiB)
    assert.strictEqual(next[0], 7)
    next.fill(8)
    giveBack(bytes)
    assert.strictEqual(next[0], 8)
    assert.notStrictEqual(memory.take(MiB)[0], 8)
  })

  it("knows its bytes by any view of them, and no others", () => {
    const { bytes } = lent(new Memory())
    giveBack(new Uint8Array(MiB))
    giveBack(Buffer.from("from the pool"))
    giveBack(bytes.slice())
    assert.strictEqual(bytes.length, MiB)
    giveBack(bytes.subarray(100))
    assert.strictEqual(bytes.length, 0)
  })

  it("leaves bytes that share their memory with others", () => {
    const memory = new Memory()
    const { buffer, bytes, loan } = lent(memory)
    const other = loan.lend(10, 20)
    giveBack(bytes)
    giveBack(other)
    assert.deepStrictEqual([bytes.length, other.length], [MiB, 20])
    assert.notStrictEqual(memory.take(MiB).buffer, buffer)
  })

  it("leaves bytes that are held until they are released", () => {
    const { bytes, loan } = lent(new Memory())
    loan.hold()
    giveBack(bytes)
    assert.strictEqual(bytes.length, MiB)
    loan.release()
    assert.strictEqual(bytes.length, 0)

    const kept = lent(new Memory())
    kept.loan.hold()
    kept.loan.release()
    assert.strictEqual(kept.bytes.length, MiB)
    giveBack(kept.bytes)
    assert.strictEqual(kept.bytes.length, 0)
  })

  it("leaves bytes that were transferred elsewhere", () => {
    const memory = new Memory()
    const { buffer, bytes } = lent(memory)
    const elsewhere = new Uint8Array(buffer.transfer())
    giveBack(bytes)
    assert.strictEqual(elsewhere.length, MiB)
    assert.strictEqual(elsewhere[0], 7)
    assert.notStrictEqual(memory.take(MiB)[0], 7)
  })
})
