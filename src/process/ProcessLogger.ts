/**
 * The logger of processes in the terms of CPython's `multiprocessing`: its levels, its line, and `log_to_stderr`.
 *
 * What children log arrives in their parent's loggers anyway. This module is for those who want it to look as it does in
 * Python, or whose programs come from there.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogLevel, Severity } from "effect/LogLevel"
import * as References from "effect/References"
import * as CurrentProcess from "../wire/internal/currentProcess.ts"

/**
 * CPython's levels: those of its `logging`, and the two that `multiprocessing` has between them.
 *
 * @stability unstable
 * @category constants
 * @since 0.1.0
 */
export const levels = {
  NOTSET: 0,
  SUBDEBUG: 5,
  DEBUG: 10,
  INFO: 20,
  SUBWARNING: 25,
  WARNING: 30,
  ERROR: 40,
  CRITICAL: 50
} as const

/**
 * The name of one of CPython's levels.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type LevelName = keyof typeof levels

const names: Readonly<Record<Severity, LevelName>> = {
  Trace: "SUBDEBUG",
  Debug: "DEBUG",
  Info: "INFO",
  Warn: "WARNING",
  Error: "ERROR",
  Fatal: "CRITICAL"
}

/** under which a line has the name of a level that Effect does not have */
const nameKey = "levelname"

/**
 * The number that CPython has for a level; `"None"`, at which nothing is logged, is `Infinity`.
 *
 * @stability unstable
 * @category converting
 * @since 0.1.0
 */
export const toNumber = (level: LogLevel): number =>
  level === "All" ? levels.NOTSET : level === "None" ? Number.POSITIVE_INFINITY : levels[names[level]]

/**
 * Makes of each line what CPython makes of it by default: `[INFO/worker-1] message`.
 *
 * **Details**
 *
 * The process is the one that has logged, also where that was a child. A Cause comes after the message, on lines of its
 * own. Effect's `Trace` is `SUBDEBUG`, its `Warn` is `WARNING` and its `Fatal` is `CRITICAL`.
 *
 * **Gotchas**
 *
 * CPython has no names for its two own levels when it prints them: it says `Level 5` and `Level 25`, where this says
 * `SUBDEBUG` and `SUBWARNING`.
 *
 * @stability unstable
 * @category loggers
 * @since 0.1.0
 */
export const format: Logger.Logger<unknown, string> = Logger.make(({ cause, fiber, logLevel, message }) => {
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  const level = annotations[nameKey] ?? names[logLevel as Severity]
  const process = annotations.process ?? CurrentProcess.get().name
  const texts = (Array.isArray(message) ? message : [message]).map((part) => Inspectable.toStringUnknown(part, 0))
  const line = `[${String(level)}/${String(process)}] ${texts.join(" ")}`
  return cause.reasons.length === 0 ? line : `${line}\n${Cause.pretty(cause)}`
})

/**
 * How `logToStderr` logs.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** the least level that is logged; default what the Context has, which is `"Info"` unless it was set */
  readonly level?: LogLevel | undefined
  /** whether other loggers are kept; default `false` */
  readonly mergeWithExisting?: boolean | undefined
}

/**
 * CPython's `log_to_stderr`: writes what this process and its children log to stderr, in CPython's format.
 *
 * **Details**
 *
 * Children inherit the level when they are started; `Process.setMinimumLogLevel` changes it later.
 *
 * **Example** (Debugging in Python's way)
 *
 * ```ts
 * program.pipe(Effect.provide(ProcessLayer.spawn), Effect.provide(ProcessLogger.logToStderr({ level: "Debug" })))
 * // [DEBUG/app/countWords-1] counting
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const logToStderr = ({ level, mergeWithExisting }: Options = {}): Layer.Layer<never> => {
  const loggers = Logger.layer([Logger.withConsoleError(format)], { mergeWithExisting })
  return level === undefined ? loggers : Layer.merge(loggers, Layer.succeed(References.MinimumLogLevel, level))
}

/**
 * CPython's logger: a method for each of its levels.
 *
 * **Details**
 *
 * They are `Effect.log` with the level of that name. Effect has none for `SUBWARNING`: such a line is of level `Info`,
 * annotated with `levelname`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ProcessLogger {
  /** the process's name */
  readonly name: string
  /** CPython's `getEffectiveLevel()`, where it is asked: the number of the least level that is logged */
  readonly effectiveLevel: Effect.Effect<number>
  readonly subDebug: (...message: ReadonlyArray<unknown>) => Effect.Effect<void>
  readonly debug: (...message: ReadonlyArray<unknown>) => Effect.Effect<void>
  readonly info: (...message: ReadonlyArray<unknown>) => Effect.Effect<void>
  readonly subWarning: (...message: ReadonlyArray<unknown>) => Effect.Effect<void>
  readonly warning: (...message: ReadonlyArray<unknown>) => Effect.Effect<void>
  readonly error: (...message: ReadonlyArray<unknown>) => Effect.Effect<void>
  readonly critical: (...message: ReadonlyArray<unknown>) => Effect.Effect<void>
}

/**
 * CPython's `get_logger`: the logger of this process.
 *
 * **When to use**
 *
 * In programs that come from Python. `Effect.log` and its kin go the same way.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const getLogger: Effect.Effect<ProcessLogger> = Effect.sync(() => ({
  name: CurrentProcess.get().name,
  effectiveLevel: Effect.map(Effect.service(References.MinimumLogLevel), toNumber),
  subDebug: Effect.logTrace,
  debug: Effect.logDebug,
  info: Effect.logInfo,
  subWarning: (...message) => Effect.annotateLogs(Effect.logInfo(...message), nameKey, "SUBWARNING"),
  warning: Effect.logWarning,
  error: Effect.logError,
  critical: Effect.logFatal
}))
