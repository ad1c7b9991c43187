/** `child_process.fork` and its channel, as one writes it by hand. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { passes } from "../pairs.ts"
import { seen } from "../payloads.ts"
import type { Porter } from "../porter.ts"
import * as W from "../worker.ts"
import * as Child from "./child.ts"

/** A child, and questions to it, whose answers come in their order. */
const forked = Effect.fnUntraced(function*(serialization: "json" | "advanced") {
  const child = yield* Child.scoped(
    () => ChildProcess.fork(Child.file("./childProcess.child.ts"), { serialization, detached: true }),
    (child) => {
      if (child.connected) child.disconnect()
    }
  )
  const waiting: Array<{ readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void }> = []
  let first = 0
  const answered = (message: unknown) => {
    waiting[first++]!.resolve(message)
    if (first < waiting.length) return
    waiting.length = 0
    first = 0
  }
  let onMessage = answered
  child.on("message", (message) => onMessage(message))
  child.on("error", (error) => waiting.splice(first).forEach(({ reject }) => reject(error)))
  child.on("exit", () => waiting.splice(first).forEach(({ reject }) => reject(new Error("the child has ended"))))
  return {
    child,
    ask: (question: object) =>
      new Promise<unknown>((resolve, reject) => {
        waiting.push({ resolve, reject })
        child.send(question)
      }),
    /** Until it says otherwise, this is told of what comes. */
    listen: (listener: (message: unknown) => void) => {
      onMessage = listener
    },
    answered: () => {
      onMessage = answered
    }
  }
})

export const childProcess = (serialization: "json" | "advanced"): W.Solution =>
  Effect.gen(function*() {
    const { answered, ask, child, listen } = yield* forked(serialization)
    const receive = (taker: (count: number) => W.Taker, question: (count: number) => object): W.Receive => (count) =>
      W.timedPromise(() =>
        new Promise((resolve, reject) => {
          const { end, take } = taker(count)
          listen((elements) => {
            try {
              if (elements !== null) return (elements as Array<unknown>).forEach(take)
              end()
              resolve()
            } catch (error) {
              reject(error)
            }
            answered()
          })
          child.send(question(count))
        })
      )
    return {
      pid: Effect.succeed(child.pid!),
      ...W.echoes((echo) => ask({ echo })),
      numbers: (chunk) => receive(W.numbersTaker, (count) => ({ numbers: { count, chunk } })),
      blobs: (size) => receive(W.blobsTaker(size), (count) => ({ blobs: { count, size } })),
      lines: receive(W.linesTaker, (count) => ({ lines: { count } }))
    }
  })

/** What it hands over it sends: it has no shared memory. */
export const childProcessPorter: Effect.Effect<Porter, unknown, Scope.Scope> = Effect.gen(function*() {
  const { ask, child } = yield* forked("advanced")
  const byPassing = yield* passes
  const sent = (size: number) => W.echoByPromise(seen(size), (see) => ask({ see }))
  return {
    sent,
    kept: sent,
    fresh: sent,
    sockets: byPassing((socket, n) => Effect.sync(() => void child.send({ socket: n }, socket)))
  }
})
