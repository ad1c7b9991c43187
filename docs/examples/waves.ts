/**
 * Python computes numbers, and Effect reads them where they are.
 *
 *     node docs/examples/waves.ts
 *
 * It needs `npm install koffi`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Native from "effect-multiprocessing/Native"
import * as SharedArray from "effect-multiprocessing/SharedArray"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const count = 100_000

/** A Python program that answers a line with a line, until the Scope closes. */
const python = Effect.acquireRelease(
  Effect.callback<
    { readonly tell: () => void; readonly line: Effect.Effect<string>; readonly kill: () => void },
    Error
  >(
    (resume) => {
      const program = fileURLToPath(new URL("./waves/waves.py", import.meta.url))
      const child = spawn("python3", [program, String(count)], { stdio: ["pipe", "pipe", "inherit"] })
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
      child.once("error", (error) => resume(Effect.fail(error)))
      child.once("spawn", () =>
        resume(Effect.succeed({
          tell: () => child.stdin.end("\n"),
          line: Effect.promise(async () => (await lines.next()).value ?? ""),
          kill: () => child.kill()
        })))
    }
  ),
  ({ kill }) => Effect.sync(kill)
)

const program = Effect.gen(function*() {
  const { line, tell } = yield* python
  const numbers = yield* SharedArray.attach("float64", yield* line)
  let [least, most] = [0, 0]
  for (const number of numbers.array) {
    least = Math.min(least, number)
    most = Math.max(most, number)
  }
  yield* Console.log(`${numbers.length} numbers of Python's, from ${least} to ${most}`)
  yield* numbers.set(0, 42)
  tell()
  yield* Console.log(yield* line)
  // its end
  yield* line
})

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT"

program.pipe(
  Effect.scoped,
  Effect.provide(Native.layer),
  Effect.catchReason("ResourceError", "NativeMissing", ({ message }) => Console.log(message)),
  Effect.catchIf(isMissing, () => Console.log("there is no python3 on this machine")),
  NodeRuntime.runMain
)
