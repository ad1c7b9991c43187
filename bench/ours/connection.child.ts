/** Listens for connections at one path, and serves a service at another, until its input ends. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Connection from "effect-multiprocessing/Connection"
import * as Listener from "effect-multiprocessing/Listener"
import * as RemoteServer from "effect-multiprocessing/RemoteServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { bytes } from "../payloads.ts"
import { authKey, Question } from "./connection.contract.ts"
import { Worker } from "./contract.ts"
import WorkerLive from "./live.ts"

const [connections, services, visitors] = process.argv.slice(2) as [string, string, string]

const answer = (connection: Connection.Connection) => (question: typeof Question.Type) =>
  Effect.gen(function*() {
    if (question._tag === "Echo") {
      for (let i = 0; i < question.count; i++) {
        const message = yield* connection.receiveBytes()
        yield* connection.sendBytes(message)
        yield* Connection.giveBack(message)
      }
      return
    }
    const message = bytes(question.size).make(0)
    for (let i = 0; i < question.count; i++) yield* connection.sendBytes(message)
  })

const program = Effect.gen(function*() {
  yield* Layer.build(RemoteServer.layer({ address: services, authKey, services: [Worker] }))
  const { run } = yield* Listener.make({ address: connections, authKey })
  yield* Effect.forkScoped(
    run((connection) => Stream.runForEach(Connection.values(connection, Question), answer(connection)))
  )
  const { accept } = yield* Listener.make({ address: visitors, authKey, backlog: 128 })
  yield* Effect.forkScoped(Effect.forever(Effect.scoped(accept)))
  yield* Effect.sync(() => process.stdout.write("ready\n"))
  yield* Effect.callback<void>((resume) => {
    process.stdin.once("close", () => resume(Effect.void)).resume()
  })
}).pipe(Effect.scoped, Effect.provide(WorkerLive))

NodeRuntime.runMain(program)
