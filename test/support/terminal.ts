/** Programs in a terminal of their own, which Python provides. */
import * as Testing from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const driver = fileURLToPath(new URL("../fixtures/process/inTerminal.py", import.meta.url))

export interface Terminal {
  readonly pid: number
  /** what a user types */
  readonly type: (text: string) => Effect.Effect<void>
  /** all that has been printed */
  readonly screen: () => string
  readonly shows: (text: string | RegExp) => Effect.Effect<void, Testing.NeverHappened>
  /** as `stty -a` would tell */
  readonly settings: Effect.Effect<string, Testing.NeverHappened>
  readonly hangUp: Effect.Effect<void>
  /** of the program; `-N` for a signal */
  readonly exitCode: Effect.Effect<number, Testing.NeverHappened>
}

export const ctrlC = "\x03"
export const ctrlZ = "\x1a"

interface Answer {
  readonly pid?: number
  readonly printed?: string
  readonly exitCode?: number
  readonly settings?: unknown
}

export const open = Effect.fnUntraced(function*(
  python: string,
  command: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.fn.Return<Terminal, Testing.NeverHappened, Scope.Scope> {
  const seen = { pid: 0, printed: "", exitCode: undefined as number | undefined, settings: [] as Array<string> }
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = ChildProcess.spawn(python, [driver, ...command], {
        env: { ...process.env, ...env },
        stdio: ["pipe", "pipe", "inherit"]
      })
      createInterface({ input: child.stdout }).on("line", (line) => {
        const { exitCode, pid, printed, settings } = JSON.parse(line) as Answer
        if (pid !== undefined) seen.pid = pid
        if (printed !== undefined) seen.printed += printed
        if (exitCode !== undefined) seen.exitCode = exitCode
        if (settings !== undefined) seen.settings.push(JSON.stringify(settings))
      })
      return { tell: (command: unknown) => child.stdin.write(`${JSON.stringify(command)}\n`), child }
    }),
    ({ child }) =>
      Effect.promise(() => {
        child.stdin.end()
        return new Promise<void>((resolve) => child.exitCode === null ? child.once("exit", () => resolve()) : resolve())
      })
  )
  const tell = (command: unknown) => Effect.sync(() => void child.tell(command))
  yield* Testing.waitUntil(() => seen.pid !== 0)
  return {
    pid: seen.pid,
    type: (text) => tell({ write: text }),
    screen: () => seen.printed,
    shows: (text) =>
      Testing.waitUntil(() => typeof text === "string" ? seen.printed.includes(text) : text.test(seen.printed), {
        what: `the terminal shows ${text}`
      }),
    settings: Effect.suspend(() => {
      const before = seen.settings.length
      return tell({ settings: true }).pipe(
        Effect.andThen(Testing.waitUntil(() => seen.settings.length > before)),
        Effect.map(() => seen.settings.at(-1)!)
      )
    }),
    hangUp: tell({ hangUp: true }),
    exitCode: Effect.map(
      Testing.waitUntil(() => seen.exitCode !== undefined, { what: "the program in the terminal has ended" }),
      () => seen.exitCode!
    )
  }
})
