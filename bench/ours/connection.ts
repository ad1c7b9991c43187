/** This library, between processes that are not parent and child. */
import * as Connection from "effect-multiprocessing/Connection"
import * as RemoteClient from "effect-multiprocessing/RemoteClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { effectWorker } from "../effectWorker.ts"
import { bytes } from "../payloads.ts"
import * as Child from "../peers/child.ts"
import type { Beginner, Talker } from "../talker.ts"
import * as W from "../worker.ts"
import { authKey, Question } from "./connection.contract.ts"
import { Worker } from "./contract.ts"

/** Who connects is a process of its own, as who listens is, and has done nothing before. */
export const fresh: Beginner = {
  handshakes: (count) => begin("handshakes", count),
  tiny: (count) => begin("tiny", count)
}

const begin = (what: keyof Beginner, count: number): W.Timed =>
  Child.number("../ours/connection.fresh.ts", what, String(count))

export const connection = Effect.gen(function*() {
  const at = yield* Child.folder
  const path = join(at, "c")
  const services = join(at, "s")
  const visitors = join(at, "v")
  yield* Child.listening("../ours/connection.child.ts", path, services, visitors)
  const talk = yield* Connection.connect(path, { authKey })
  const visit = Effect.scoped(Connection.connect(visitors, { authKey }))
  const ask = (question: typeof Question.Type) => talk.send(Question, question)
  const remote = yield* Layer.build(RemoteClient.layer({ address: services, authKey, services: [Worker] }))
  const handshakes: W.Echo = (count, inFlight) =>
    W.timed(Effect.suspend(() => {
      let left = count
      const loop = Effect.gen(function*() {
        while (left-- > 0) yield* visit
      })
      return Effect.all(Array.from({ length: inFlight }, () => loop), { concurrency: inFlight, discard: true })
    }))
  const oneWay = (size: number): W.Receive => (count) =>
    W.timed(Effect.gen(function*() {
      const { end, take } = W.blobsTaker(size)(count)
      yield* ask({ _tag: "Send", count, size })
      yield* Stream.runForEachArray(
        Stream.take(Connection.bytes(talk), count),
        (messages) => Effect.sync(() => messages.forEach(take))
      )
      end()
    }))
  const echo = (size: number): W.Echo => (count) =>
    Effect.gen(function*() {
      yield* ask({ _tag: "Echo", count })
      return yield* W.echoByEffect(
        bytes(size),
        (message) => Effect.andThen(talk.sendBytes(message), talk.receiveBytes()),
        (answer) => Connection.giveBack(answer as Uint8Array)
      )(count, 1)
    })
  return { handshakes, oneWay, echo, tiny: effectWorker(Context.get(remote, Worker)).tiny! } satisfies Talker
})
