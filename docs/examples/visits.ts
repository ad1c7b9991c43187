/**
 * Four processes read one log, each from its own position.
 *
 *     node docs/examples/visits.ts [FOLDER]
 *
 * It writes visits.log.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Reduction from "effect-multiprocessing/Reduction"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { join } from "node:path"
import { Visits } from "./visits/contract.ts"

const [folder = "."] = process.argv.slice(2)
const [visits, processes] = [100_000, 4]
const pages = ["/", "/cats", "/dogs", "/cats/tom"]

const lines = Array.from({ length: visits }, (_, i) => `visitor-${i * 7919 % 9973} ${pages[i * i % 13 % 4]}\n`).join("")

/** Where the line ends that a position lies in. */
const endOfLine = (log: Reduction.File, position: number) =>
  Effect.map(
    log.readAlloc(100, { position: BigInt(position) }),
    Option.match({ onNone: () => position, onSome: (bytes) => position + bytes.indexOf(10) + 1 })
  )

const program = Effect.gen(function*() {
  const log = yield* Reduction.openFile(join(folder, "visits.log"), { flag: "w+" })
  yield* log.writeAll(Buffer.from(lines))

  const places = Array.from({ length: processes }, (_, i) => Math.floor(lines.length / processes * (i + 1)))
  const ends = yield* Effect.forEach(places, (place) => endOfLine(log, place))
  const parts = ends.map((end, i) => ({ from: ends[i - 1] ?? 0, end }))

  const { count } = yield* Visits
  const counts = yield* Effect.forEach(
    parts,
    Effect.fnUntraced(function*({ end, from }) {
      // the same file, at another position
      const part = yield* Reduction.reopenFile(log)
      yield* part.seek(BigInt(from), "start")
      return yield* count({ log: part, bytes: end - from })
    }, Effect.scoped),
    { concurrency: processes }
  )
  yield* Console.log(`read by ${new Set(counts.map(({ pid }) => pid)).size} processes`)
  for (const page of pages) {
    const seen = counts.reduce((sum, { pages }) => sum + (pages[page] ?? 0), 0)
    yield* Console.log(`${page} was seen ${seen} times`)
  }
})

const FourReaders = ProcessLayer.make({
  module: new URL("./visits/live.ts", import.meta.url),
  services: [Visits],
  size: processes
})

program.pipe(
  Effect.scoped,
  Effect.provide(FourReaders),
  Effect.provide(ProcessLayer.spawn),
  NodeRuntime.runMain
)
