/** CPython's multiprocessing, where there is a python3. */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { randomUUID } from "node:crypto"
import { readdirSync, rmSync } from "node:fs"
import { createInterface } from "node:readline"
import type { Idle, Keeper } from "../keeper.ts"
import type { Porter } from "../porter.ts"
import type { Beginner, Talker } from "../talker.ts"
import type { Solution, Timed } from "../worker.ts"
import * as Child from "./child.ts"

type Answer = { readonly value: number } | { readonly error: string }

const shared = "/dev/shm"

/** What segments are called that a Python makes, which is killed with its resource tracker when it must be. */
const segments = Effect.acquireRelease(
  Effect.sync(() => `emp-bench-${randomUUID()}`),
  (prefix) =>
    Effect.sync(() => {
      if (process.platform !== "linux") return
      for (const name of readdirSync(shared)) if (name.startsWith(prefix)) rmSync(`${shared}/${name}`)
    })
)

/** A CPython that measures; one measurement at a time. */
export const cpython = Effect.gen(function*() {
  const prefix = yield* segments
  const child = yield* Child.scoped(
    () =>
      ChildProcess.spawn("python3", [Child.file("./cpython.py"), prefix], {
        stdio: ["pipe", "pipe", "inherit"],
        detached: true
      }),
    (child) => child.stdin.end()
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = Effect.tryPromise({
    try: async () => {
      const { done, value } = await lines.next()
      if (done === true) throw new Error("python3 has ended")
      const answer = JSON.parse(value) as Answer
      if ("error" in answer) throw new Error(answer.error)
      return answer.value
    },
    catch: (error) => error
  })
  yield* answer
  return (measure: string, ...args: ReadonlyArray<string | number>): Timed =>
    Effect.suspend(() => {
      child.stdin.write(`${JSON.stringify({ measure, args })}\n`)
      // whose answer is not waited for would give it to the next question
      return Effect.onInterrupt(answer, () => Effect.sync(() => child.kill("SIGKILL")))
    })
})

/** A child at the other end of a `multiprocessing.Pipe`: one question after another. */
export const cpythonPipe: Solution = Effect.map(cpython, (measure) => {
  const echo = (payload: string) => (count: number) => measure("pipe", payload, count)
  return {
    pid: measure("pid"),
    oneByOne: true,
    tiny: echo("tiny"),
    person: echo("person"),
    bytes: (size) => (count) => measure("echo_bytes", size, count),
    numbers: (chunk) => (count) => measure("numbers", count, chunk),
    blobs: (size) => (count) => measure("blobs", size, count)
  }
})

/** A child at the other end of a `Listener` with a key, and a proxy of a `BaseManager`. */
export const cpythonConnection = Effect.map(cpython, (measure): Talker => ({
  handshakes: (count, inFlight) => measure("handshakes", count, inFlight),
  oneWay: (size) => (count) => measure("blobs", size, count),
  echo: (size) => (count) => measure("echo_bytes", size, count),
  tiny: (count) => measure("proxy", "tiny", count)
}))

/** The same, by two processes that have done nothing before. */
export const cpythonFresh: Beginner = {
  handshakes: (count, inFlight) =>
    Effect.scoped(Effect.flatMap(cpythonConnection, ({ handshakes }) => handshakes(count, inFlight))),
  tiny: (count, inFlight) => Effect.scoped(Effect.flatMap(cpythonConnection, ({ tiny }) => tiny(count, inFlight)))
}

/** A proxy of a `BaseManager`. */
export const cpythonManager: Solution = Effect.map(cpython, (measure) => {
  const echo = (payload: string) => (count: number) => measure("proxy", payload, count)
  return { oneByOne: true, tiny: echo("tiny"), person: echo("person") }
})

/** `QueueHandler` in a child and `QueueListener` here, as the logging cookbook has it. */
export const cpythonLogs: Solution = Effect.map(cpython, (measure) => ({ lines: (count) => measure("lines", count) }))

/** A `SyncManager` and its client: one call at a time, or as many threads as calls in flight, up to those that serve it. */
export const cpythonKeeper = Effect.map(cpython, (measure): Keeper => {
  const threads = (inFlight: number) => Math.min(inFlight, 8)
  return {
    get: (count, inFlight) => measure("value_gets", count, threads(inFlight)),
    created: (count, inFlight) => measure("values_created", count, threads(inFlight)),
    pairs: (count, inFlight) => measure("queue_pairs", count, threads(inFlight))
  }
})

/** It keeps no garbage, so it need not rest. */
export const cpythonIdle: Idle = (count) =>
  Effect.scoped(Effect.flatMap(cpython, (measure) => measure("idle_proxies", count)))

/** A child at the other end of a `Pipe`: bytes by it or by `shared_memory`, sockets pickled, which it fetches. */
export const cpythonPorter = Effect.map(cpython, (measure): Porter => {
  const bytes = (how: string) => (size: number) => (count: number) => measure("seen_bytes", how, size, count)
  return {
    sent: bytes("sent"),
    kept: bytes("kept"),
    fresh: bytes("fresh"),
    sockets: (count, inFlight) => measure("sockets", "pickled", count, inFlight)
  }
})

/** Sockets by `reduction.send_handle`: descriptors over the `Pipe` itself. */
export const cpythonHandles = Effect.map(cpython, (measure): Porter => ({
  sockets: (count, inFlight) => measure("sockets", "handles", count, inFlight)
}))
