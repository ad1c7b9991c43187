/**
 * Owners of run directories as processes of their own, which tests kill. Their temporary folder is the test's own, so
 * that no other process sweeps there.
 */
import { isAliveUnsafe, type NeverHappened, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import { markName } from "../../src/guard/internal/records.ts"
import type { Instructions, Report } from "../fixtures/guard/owner.ts"

/** A program of test/fixtures that runs. */
export interface Program {
  readonly pid: number
  readonly kill: () => void
  /** writes to its stdin, or ends it */
  readonly tell: (text?: string) => void
  /** the next line that it prints */
  readonly line: Effect.Effect<string, NeverHappened>
  /** its exit code, or the signal that ended it */
  readonly end: Effect.Effect<number | string>
}

/** Starts a program of test/fixtures/guard; what is left of it when the Scope closes is killed. */
export const start = (
  name: string,
  argument: string,
  env?: Record<string, string>
): Effect.Effect<Program, never, Scope.Scope> => startIn("guard", name, argument, env)

/** Starts a program of a folder of test/fixtures. */
export const startIn = (
  folder: string,
  name: string,
  argument: string,
  env?: Record<string, string>
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const file = fileURLToPath(new URL(`../fixtures/${folder}/${name}.ts`, import.meta.url))
      const child = ChildProcess.spawn(process.execPath, [file, argument], {
        env: { ...process.env, ...env },
        stdio: ["pipe", "pipe", "inherit"]
      })
      const end = new Promise<number | string>((resolve) =>
        child.once("close", (code, signal) => resolve(code ?? signal!))
      )
      child.stdin.on("error", () => {})
      let printed = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text
      })
      const line = waitUntil(() => printed.includes("\n"), { what: `a line of ${name}` }).pipe(Effect.map(() => {
        const [first, ...rest] = printed.split("\n")
        printed = rest.join("\n")
        return first!
      }))
      return {
        pid: child.pid!,
        kill: () => void child.kill("SIGKILL"),
        tell: (text?: string) => void (text === undefined ? child.stdin.end() : child.stdin.write(text)),
        line,
        end: Effect.promise(() => end)
      }
    }),
    (program) => Effect.andThen(Effect.sync(program.kill), program.end)
  )

/** An owner that has told what it has. */
export interface Owned extends Program, Report {}

/** The shells that guard a directory. */
const shellsOf = (directory: string) =>
  ProcessTable.all().filter(({ pid, state }) => state !== "Z" && ProcessTable.commandLine(pid).includes(directory))

const killGroup = (pid: number): void => {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // the whole group is gone
  }
}

/**
 * Starts an owner whose run directory will be in `folder`. When the Scope closes it is killed, and its Reaper ends the
 * rest; children whose Reaper the test has killed are killed here.
 */
export const owner = (folder: string, told: Instructions): Effect.Effect<Owned, NeverHappened, Scope.Scope> =>
  Effect.gen(function*() {
    const program = yield* start("owner", JSON.stringify(told), { TMPDIR: folder })
    const report = JSON.parse(yield* program.line) as Report
    yield* Effect.addFinalizer(() =>
      Effect.gen(function*() {
        program.kill()
        yield* program.end
        yield* Effect.orDie(
          waitUntil(() => shellsOf(report.directory).length === 0, { what: `end of ${report.reaper}` })
        )
        // a pid alone could be another's by now
        const ours = (pid: number) => ProcessTable.variable(pid, markName)?.startsWith(report.directory) === true
        report.children.filter((group) => familyOf([group]).some(ours)).forEach(killGroup)
      })
    )
    return { ...program, ...report }
  })

/** Waits until none of them lives; ten seconds mean that they never would end. */
export const allDead = (pids: ReadonlyArray<number>): Effect.Effect<void, NeverHappened> =>
  waitUntil(() => !pids.some(isAliveUnsafe), { timeout: 10_000, interval: 1, what: `end of ${pids.join(", ")}` })

/** Waits until the file or directory is gone. */
export const removed = (path: string): Effect.Effect<void, NeverHappened> =>
  waitUntil(() => !Fs.existsSync(path), { timeout: 10_000, interval: 1, what: `removal of ${path}` })

/** A process of the test itself that dies with the Scope, with its group. */
export interface Child {
  readonly pid: number
  readonly start: string
  readonly end: Effect.Effect<void>
}

/** Starts a child of the test as the leader of a group. */
export const child = (
  command: string,
  args: ReadonlyArray<string> = [],
  env?: Record<string, string>
): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = ChildProcess.spawn(command, args, {
        detached: true,
        env: { ...process.env, ...env },
        stdio: "ignore"
      })
      const end = new Promise<void>((resolve) => child.once("exit", () => resolve()))
      return { pid: child.pid!, start: ProcessTable.startTime(child.pid!)!, end: Effect.promise(() => end) }
    }),
    ({ end, pid }) =>
      Effect.suspend(() => {
        killGroup(pid)
        return end
      })
  )

/** The living members of the groups that the children lead, or led. */
export const familyOf = (children: ReadonlyArray<number>): ReadonlyArray<number> =>
  ProcessTable.all().filter(({ group, state }) => children.includes(group) && state !== "Z").map(({ pid }) => pid)

/** The same, as soon as each of the groups has so many members. */
export const families = (
  children: ReadonlyArray<number>,
  members: number
): Effect.Effect<ReadonlyArray<number>, NeverHappened> =>
  Effect.map(
    waitUntil(() => familyOf(children).length === children.length * members, { what: "children with families" }),
    () => familyOf(children)
  )

/** Waits until a Reaper's shell ignores signals, and so is past its first lines. */
export const ready = (shell: number): Effect.Effect<void, NeverHappened> =>
  waitUntil(() => /SigIgn:\t0*[^0\s]/.test(Fs.readFileSync(`/proc/${shell}/status`, "latin1")), { what: "trap" })
