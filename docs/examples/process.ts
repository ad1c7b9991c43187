/**
 * One function in a process of its own: start it, join it, and learn how it ended.
 *
 *     node docs/examples/process.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { fileURLToPath } from "node:url"
import { countWords, ponder } from "./words/contract.ts"

const program = Effect.gen(function*() {
  // Both run at the same time; a Scope owns them.
  const path = fileURLToPath(import.meta.url)
  const here = yield* Process.start(countWords, { path }, { name: "counter" })
  const missing = yield* Process.start(countWords, { path: "/no/such/file" })
  yield* Console.log(`started ${here.name} [${here.identity}] and ${missing.name} [${missing.identity}]`)

  yield* Console.log(`${here.name} found ${yield* here.join} words, exit code ${yield* exitCode(here)}`)

  // The function's own error arrives as what it is.
  yield* missing.join.pipe(
    Effect.catchTag("Unreadable", ({ code, path }) => Console.log(`${path} cannot be read: ${code}`))
  )
  yield* Console.log(`${missing.name}: exit code ${yield* exitCode(missing)}`)

  // Interrupting waits for the finalizers in the child; killing does not ask.
  const interrupted = yield* Process.start(ponder)
  yield* Console.log(
    `after a while: ${Option.isNone(yield* interrupted.joinWithin("100 millis")) ? "still" : "not"} running`
  )
  yield* interrupted.interrupt
  const killed = yield* Process.start(ponder, { stdio: { stdout: "ignore" } })
  yield* killed.kill
  const { exitCode: code, signal } = yield* killed.sentinel
  yield* Console.log(`killed: exit code ${code}, signal ${signal}`)
})

const exitCode = (process: Process.Process<unknown, unknown>) =>
  Effect.map(process.exitCode, Option.getOrElse(() => "none yet"))

program.pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
