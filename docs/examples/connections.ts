/**
 * Messages between a listener and those who connect to it: here in one program, as well in several, or in Python.
 *
 *     node docs/examples/connections.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Connection from "effect-multiprocessing/Connection"
import * as Listener from "effect-multiprocessing/Listener"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Question = Schema.Struct({ id: Schema.Int, text: Schema.String })
const Answer = Schema.Struct({ id: Schema.Int, words: Schema.Int })

/** Answers each question of each peer; a peer that goes away ends its own handler, and nothing else. */
const answer = (connection: Connection.Connection) =>
  Connection.values(connection, Question).pipe(
    Stream.map(({ id, text }) => ({ id, words: text.split(" ").length })),
    Stream.run(Connection.sink(connection, Answer))
  )

const program = Effect.gen(function*() {
  // Several programs would have it from `AuthKey.config("APP_AUTHKEY")`.
  const authKey = yield* AuthKey.random
  const { address, run } = yield* Listener.make({ authKey })
  yield* Effect.forkScoped(run(answer))

  const connection = yield* Connection.connect(address, { authKey })
  yield* connection.send(Question, { id: 1, text: "how many words are these" })
  const { id, words } = yield* connection.receive(Answer)
  yield* Console.log(`question ${id} has ${words} words`)

  const stranger = Connection.connect(address, { authKey: yield* AuthKey.random })
  const { reason } = yield* Effect.flip(stranger)
  yield* Console.log(`another key: ${reason._tag}`)

  const silent = yield* Connection.wait([connection], { timeout: "50 millis" })
  yield* Console.log(`${silent.length} connections have something to read`)
  yield* connection.send(Question, { id: 2, text: "and now" })
  const ready = yield* Connection.wait([connection])
  yield* Console.log(`${ready.length} connection has something to read`)
})

program.pipe(Effect.scoped, NodeRuntime.runMain)
