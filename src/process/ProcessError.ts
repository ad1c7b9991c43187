/**
 * Why a process could not be started, or how it ended.
 *
 * `ProcessError` wraps one `reason`; `docs/errors.md` lists every reason with what to do about it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ReaperFailed, RunDirectoryFailed, UnsupportedPlatform } from "../guard/GuardFailure.ts"
import { InvalidOption } from "../wire/InvalidOption.ts"
import { Disconnected, ProcessExited, ProtocolViolation } from "../wire/RemoteError.ts"

export { ReaperFailed, RunDirectoryFailed, UnsupportedPlatform } from "../guard/GuardFailure.ts"
export { InvalidOption } from "../wire/InvalidOption.ts"

/**
 * The operating system refused to start the child.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SpawnFailed extends Schema.TaggedError<SpawnFailed>("effect-multiprocessing/SpawnFailed")("SpawnFailed", {
  execPath: Schema.String,
  /** the system's code, `ENOENT` for example */
  code: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.execPath} could not be started (${this.code}): ${this.detail}`
  }
}

/**
 * The module, or a module that it imports, does not exist.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ModuleNotFound extends Schema.TaggedError<ModuleNotFound>("effect-multiprocessing/ModuleNotFound")(
  "ModuleNotFound",
  { module: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `${this.module} was not found by the child: ${this.detail}`
  }
}

/**
 * The module cannot be parsed or linked.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ModuleSyntaxError
  extends Schema.TaggedError<ModuleSyntaxError>("effect-multiprocessing/ModuleSyntaxError")("ModuleSyntaxError", {
    module: Schema.String,
    detail: Schema.String,
    remoteStack: Schema.String
  })
{
  override get message(): string {
    return `${this.module} cannot be read: ${this.detail}`
  }
}

/**
 * The module threw while it was evaluated.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ModuleThrew extends Schema.TaggedError<ModuleThrew>("effect-multiprocessing/ModuleThrew")("ModuleThrew", {
  module: Schema.String,
  detail: Schema.String,
  remoteStack: Schema.String
}) {
  override get message(): string {
    return `${this.module} threw while it was loaded: ${this.detail}`
  }
}

/**
 * The module's export is not a Layer.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotALayer extends Schema.TaggedError<NotALayer>("effect-multiprocessing/NotALayer")("NotALayer", {
  module: Schema.String,
  export: Schema.String,
  /** what was found instead */
  found: Schema.String
}) {
  override get message(): string {
    return `${this.module}: export "${this.export}" is not a Layer but ${this.found}`
  }
}

/**
 * What a module has registered with `ChildStart` failed or died.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ChildStartFailed
  extends Schema.TaggedError<ChildStartFailed>("effect-multiprocessing/ChildStartFailed")("ChildStartFailed", {
    module: Schema.String,
    /** as it was registered */
    hook: Schema.String,
    /** the error's tag or name */
    errorName: Schema.String,
    /** the child's cause, pretty printed */
    remoteCause: Schema.String
  })
{
  override get message(): string {
    return `${this.module}: ${this.hook} failed when the child started: ${this.remoteCause}`
  }
}

/**
 * The module's Layer failed or died while it was built.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class LayerFailed extends Schema.TaggedError<LayerFailed>("effect-multiprocessing/LayerFailed")("LayerFailed", {
  module: Schema.String,
  /** the error's tag or name */
  errorName: Schema.String,
  /** the child's cause, pretty printed */
  remoteCause: Schema.String
}) {
  override get message(): string {
    return `${this.module}: its Layer failed in the child: ${this.remoteCause}`
  }
}

/**
 * The module's Layer does not implement what the caller asked for.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotImplemented extends Schema.TaggedError<NotImplemented>("effect-multiprocessing/NotImplemented")(
  "NotImplemented",
  { module: Schema.String, missing: Schema.Array(Schema.String) }
) {
  override get message(): string {
    return `${this.module} does not implement ${this.missing.join(", ")}`
  }
}

/**
 * Two different declarations carry one id.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class DuplicateId extends Schema.TaggedError<DuplicateId>("effect-multiprocessing/DuplicateId")("DuplicateId", {
  module: Schema.String,
  id: Schema.String
}) {
  override get message(): string {
    return `${this.module}: two declarations have the id "${this.id}"`
  }
}

/**
 * The module brings another version of this library than the one that started its process.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class LibraryMismatch
  extends Schema.TaggedError<LibraryMismatch>("effect-multiprocessing/LibraryMismatch")("LibraryMismatch", {
    module: Schema.String,
    /** versions of what parent and child say to each other */
    ours: Schema.Int,
    theirs: Schema.Int
  })
{
  override get message(): string {
    return `${this.module} brings an effect-multiprocessing that speaks version ${this.theirs}, its parent speaks ${this.ours}`
  }
}

/**
 * The child was not ready in time, and has been killed.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class StartTimeout extends Schema.TaggedError<StartTimeout>("effect-multiprocessing/StartTimeout")(
  "StartTimeout",
  {
    module: Schema.String,
    /** milliseconds */
    timeout: Schema.Number,
    /** how far the child came: `"process"` (it never spoke), `"module"` (importing it), `"layer"` (building it) */
    step: Schema.Literals(["process", "module", "layer"])
  }
) {
  override get message(): string {
    const doing = {
      process: "had not spoken",
      module: "was still importing the module",
      layer: "was still building the Layer"
    }
    return `${this.module}: not ready within ${this.timeout} ms; the child ${doing[this.step]}`
  }
}

/**
 * The function's payload does not fit its Schema. No process was started.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class InvalidPayload extends Schema.TaggedError<InvalidPayload>("effect-multiprocessing/InvalidPayload")(
  "InvalidPayload",
  { function: Schema.String, issue: Schema.String }
) {
  override get message(): string {
    return `${this.function}: the payload does not fit its Schema: ${this.issue}`
  }
}

/**
 * The handle's process still runs, which the operation does not allow.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class StillRunning extends Schema.TaggedError<StillRunning>("effect-multiprocessing/StillRunning")(
  "StillRunning",
  { name: Schema.String, pid: Schema.Int }
) {
  override get message(): string {
    return `${this.name} (pid ${this.pid}) still runs: join it or end it first`
  }
}

/**
 * The handle was closed.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class HandleClosed extends Schema.TaggedError<HandleClosed>("effect-multiprocessing/HandleClosed")(
  "HandleClosed",
  { name: Schema.String }
) {
  override get message(): string {
    return `the handle of ${this.name} is closed`
  }
}

/**
 * The signal could not be delivered although the process lives.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SignalFailed extends Schema.TaggedError<SignalFailed>("effect-multiprocessing/SignalFailed")(
  "SignalFailed",
  { pid: Schema.Int, signal: Schema.String, code: Schema.String }
) {
  override get message(): string {
    return `${this.signal} could not be sent to ${this.pid} (${this.code})`
  }
}

/**
 * The Spawner's Scope has ended: it starts nothing more.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SpawnerClosed extends Schema.TaggedError<SpawnerClosed>("effect-multiprocessing/SpawnerClosed")(
  "SpawnerClosed",
  {}
) {
  override get message(): string {
    return "the Spawner is closed"
  }
}

/**
 * All reasons of a `ProcessError`, as a Schema.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const ProcessErrorReason = Schema.Union([
  SpawnFailed,
  ModuleNotFound,
  ModuleSyntaxError,
  ModuleThrew,
  NotALayer,
  ChildStartFailed,
  LayerFailed,
  NotImplemented,
  DuplicateId,
  LibraryMismatch,
  StartTimeout,
  InvalidOption,
  InvalidPayload,
  StillRunning,
  HandleClosed,
  SignalFailed,
  SpawnerClosed,
  RunDirectoryFailed,
  ReaperFailed,
  UnsupportedPlatform,
  ProcessExited,
  ProtocolViolation,
  Disconnected
])

/**
 * All reasons of a `ProcessError`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type ProcessErrorReason = typeof ProcessErrorReason.Type

/**
 * A process could not be started, steered, or did not end as it should; `reason` says why.
 *
 * **When to use**
 *
 * Match its reasons with `Effect.catchReason("ProcessError", "ModuleNotFound", ...)`.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ProcessError extends Schema.TaggedError<ProcessError>("effect-multiprocessing/ProcessError")(
  "ProcessError",
  { reason: ProcessErrorReason }
) {
  override get message(): string {
    return this.reason.message
  }
}
