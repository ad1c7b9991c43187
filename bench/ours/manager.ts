/** This library: a manager in a process of its own, and a client at its address. */
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as RemoteQueue from "effect-multiprocessing/RemoteQueue"
import * as RemoteValue from "effect-multiprocessing/RemoteValue"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as ChildProcess from "node:child_process"
import { text } from "node:stream/consumers"
import type { Idle, Keeper } from "../keeper.ts"
import * as Child from "../peers/child.ts"
import * as W from "../worker.ts"
import { authKey } from "./connection.contract.ts"

class WrongAnswer extends Data.TaggedError("WrongAnswer")<{ readonly message: string }> {}

const check = (answer: unknown, expected: unknown): void => {
  if (answer !== expected) throw new WrongAnswer({ message: `${String(answer)} came in the place of ${expected}` })
}

/** Does it for each number, so many at a time. */
const each = <E, R>(work: (n: number) => Effect.Effect<unknown, E, R>, count: number, inFlight: number) =>
  Effect.suspend(() => {
    let next = 0
    const loop = Effect.gen(function*() {
      while (next < count) yield* work(next++)
    })
    return Effect.all(Array.from({ length: inFlight }, () => loop), { concurrency: inFlight, discard: true })
  })

const started = Effect.map(
  Layer.build(Layer.provide(Manager.layer({ authKey }), ProcessLayer.spawn)),
  (context) => Context.get(context, Manager.Manager)
)

export const manager = Effect.gen(function*() {
  const { address } = yield* started
  const client = yield* Layer.build(Manager.connect({ address: address!, authKey }))
  const { numberOfObjects } = Context.get(client, Manager.Manager)
  const value = yield* Effect.provide(RemoteValue.make(Schema.Int, 7), client)
  const queue = yield* Effect.provide(RemoteQueue.make(Schema.Int), client)
  const get = Effect.map(value.get, (answer) => check(answer, 7))
  const create = (n: number) => Effect.provide(Effect.scoped(RemoteValue.make(Schema.Int, n)), client)
  return {
    get: (count, inFlight) => W.timed(each(() => get, count, inFlight)),
    // The last of them are released when somebody is told so.
    created: (count, inFlight) =>
      W.timed(Effect.andThen(
        each(create, count, inFlight),
        Effect.map(numberOfObjects, (answer) => check(answer, 2))
      )),
    pairs: (count, inFlight) =>
      W.timed(Effect.suspend(() => {
        let left = count * (count - 1) / 2
        const pair = (n: number) =>
          Effect.map(Effect.andThen(queue.put(n), queue.take), (item) => {
            if (inFlight === 1) check(item, n)
            left -= item
          })
        return Effect.andThen(each(pair, count, inFlight), Effect.sync(() => check(left, 0)))
      }))
  } satisfies Keeper
})

class HolderFailed extends Data.TaggedError("HolderFailed")<{ readonly message: string }> {}

/** Held by a program that does nothing else. */
export const idle: Idle = (count, quick) =>
  Effect.scoped(Effect.gen(function*() {
    const { address } = yield* started
    const child = yield* Child.scoped(
      () =>
        ChildProcess.spawn(
          process.execPath,
          [Child.file("../ours/manager.holder.ts"), JSON.stringify(address), String(count), String(quick)],
          { stdio: ["ignore", "pipe", "inherit"], detached: true }
        ),
      (child) => child.kill()
    )
    const said = yield* Effect.promise(() => text(child.stdout))
    const taken = Number(said || Number.NaN)
    if (Number.isNaN(taken)) return yield* new HolderFailed({ message: "who holds proxies has not said anything" })
    return taken
  }))
