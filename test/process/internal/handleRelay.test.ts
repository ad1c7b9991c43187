import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Net from "node:net"
import * as Relay from "../../../src/process/internal/handleRelay.ts"

/** Claims what it is told, and does nothing more: what it is sent is never acknowledged. */
const claimer = `process.once("message", (question) =>
  process.send({ "effect-multiprocessing": ["ask", 1, question] }, undefined, {}, () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }))`

const answerTo = (question: Relay.Question, passed?: Relay.Passed): Relay.Answer => {
  let answer: Relay.Answer | undefined
  Relay.ask(question, passed, (given) => {
    answer = given
  })
  return answer ?? assert.fail("the root answers at once")
}

describe("a handle on its way", () => {
  it.live("is let go of when its receiver is killed before it has it", () =>
    Effect.gen(function*() {
      const server = Net.createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1")
      yield* Effect.promise(() => once(server, "listening"))
      const client = Net.connect((server.address() as Net.AddressInfo).port, "127.0.0.1")
      const [accepted] = (yield* Effect.promise(() => once(server, "connection"))) as [
        Net.Socket & { _handle: Relay.Handle | null }
      ]
      server.close()
      const handle = accepted._handle!
      accepted._handle = null
      const root = answerTo(
        { do: "park", token: "t", holder: "h", expiry: 60_000 },
        { handle, owned: true }
      ).root!

      const child = spawn(process.execPath, ["-e", claimer], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
      Relay.follow(child)
      child.send({ do: "claim", token: "t", root } satisfies Relay.Question)
      yield* waitUntil(() => answerTo({ do: "count", holder: "h" }).waiting === 0)
      assert.isAtLeast(handle.fd, 0)
      child.kill("SIGKILL")
      yield* Effect.promise(() => once(client.resume(), "close"))
      assert.isBelow(handle.fd, 0)
    }))
})
