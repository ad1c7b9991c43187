/** `child_process.fork` and its channel, as one writes it by hand. */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as W from "../worker.ts"
import * as Child from "./child.ts"

export const childProcess = (serialization: "json" | "advanced"): W.Solution =>
  Effect.gen(function*() {
    const child = yield* Child.scoped(
      () => ChildProcess.fork(Child.file("./childProcess.child.ts"), { serialization, detached: true }),
      (child) => {
        if (child.connected) child.disconnect()
      }
    )
    // answers come in the order of the questions
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
    const ask = (payload: unknown) =>
      new Promise<unknown>((resolve, reject) => {
        waiting.push({ resolve, reject })
        child.send({ echo: payload })
      })

    const receive = (taker: (count: number) => W.Taker, question: (count: number) => object): W.Receive => (count) =>
      W.timedPromise(() =>
        new Promise((resolve, reject) => {
          const { end, take } = taker(count)
          onMessage = (elements) => {
            try {
              if (elements !== null) return (elements as Array<unknown>).forEach(take)
              end()
              resolve()
            } catch (error) {
              reject(error)
            }
            onMessage = answered
          }
          child.send(question(count))
        })
      )
    return {
      pid: Effect.succeed(child.pid!),
      ...W.echoes(ask),
      numbers: (chunk) => receive(W.numbersTaker, (count) => ({ numbers: { count, chunk } })),
      blobs: (size) => receive(W.blobsTaker(size), (count) => ({ blobs: { count, size } })),
      lines: receive(W.linesTaker, (count) => ({ lines: { count } }))
    }
  })
