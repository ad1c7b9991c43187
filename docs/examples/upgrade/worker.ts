/** Answers each line with its version, and ends with its peer. */
import * as Native from "effect-multiprocessing/Native"
import type * as Remote from "effect-multiprocessing/Remote"
import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createInterface } from "node:readline"
import { Worker } from "./contract.ts"

const version = process.argv.at(-1)

const live = Worker.toLayer({
  serve: ({ socket }) =>
    Effect.callback<void>((resume) => {
      socket.on("error", () => {}).once("close", () => resume(Effect.void))
      createInterface(socket).on("line", (line) => socket.write(`${line} from version ${version}\n`))
    })
})

export default live.pipe(Layer.provide(ResourceSharer.layer), Layer.provide(Native.layer)) satisfies Remote.Module
