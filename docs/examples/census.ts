/**
 * A census of source files, taken twice: by this process alone, and by one process a core. The program is the same both
 * times, and so must the census be; what differs is one Layer.
 *
 *     npm run demo
 *     npm run demo -- path/to/sources --chaos
 *
 * `--chaos` kills a process half-way, with SIGKILL, and no file is lost. `--json` prints one JSON object.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import { availableParallelism } from "node:os"
import { Complaint, filesOf, parse, usage } from "./census/commandLine.ts"
import { Census } from "./census/contract.ts"
import CensusLive from "./census/live.ts"
import * as Report from "./census/report.ts"

const cores = availableParallelism()

/** The service in this process ... */
const alone = CensusLive

/** ... and the same service in one process a core. */
const together = ProcessLayer.make({
  module: new URL("./census/live.ts", import.meta.url),
  services: [Census],
  size: cores
}).pipe(Layer.provideMerge(ProcessLayer.spawn))

/** The program. It cannot tell where its `Census` is. */
const takeCensus = Effect.fnUntraced(function*<R>(
  files: ReadonlyArray<string>,
  surveyed: (count: number) => Effect.Effect<void, never, R>
) {
  const { survey } = yield* Census
  let calls = 0
  let count = 0
  const sheets = yield* Effect.forEach(files, (path) =>
    Effect.suspend(() => {
      calls++
      return survey({ path })
    }).pipe(
      // A process that dies fails the calls that it was answering, and no others. These may be made again.
      Effect.retry({
        times: 3,
        while: (error) => error._tag === "RemoteError" && error.reason._tag === "ProcessExited"
      }),
      // To say why a file is not counted is an answer, too.
      Effect.catchTag(["NotText", "Unreadable"], (error) => Effect.succeed(error)),
      Effect.tap(() => surveyed(++count))
    ), { concurrency: 4 * cores })
  return { sheets, retries: calls - files.length }
})

/** Provides a Layer to the program, and measures both. */
const run = Effect.fnUntraced(function*<R, E, RIn>(
  title: string,
  layer: Layer.Layer<Census | R, E, RIn>,
  files: ReadonlyArray<string>,
  halfway: Effect.Effect<void, never, R>
) {
  const progress = Report.progress(title, files.length)
  const surveyed = (count: number) =>
    Effect.andThen(progress(count), count === Math.ceil(files.length / 2) ? halfway : Effect.void)
  const [startUp, context] = yield* Effect.timed(Layer.build(layer))
  const [work, census] = yield* Effect.timed(Effect.provide(takeCensus(files, surveyed), context))
  return { title, startUp, work, ...census }
}, Effect.scoped)

const killOne = Effect.map(Process.activeChildren, ([child]) => {
  process.kill(child.pid, "SIGKILL")
})

const main = Effect.gen(function*() {
  const { chaos, directory, help, json } = yield* parse
  if (help) return yield* Console.log(usage)
  const print = (text: string) => json ? Effect.void : Console.log(text)

  const files = yield* filesOf(directory)
  yield* print(`A census of ${files.length} files\n`)
  const first = yield* run("in this process", alone, files, Effect.void)
  yield* print(Report.time(first))
  const second = yield* run(`in ${cores} processes`, together, files, chaos ? killOne : Effect.void)
  yield* print(Report.time(second))

  const equal = Equal.equals(first.sheets, second.sheets)
  const comparison = { directory, processes: cores, alone: first, together: second, chaos, equal }
  yield* Console.log(json ? Report.json(comparison) : Report.text(comparison))
  if (!equal) return yield* new Complaint({ message: "The two counts differ", exitCode: 1 })
})

main.pipe(
  Effect.tapErrorTag("Complaint", ({ message }) => Console.error(message)),
  Effect.provide(NodeFileSystem.layer),
  NodeRuntime.runMain
)
