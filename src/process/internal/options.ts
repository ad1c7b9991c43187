import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { accessSync, constants, statSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { InvalidOption, ProcessError } from "../ProcessError.ts"
import type { Deadlines } from "./endBy.ts"

/**
 * How a child that serves is started and ended.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface HostOptions {
  /** shown in errors and logs; default the id of what runs in it, and its identity: `app/countWords-1:2` */
  readonly name?: string | undefined
  /** leads a process group of its own, which ends with it; `false` for a child that needs the terminal. Default `true` */
  readonly group?: boolean | undefined
  /** default this process's */
  readonly cwd?: string | URL | undefined
  /** added to this process's environment; `undefined` removes a variable */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** the Node.js to run; default this process's */
  readonly execPath?: string | undefined
  /** options of that Node.js; default none, but for `--conditions` and permission flags of this process */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /** the child's `process.argv` from its third element on; default none */
  readonly argv?: ReadonlyArray<string> | undefined
  /** default `{ stdin: "ignore", stdout: "inherit", stderr: "inherit" }`; a stderr that is piped or prefixed is quoted by the child's exit */
  readonly stdio?: {
    readonly stdin?: Exclude<Stdio, "pipe" | "prefix"> | undefined
    readonly stdout?: Exclude<Stdio, "pipe"> | undefined
    readonly stderr?: Stdio | undefined
  } | undefined
  /**
   * Where what the child logs goes. `"forward"`: to the loggers of the Context in which it is started. `"console"`: to its
   * own standard output, as Effect's default logger writes it. Default `"forward"`
   */
  readonly logs?: Logs | undefined
  /**
   * How long an interrupted call, or one whose `timeout` has passed, may keep the child busy before it must have let go:
   * then the child is killed. Infinity: as long as it likes. Default 5 seconds
   */
  readonly forceAfter?: Duration.Input | undefined
  /** until the child must be ready; default 10 seconds */
  readonly startTimeout?: Duration.Input | undefined
  /** for the child's fibers and finalizers, once its Scope has ended; then SIGTERM. Default 5 seconds */
  readonly closeTimeout?: Duration.Input | undefined
  /** after SIGTERM; then SIGKILL. Default 2 seconds */
  readonly killTimeout?: Duration.Input | undefined
}

/**
 * How a child that runs one function is started and ended. What is piped is a Stream or a Sink of its handle.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ChildOptions extends Omit<HostOptions, "stdio"> {
  /** `true`: the end of the Scope ends the child. `false`: a Scope that ends with success waits for it. Default `true` */
  readonly daemon?: boolean | undefined
  /** default `{ stdin: "ignore", stdout: "inherit", stderr: "inherit" }` */
  readonly stdio?: {
    readonly stdin?: Exclude<Stdio, "prefix"> | undefined
    readonly stdout?: Stdio | undefined
    readonly stderr?: Stdio | undefined
  } | undefined
}

/**
 * What becomes of a standard stream of a child.
 *
 * **Details**
 *
 * `"prefix"`, for stdout and stderr: its lines are written to this process's own stream, each with the child's name in
 * front, `[app/countWords-1] text`. They are written whole, so that the lines of several children do not mix; a line that
 * is longer than 64 KiB in pieces. All of them are written before the child counts as ended.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export type Stdio = "ignore" | "inherit" | "pipe" | "prefix"

/**
 * What becomes of what a child logs.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export type Logs = "forward" | "console"

export interface Resolved {
  readonly name: string | undefined
  readonly daemon: boolean
  readonly group: boolean
  readonly cwd: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly execPath: string
  readonly execArgv: ReadonlyArray<string>
  readonly argv: ReadonlyArray<string>
  readonly stdio: readonly [Stdio, Stdio, Stdio]
  readonly logs: Logs
  /** milliseconds */
  readonly forceAfter: number
  /** milliseconds */
  readonly startTimeout: number
  readonly deadlines: Deadlines
}

const invalid = (option: string, detail: string): ProcessError =>
  new ProcessError({ reason: new InvalidOption({ option, detail }) })

export const resolve = (options: ChildOptions): Effect.Effect<Resolved, ProcessError> =>
  Effect.try({
    try: () => ({
      name: options.name === undefined ? undefined : text("name", options.name),
      daemon: options.daemon ?? true,
      group: options.group ?? true,
      cwd: directory(options.cwd),
      env: environment(options.env ?? {}),
      execPath: executable(options.execPath),
      execArgv: options.execArgv?.map((argument) => text("execArgv", argument)) ?? carried(process.execArgv),
      argv: options.argv?.map((argument) => text("argv", argument)) ?? [],
      stdio: [
        options.stdio?.stdin ?? "ignore",
        options.stdio?.stdout ?? "inherit",
        options.stdio?.stderr ?? "inherit"
      ] as const,
      logs: options.logs ?? "forward",
      forceAfter: millis("forceAfter", options.forceAfter ?? "5 seconds"),
      startTimeout: millis("startTimeout", options.startTimeout ?? "10 seconds"),
      deadlines: {
        close: millis("closeTimeout", options.closeTimeout ?? "5 seconds"),
        kill: millis("killTimeout", options.killTimeout ?? "2 seconds")
      }
    }),
    catch: (error) => error instanceof ProcessError ? error : invalid("options", String(error))
  })

const millis = (option: string, input: Duration.Input): number => {
  const duration = Duration.fromInput(input)
  const given = Option.isNone(duration) ? Number.NaN : Duration.toMillis(duration.value)
  if (Number.isNaN(input) || !(given >= 0)) throw invalid(option, `${String(input)} is not a duration`)
  return given
}

/** What the system can pass to a process, also where the types were bypassed. */
const text = (option: string, value: string): string => {
  if (typeof value !== "string" || value.includes("\0")) throw invalid(option, "is not a text without null characters")
  return value
}

/** The system says of a missing directory only that the program was not found. */
const directory = (cwd: string | URL | undefined): string | undefined => {
  if (cwd === undefined) return undefined
  const path = cwd instanceof URL ? fileURLToPath(cwd) : cwd
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw invalid("cwd", `${path} is not a directory`)
  }
  return path
}

const executable = (path: string | undefined): string => {
  if (path === undefined) return process.execPath
  if (!path.includes("/")) return path
  try {
    accessSync(path, constants.X_OK)
  } catch {
    throw invalid("execPath", `${path} cannot be executed`)
  }
  return path
}

const environment = (added: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv => {
  const env: NodeJS.ProcessEnv = { ...process.env, ...added }
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete env[name]
    else if (value.includes("\0") || name.includes("\0") || name.includes("=")) {
      throw invalid("env", `${JSON.stringify(name)} cannot be passed to a process`)
    }
  }
  // One port cannot be listened on by parent and child.
  if (env.NODE_OPTIONS !== undefined) {
    env.NODE_OPTIONS = env.NODE_OPTIONS.replace(/(^|\s)--inspect(-\S+|=\S+)?(?=\s|$)/g, "").trim()
  }
  return env
}

const carriedFlag = /^(--conditions|-C|--permission|--experimental-permission|--allow-[a-z-]+)(=|$)/
const takesValue = /^(--conditions|-C|--allow-fs-(read|write))$/

/** What changes the meaning of the child's modules, or what it may do, must hold there too. */
export const carried = (execArgv: ReadonlyArray<string>): ReadonlyArray<string> =>
  execArgv.filter((argument, index) =>
    carriedFlag.test(argument) || (index > 0 && takesValue.test(execArgv[index - 1]!))
  )
