/** The CPythons of this machine: `python3` of the PATH, and those of pyenv. */
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Python {
  readonly path: string
  /** `"3.12.1"` */
  readonly version: string
  /** `12` */
  readonly minor: number
  /** 3.11 or older: its handshake has only HMAC-MD5 */
  readonly isOld: boolean
}

const ask = (command: string, args: ReadonlyArray<string>): string => {
  const { error, status, stdout } = ChildProcess.spawnSync(command, args, { encoding: "utf8" })
  return error === undefined && status === 0 ? stdout.trim() : ""
}

const folders = (): ReadonlyArray<string> => {
  const root = ask("pyenv", ["root"])
  if (root === "") return []
  const versions = join(root, "versions")
  return Fs.existsSync(versions) ? Fs.readdirSync(versions).map((name) => join(versions, name, "bin", "python3")) : []
}

const look = (command: string): Python | undefined => {
  const program = "import sys; print('%s\\n%d.%d.%d' % ((sys.executable,) + sys.version_info[:3]))"
  const [path, version] = ask(command, ["-c", program]).split("\n")
  if (path === undefined || version === undefined) return undefined
  const [major, minor] = version.split(".").map(Number)
  return major === 3 ? { path, version, minor: minor!, isOld: minor! < 12 } : undefined
}

const find = (): ReadonlyArray<Python> => {
  const found = new Map<string, Python>()
  for (const command of ["python3", ...folders()]) {
    const python = look(command)
    if (python !== undefined && !found.has(python.version)) found.set(python.version, python)
  }
  return [...found.values()].toSorted((a, b) => a.version.localeCompare(b.version, "en", { numeric: true }))
}

/** Oldest first, from 3.`least` on; says which they are, and what is not run because there is none. */
export const pythons = (what: string, least = 0): ReadonlyArray<Python> => {
  const found = find().filter(({ minor }) => minor >= least)
  if (found.length === 0) console.warn(`NOT RUN: ${what}, because there is no python3 of 3.${least} or later`)
  else console.info(`${what}: with CPython ${found.map(({ version }) => version).join(", ")}`)
  return found
}

export const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/python/${name}`, import.meta.url))

/** A program that is told lines and answers with lines. */
export interface Talker {
  readonly pid: number
  readonly tell: (line: string) => void
  readonly line: Effect.Effect<string>
  readonly kill: () => void
  readonly end: Effect.Effect<number | string>
}

/** Starts a program; what is left of it when the Scope closes is killed. */
export const talk = (command: string, args: ReadonlyArray<string>): Effect.Effect<Talker, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = ChildProcess.spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })
      const end = new Promise<number | string>((resolve) =>
        child.once("close", (code, signal) => resolve(code ?? signal!))
      )
      child.stdin.on("error", () => {})
      let printed = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text
      })
      return {
        pid: child.pid!,
        tell: (line: string) => void child.stdin.write(`${line}\n`),
        line: Effect.orDie(waitUntil(() => printed.includes("\n"), {
          what: `a line of ${args.join(" ")}`,
          interval: 1,
          timeout: 20_000
        })).pipe(Effect.map(() => {
          const at = printed.indexOf("\n")
          const first = printed.slice(0, at)
          printed = printed.slice(at + 1)
          return first
        })),
        kill: () => void child.kill("SIGKILL"),
        end: Effect.promise(() => end)
      }
    }),
    ({ end, kill }) => Effect.andThen(Effect.sync(kill), end)
  )
