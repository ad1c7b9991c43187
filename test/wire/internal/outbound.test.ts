import { assert, describe, it } from "@effect/vitest"
import { availableParallelism } from "node:os"
import { setImmediate } from "node:timers/promises"
import { Expectation } from "../../../src/wire/internal/expectation.ts"
import { Outbound } from "../../../src/wire/internal/outbound.ts"
import { kind } from "../../../src/wire/internal/records.ts"
import type { Transport } from "../../../src/wire/Transport.ts"

/** Takes all at once, and notes how many bytes came in each write. */
const noting = (writes: Array<number>): Transport => ({
  peer: "nobody",
  start: () => {},
  write: (chunks) => writes.push(Buffer.concat(chunks).length),
  unsent: () => 0,
  taken: (callback) => queueMicrotask(callback),
  end: () => {},
  destroy: () => {}
})

const size = 13

/** What is written of so many records of a tick, and when. */
const written = async (expectation: Expectation, records: number) => {
  const writes: Array<number> = []
  const out = new Outbound(noting(writes), 1 << 20, expectation)
  const codec = { write: (writer: { raw: (bytes: Uint8Array) => void }) => writer.raw(new Uint8Array(1)) }
  out.maxRecord = 1 << 20
  for (let i = 0; i < records; i++) out.put(kind.ok, 0, i, -1, codec, undefined, Number.POSITIVE_INFINITY)
  const atOnce = writes.length
  await setImmediate()
  expectation.end()
  return { atOnce, records: writes.map((bytes) => bytes / size) }
}

describe("records of a tick", () => {
  it("leave in one write where they are few", async () => {
    assert.deepStrictEqual(await written(new Expectation(), 20), { atOnce: 0, records: [20] })
  })

  it.skipIf(availableParallelism() === 1)(
    "leave in a few where they are many and the peer answers at once",
    async () => {
      assert.deepStrictEqual(await written(new Expectation(), 200), { atOnce: 3, records: [24, 48, 96, 32] })
    }
  )

  it("leave in one where it does not", async () => {
    const expectation = new Expectation()
    while (expectation.lively) expectation.inVain()
    assert.deepStrictEqual(await written(expectation, 200), { atOnce: 0, records: [200] })
  })
})
