/** What the user asks for. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Runtime from "effect/Runtime"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

export const usage = `Usage: npm run demo -- [DIRECTORY] [--chaos] [--json]

  DIRECTORY  whose files are counted; default the sources of the installed effect
  --chaos    kill a process half-way
  --json     print one JSON object
  --help     print this`

/** The user can do something about it: its message is all that is shown. */
export class Complaint extends Data.TaggedError("Complaint")<{ readonly message: string; readonly exitCode: number }> {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = false
}

const complain = (message: string) => new Complaint({ message, exitCode: 2 })

export const parse = Effect.try({
  try: () => {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        chaos: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    })
    const [directory = effectSources(), ...more] = positionals
    if (more.length > 0) throw new Error("One directory is enough")
    return { ...values, directory: resolve(directory) }
  },
  catch: (error) => complain(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
})

const effectSources = () => join(dirname(fileURLToPath(import.meta.resolve("effect/package.json"))), "src")

/** The regular files below a directory; links are not followed. */
export const filesOf = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const { type } = yield* fs.stat(directory).pipe(
    Effect.catchReason("PlatformError", "NotFound", () => complain(`${directory} does not exist`))
  )
  if (type !== "Directory") return yield* complain(`${directory} is not a directory`)
  const names = yield* fs.glob("**/*", { root: directory, exclude: ["**/node_modules/**"] })
  const files = yield* Effect.filter(
    names.map((name) => join(directory, name)),
    (path) => Effect.map(fs.lstat(path), ({ type }) => type === "File"),
    { concurrency: 64 }
  )
  return files.length === 0 ? yield* complain(`There are no files in ${directory}`) : files.toSorted()
}, Effect.catchTag("PlatformError", ({ message }) => complain(message)))
