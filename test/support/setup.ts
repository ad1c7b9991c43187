/**
 * After every test of every file: nothing may be left behind. There is no way for a test to turn this off.
 *
 * Hooks of this file begin first and end last: what a file's own hooks make and remove is inside.
 */
import { LeakCheck } from "effect-multiprocessing/testing"
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest"

/** Milliseconds; the test of this file wants to see it fail soon. */
const options = { timeout: Number(process.env.LEAK_TIMEOUT ?? 10_000) }

let beforeFile: LeakCheck.Snapshot
let beforeTest: LeakCheck.Snapshot

beforeAll(() => {
  beforeFile = LeakCheck.snapshot()
})
beforeEach(() => {
  beforeTest = LeakCheck.snapshot()
})
afterEach(() => LeakCheck.checkPromise(beforeTest, options))
afterAll(() => LeakCheck.checkPromise(beforeFile, options))
