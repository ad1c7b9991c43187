/**
 * What a child says of what it logs: lines, each as JSON in a frame of CPython's kind, on a pipe of its own.
 *
 * The child writes them in blocking mode, so a line is in the kernel's hands when `Effect.log` returns, whatever becomes
 * of the child. A child loads this file at its start: it imports nothing but types.
 */
import type { LogLevel } from "effect/LogLevel"

/** where a child finds it, after the three standard streams and the session's socket */
export const descriptor = 4

/** characters of a line's messages, and of all else that it says; the rest is cut */
export const longestText = 64 << 10

/** bytes of a frame, which has no reason to be longer: JSON needs up to six for a character; see portrait.ts */
export const longestLine = 2 << 20

/** `effect/LogLevel`'s, which is a file more to load */
export const levels = [
  "All",
  "Fatal",
  "Error",
  "Warn",
  "Info",
  "Debug",
  "Trace",
  "None"
] as const satisfies ReadonlyArray<LogLevel>

/** One reason of a Cause. Errors do not travel: `text` is what the child's `Cause.pretty` made of it. */
export type Reason =
  | {
    readonly kind: "Fail" | "Die"
    readonly name: string
    readonly message: string
    readonly text: string
  }
  | { readonly kind: "Interrupt"; readonly fiber?: number | undefined }

export interface Line {
  readonly level: LogLevel
  /** milliseconds since the epoch, as the child's clock told them */
  readonly date: number
  /** the id of the fiber that logged */
  readonly fiber: number
  readonly message: ReadonlyArray<unknown>
  readonly annotations?: Readonly<Record<string, unknown>> | undefined
  readonly spans?: ReadonlyArray<readonly [label: string, timestamp: number]> | undefined
  readonly cause?: ReadonlyArray<Reason> | undefined
  readonly trace?: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
}
