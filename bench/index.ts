/**
 *     npm run bench -- [CASE ...] [--quick] [--json]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { parseArgs } from "node:util"
import { calls } from "./cases/calls.ts"
import { start } from "./cases/start.ts"
import { type Case, measure, type Row } from "./harness.ts"

const cases: Readonly<Record<string, Case>> = { start, calls }

const usage = `Usage: npm run bench -- [CASE ...] [--quick] [--json]

  CASE     ${Object.keys(cases).join(", ")}; default all
  --quick  fewer rounds, to see that it works
  --json   a JSON object a line

All numbers are medians. The ratio is ours / the first floor.`

const text = (row: Row): string => {
  const others = Object.entries({ ...row.floors, ...row.peers }).map(([name, value]) => `${name} ${value}`)
  return `${row.name} (${row.unit}, ${row.better} is better)\n  ours ${row.ours}, ${
    others.join(", ")
  }: ratio ${row.ratio}`
}

class Misuse extends Data.TaggedError("Misuse")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 2
  override readonly [Runtime.errorReported] = false
}

const options = Effect.try({
  try: () => {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } }
    })
    const unknown = positionals.find((name) => !Object.hasOwn(cases, name))
    if (unknown !== undefined) throw new Error(`There is no case ${unknown}`)
    return { ...values, names: positionals.length === 0 ? Object.keys(cases) : positionals }
  },
  catch: (error) => new Misuse({ message: `${error instanceof Error ? error.message : String(error)}\n\n${usage}` })
}).pipe(Effect.tapError(({ message }) => Console.error(message)))

const main = Effect.gen(function*() {
  const { json, names, quick } = yield* options
  if (!json) yield* Console.log(`Node.js ${process.version}, ${process.platform} ${process.arch}\n`)
  for (const name of names) {
    yield* Effect.scoped(Effect.gen(function*() {
      for (const contest of yield* cases[name]!(quick)) {
        const row = yield* measure(name, contest)
        yield* Console.log(json ? JSON.stringify(row) : text(row))
      }
    }))
  }
})

NodeRuntime.runMain(main)
