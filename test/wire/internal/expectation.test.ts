import { assert, describe, it } from "@effect/vitest"
import { availableParallelism } from "node:os"
import { setTimeout } from "node:timers/promises"
import { Expectation } from "../../../src/wire/internal/expectation.ts"

/** Whether the event loop is kept from sleeping. */
const looks = () => process.getActiveResourcesInfo().includes("Immediate")

/** Waits until nobody looks any more. */
const idle = async () => {
  while (looks()) await setTimeout(1)
}

/** Whether one who sends something now looks for an answer. */
const begins = async (expectation: Expectation, isAnswered: boolean, count = 1) => {
  await idle()
  expectation.begin(count)
  const looked = looks()
  if (isAnswered) expectation.end()
  await idle()
  return looked
}

/** Waits in vain until that is left out: the next time it is. */
const disappointed = async () => {
  const expectation = new Expectation()
  let waits = 0
  while (await begins(expectation, false)) waits++
  assert.isBelow(waits, 10)
  return expectation
}

/** The same, until it is left out so many times. */
const leftOut = async (times: number) => {
  const expectation = await disappointed()
  // the first was part of that
  for (let left = 1, used = 1; left < times; left = 2 * left + 1, used = 0) {
    for (; used < left; used++) assert.isFalse(await begins(expectation, false))
    assert.isTrue(await begins(expectation, false))
  }
  return expectation
}

describe.skipIf(availableParallelism() === 1)("who expects an answer", () => {
  it("looks for it, and no longer than for a moment", async () => {
    const expectation = new Expectation()
    for (let i = 0; i < 100; i++) assert.isTrue(await begins(expectation, true))
    assert.isTrue(await begins(expectation, false))
  })

  it("leaves it out after waits in vain, twice as many times after each, and looks again once it was answered", async () => {
    const expectation = await disappointed()
    for (let leftOut = 3; leftOut <= 255; leftOut = 2 * leftOut + 1) {
      assert.isTrue(await begins(expectation, false))
      for (let i = 0; i < leftOut; i++) assert.isFalse(await begins(expectation, false))
    }
    assert.isTrue(await begins(expectation, true))
    assert.isTrue(await begins(expectation, false))
    assert.isFalse(await begins(expectation, false))
    assert.isTrue(await begins(expectation, false))
  })

  it("looks again sooner when answers to several come in time although nobody looks", async () => {
    const sentUntilItLooks = async (count: number) => {
      const expectation = await leftOut(63)
      let sent = 0
      do {
        expectation.begin(count)
        expectation.end()
        sent++
      } while (!(await begins(expectation, true, count)))
      return sent
    }
    assert.isBelow(await sentUntilItLooks(8), 63 / 2)
    assert.strictEqual(await sentUntilItLooks(1), 64 / 2)
  })

  it("looks for long where it was left out for long, so that a kernel can give each side a core", async () => {
    const short = await leftOut(63)
    for (let i = 0; i < 63; i++) short.begin(8)
    const one = await leftOut(127)
    for (let i = 0; i < 127; i++) one.begin(1)
    const long = await leftOut(127)
    for (let i = 0; i < 127; i++) long.begin(8)
    const before = performance.now()
    short.begin(8)
    one.begin(1)
    long.begin(8)
    assert.isAtMost(one.until - performance.now(), 0.2)
    assert.isAtMost(short.until - performance.now(), 0.2)
    assert.isAtLeast(long.until - before, 4)
    assert.isFalse(await begins(long, true))
  })

  it("bears a wait in vain now and then", async () => {
    const expectation = new Expectation()
    for (let i = 0; i < 50; i++) {
      for (let n = 0; n < 10; n++) assert.isTrue(await begins(expectation, true))
      assert.isTrue(await begins(expectation, false))
    }
  })

  it("looks as long as any of many wants to, in whatever order they are answered", async () => {
    const all = Array.from({ length: 6 }, () => new Expectation())
    for (const order of [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 5, 0, 4, 1, 3]]) {
      await idle()
      for (const expectation of all) expectation.begin()
      // A second message before the answer to the first is one and the same wait.
      all[3]!.begin()
      for (const i of order) {
        assert.isAbove(all[i]!.until, 0)
        all[i]!.end()
      }
      // Nobody is left: what is looked at is empty after one turn.
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
      assert.isFalse(looks())
    }
    for (const expectation of all) expectation.begin()
    for (const i of [4, 1]) all[i]!.end()
    await idle()
    // The two that were answered lost nothing by it; the others have waited in vain once.
    for (const [i, expectation] of all.entries()) {
      let vain = 0
      while (await begins(expectation, false)) vain++
      assert.strictEqual(vain, [4, 1].includes(i) ? 2 : 1, `number ${i}`)
    }
  })

  it("learns nothing from others", async () => {
    const other = await disappointed()
    assert.isTrue(await begins(new Expectation(), true))
    assert.isTrue(await begins(other, false))
  })
})
