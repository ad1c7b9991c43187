/**
 * What parent and child say to each other before the session: the parent one `Preparation`, the child `Report`s until
 * it is ready or has failed. Each travels as JSON in a frame of CPython's kind: four bytes of length, big-endian.
 *
 * This file is loaded by a child before `effect` is: it imports nothing but types.
 */
import type { LogLevel } from "effect/LogLevel"
import type { Guard } from "../../guard/internal/reaper.ts"
import type { Logs } from "./options.ts"
import type { Packages } from "./packages.ts"

export const version = 1

/** All that a child must know; sent on its private socket, never in argv or the environment. */
export interface Preparation {
  readonly version: number
  readonly guard: Guard
  readonly packages: Packages
  /** see fastStart.ts; with the folder of the compile cache */
  readonly fastStart: { readonly cache: string } | undefined
  readonly module: { readonly url: string; readonly export: string }
  /** URLs of modules that are loaded before it */
  readonly preload: ReadonlyArray<string>
  /** whether `process.send` leads to the parent's handleRelay.ts */
  readonly handles: boolean
  /** a process for one call, whose outcome is its exit code, or one that serves until it is told to end */
  readonly mode: "call" | "serve"
  /** the file of the library that hosts the module, without its extension; default as services and functions */
  readonly host: { readonly path: string; readonly options: unknown } | undefined
  /** ids of the declarations that will be called */
  readonly wants: ReadonlyArray<string>
  readonly process: {
    readonly name: string
    readonly identity: ReadonlyArray<number>
    readonly daemon: boolean
    /** hexadecimal */
    readonly authKey: string
  }
  readonly parent: { readonly name: string; readonly pid: number }
  /** whether it leads a process group; else the signals of a terminal reach it, too */
  readonly group: boolean
  readonly argv: ReadonlyArray<string>
  readonly logs: Logs
  readonly logLevel: LogLevel
  readonly trace: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
}

/** `module`: one that is loaded beside the child's own */
type OfModule = { readonly module?: string }

export type Failure =
  | { readonly _tag: "ModuleNotFound"; readonly detail: string } & OfModule
  | { readonly _tag: "ModuleSyntaxError"; readonly detail: string; readonly remoteStack: string } & OfModule
  | { readonly _tag: "ModuleThrew"; readonly detail: string; readonly remoteStack: string } & OfModule
  | { readonly _tag: "NotALayer"; readonly found: string }
  | {
    readonly _tag: "ChildStartFailed"
    readonly hook: string
    readonly errorName: string
    readonly remoteCause: string
  }
  | { readonly _tag: "LayerFailed"; readonly errorName: string; readonly remoteCause: string }
  | { readonly _tag: "NotImplemented"; readonly missing: ReadonlyArray<string> }
  | { readonly _tag: "DuplicateId"; readonly id: string }
  | { readonly _tag: "LibraryMismatch"; readonly ours: number; readonly theirs: number }

export type Report =
  | { readonly at: "module" }
  | { readonly at: "layer" }
  | { readonly at: "ready" }
  | { readonly at: "failed"; readonly failure: Failure }

/** bytes; a preparation or a report has no reason to be longer */
export const longestFrame = 1 << 20

export const frame = (message: Preparation | Report): Uint8Array => {
  const body = Buffer.from(JSON.stringify(message))
  const head = Buffer.allocUnsafe(4)
  head.writeInt32BE(body.length)
  return Buffer.concat([head, body])
}
