/**
 * What can go wrong with a call, and how a program tells: each failure is typed, and says why.
 *
 *     node docs/examples/errors.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Divider } from "./divider/contract.ts"

const program = Effect.gen(function*() {
  const { buggy, careless, deadly, divide } = yield* Divider

  // What the method declares arrives as what it is.
  yield* divide({ dividend: 1, by: 0 }).pipe(
    Effect.catchTag("DivisionByZero", ({ dividend }) => Console.log(`declared: ${dividend} divided by zero`))
  )

  // All else is a RemoteError, with a reason. A bug in the handler fails its own call, and nothing else.
  yield* buggy().pipe(
    Effect.catchReason(
      "RemoteError",
      "RemoteDefect",
      ({ errorName, remoteStack }) =>
        Console.log(`a bug: ${errorName}, at ${/divider\/live\.[jt]s:\d+/.exec(remoteStack)?.[0]}`)
    )
  )

  // A value that does not fit its Schema is found on the side that has it, and is not sent.
  yield* careless().pipe(
    Effect.catchReason("RemoteError", "EncodeFailed", ({ issue, part }) => Console.log(`misfit ${part}: ${issue}`))
  )
  yield* divide({ dividend: 0.5, by: 1 }).pipe(
    Effect.catchReason("RemoteError", "EncodeFailed", ({ issue, part }) => Console.log(`misfit ${part}: ${issue}`))
  )

  // A process that dies fails the calls that it was answering. The next call finds another one in its place.
  yield* deadly().pipe(
    Effect.catchReason(
      "RemoteError",
      "ProcessExited",
      ({ exitCode, signal }) => Console.log(`the process died: ${signal}, exit code ${exitCode}`)
    )
  )
  yield* Console.log(`and still, 1 / 2 = ${yield* divide({ dividend: 1, by: 2 })}`)
})

const DividerInAChild = ProcessLayer.make({
  module: new URL("./divider/live.ts", import.meta.url),
  services: [Divider]
})

/** A process that cannot be started is a ProcessError, when the Layer is built. */
const Misspelt = ProcessLayer.make({
  module: new URL("./divider/life.ts", import.meta.url),
  services: [Divider]
})

const main = Effect.gen(function*() {
  yield* Effect.provide(program, DividerInAChild)
  yield* Effect.provide(program, Misspelt).pipe(
    Effect.catchReason(
      "ProcessError",
      "ModuleNotFound",
      ({ module }) => Console.log(`no process: there is no ${module.split("/").at(-1)}`)
    )
  )
})

main.pipe(Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
