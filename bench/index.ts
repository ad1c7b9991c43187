/**
 *     npm run bench -- [CASE ...] [--quick] [--json | --publish]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { parseArgs } from "node:util"
import { bytes } from "./cases/bytes.ts"
import { calls } from "./cases/calls.ts"
import { connection } from "./cases/connection.ts"
import { manager } from "./cases/manager.ts"
import { memory } from "./cases/memory.ts"
import { resources } from "./cases/resources.ts"
import { start } from "./cases/start.ts"
import { streams } from "./cases/streams.ts"
import { telemetry } from "./cases/telemetry.ts"
import { type Case, measure, type Row } from "./harness.ts"
import * as Report from "./report.ts"

const cases: Readonly<Record<string, Case>> = {
  start,
  calls,
  streams,
  bytes,
  memory,
  connection,
  manager,
  resources,
  telemetry
}

const usage = `Usage: npm run bench -- [CASE ...] [--quick] [--json | --publish]

  CASE       ${Object.keys(cases).join(", ")}; default all
  --quick    fewer rounds, to see that it works
  --json     a JSON object a row
  --publish  puts the results of all cases into docs/benchmarks.md

All numbers are medians. The ratio is ours against the best peer: above 1 we are ahead.`

class Misuse extends Data.TaggedError("Misuse")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 2
  override readonly [Runtime.errorReported] = false
}

const options = Effect.try({
  try: () => {
    const flag = { type: "boolean", default: false } as const
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { quick: flag, json: flag, publish: flag }
    })
    const unknown = positionals.find((name) => !Object.hasOwn(cases, name))
    if (unknown !== undefined) throw new Error(`There is no case ${unknown}`)
    if (values.publish && (positionals.length > 0 || values.quick || values.json)) {
      throw new Error("--publish goes with all cases, and stands alone")
    }
    return { ...values, names: positionals.length === 0 ? Object.keys(cases) : positionals }
  },
  catch: (error) => new Misuse({ message: `${error instanceof Error ? error.message : String(error)}\n\n${usage}` })
}).pipe(Effect.tapError(({ message }) => Console.error(message)))

const main = Effect.gen(function*() {
  const { json, names, publish, quick } = yield* options
  const tables: Array<string> = []
  const machine = Report.machine()
  if (!json) yield* Console.log(`${machine}\n`)
  for (const name of names) {
    const rows: Array<Row> = []
    yield* Effect.scoped(Effect.gen(function*() {
      for (const contest of yield* cases[name]!(quick)) {
        const row = yield* measure(name, contest)
        rows.push(row)
        if (json) yield* Console.log(JSON.stringify(row))
      }
    }))
    if (json || rows.length === 0) continue
    tables.push(Report.table(rows))
    yield* Console.log(`${tables.at(-1)}\n`)
  }
  if (publish) yield* Effect.sync(() => Report.publish(machine, tables))
})

/** What a peer throws where nobody can catch it ends the run in order. */
const thrown = Effect.callback<never>((resume) => {
  process.on("uncaughtException", (error) => resume(Effect.die(error)))
})

NodeRuntime.runMain(Effect.raceFirst(main, thrown))
