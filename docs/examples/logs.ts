/**
 * What children log is heard here, to the last line before a crash, and how much of it is decided here.
 *
 *     node docs/examples/logs.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { importFile } from "./logs/contract.ts"

/** Any logger does; this one shows what a line has. */
const logger = Logger.make(({ fiber, logLevel, message }) => {
  const { file, process } = fiber.getRef(References.CurrentLogAnnotations)
  console.log(`${process ?? "here"}, ${logLevel}: ${JSON.stringify(message)}, of ${file}`)
})

const run = (name: string, file: string) =>
  Effect.gen(function*() {
    const child = yield* Process.start(importFile, { file }, { name, stdio: { stdout: "prefix" } })
    return yield* child.join
  })

const program = Effect.gen(function*() {
  yield* run("first", "good.csv")

  yield* Process.setMinimumLogLevel("Debug")
  yield* run("second", "good.csv")

  yield* run("third", "broken.csv").pipe(
    Effect.catchTag("ProcessError", ({ reason }) => Console.log(`and then: ${reason._tag}`))
  )
})

program.pipe(
  Effect.scoped,
  Effect.provide(ProcessLayer.spawn),
  Effect.provide(Logger.layer([logger])),
  NodeRuntime.runMain
)
