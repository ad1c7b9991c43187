/**
 * Four processes filter one picture in shared memory: not a pixel is sent.
 *
 *     node docs/examples/picture.ts [FOLDER]
 *
 * It needs `npm install koffi`, and writes before.png and after.png.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Native from "effect-multiprocessing/Native"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Filter, make, open, type Picture } from "./picture/contract.ts"
import { countSpecks, draw, spoil } from "./picture/draw.ts"
import { png } from "./picture/png.ts"

const [folder = "."] = process.argv.slice(2)
const [width, height, processes] = [480, 320, 4]

const save = (name: string, picture: Picture) => {
  writeFileSync(join(folder, name), png(picture))
  return Console.log(`${name}: ${countSpecks(picture)} specks`)
}

const program = Effect.gen(function*() {
  const source = yield* make(width, height)
  const target = yield* make(width, height)
  const [before, after] = [yield* open(source), yield* open(target)]
  draw(before)
  spoil(before)
  yield* save("before.png", before)

  const { median } = yield* Filter
  const rows = height / processes
  const parts = Array.from({ length: processes }, (_, part) => ({ from: part * rows, to: (part + 1) * rows }))
  const pids = yield* Effect.forEach(parts, (part) => median({ source, target, ...part }), { concurrency: processes })
  yield* Console.log(`filtered by ${new Set(pids).size} processes`)
  yield* save("after.png", after)
})

const FourFilters = ProcessLayer.make({
  module: new URL("./picture/live.ts", import.meta.url),
  services: [Filter],
  size: processes
})

program.pipe(
  Effect.scoped,
  Effect.provide(Layer.provideMerge(FourFilters, Layer.merge(Native.layer, ProcessLayer.spawn))),
  Effect.catchReason("ResourceError", "NativeMissing", ({ message }) => Console.log(message)),
  NodeRuntime.runMain
)
