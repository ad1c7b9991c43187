/**
 * Why a call to another process could not be answered.
 *
 * Every call may fail with what its method declares and with `RemoteError`, a wrapper whose `reason` says what
 * happened: the value did not fit its Schema, the peer died, the contract differs. `docs/errors.md` lists every
 * reason with what to do about it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A value did not fit its Schema on the side that sends it. Nothing was sent.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class EncodeFailed extends Schema.TaggedError<EncodeFailed>("effect-multiprocessing/EncodeFailed")(
  "EncodeFailed",
  {
    method: Schema.String,
    part: Schema.Literals(["payload", "success", "error"]),
    issue: Schema.String
  }
) {
  override get message(): string {
    return `${this.method}: the ${this.part} does not fit its Schema: ${this.issue}`
  }
}

/**
 * A value that arrived does not fit the Schema of the side that receives it.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class DecodeFailed extends Schema.TaggedError<DecodeFailed>("effect-multiprocessing/DecodeFailed")(
  "DecodeFailed",
  {
    method: Schema.String,
    part: Schema.Literals(["payload", "success", "error"]),
    issue: Schema.String
  }
) {
  override get message(): string {
    return `${this.method}: the ${this.part} that arrived does not fit its Schema: ${this.issue}`
  }
}

/**
 * An encoded value is larger than one message may be.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class TooLarge extends Schema.TaggedError<TooLarge>("effect-multiprocessing/TooLarge")("TooLarge", {
  method: Schema.String,
  part: Schema.Literals(["payload", "success", "error"]),
  /** bytes */
  size: Schema.Int,
  /** bytes */
  limit: Schema.Int
}) {
  override get message(): string {
    return `${this.method}: the encoded ${this.part} has ${this.size} bytes, the limit is ${this.limit}`
  }
}

/**
 * The handler died with a defect. `remoteStack` is the stack of the process it ran in.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class RemoteDefect extends Schema.TaggedError<RemoteDefect>("effect-multiprocessing/RemoteDefect")(
  "RemoteDefect",
  {
    method: Schema.String,
    errorName: Schema.String,
    errorMessage: Schema.String,
    remoteStack: Schema.String
  }
) {
  override get message(): string {
    return `${this.method}: the handler died with ${this.errorName}: ${this.errorMessage}`
  }
}

/**
 * The fiber that answered was interrupted by its own side, not by the caller.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class RemoteInterrupted
  extends Schema.TaggedError<RemoteInterrupted>("effect-multiprocessing/RemoteInterrupted")("RemoteInterrupted", {
    method: Schema.String
  })
{
  override get message(): string {
    return `${this.method}: interrupted by the process that ran it`
  }
}

/**
 * The call's deadline passed before it was answered.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class CallTimeout extends Schema.TaggedError<CallTimeout>("effect-multiprocessing/CallTimeout")("CallTimeout", {
  method: Schema.String,
  /** milliseconds */
  timeout: Schema.Number
}) {
  override get message(): string {
    return `${this.method}: not answered within ${this.timeout} ms`
  }
}

/**
 * The peer serves no method of this name.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class UnknownMethod extends Schema.TaggedError<UnknownMethod>("effect-multiprocessing/UnknownMethod")(
  "UnknownMethod",
  { method: Schema.String, peer: Schema.String }
) {
  override get message(): string {
    return `${this.method}: not served by ${this.peer}`
  }
}

/**
 * Both sides know the method, but their Schemas differ: two versions of one contract meet.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ContractMismatch extends Schema.TaggedError<ContractMismatch>("effect-multiprocessing/ContractMismatch")(
  "ContractMismatch",
  { method: Schema.String, ours: Schema.String, theirs: Schema.String }
) {
  override get message(): string {
    return `${this.method}: the peer's contract differs (ours ${this.ours}, theirs ${this.theirs})`
  }
}

/**
 * The peer broke the protocol: garbage, an impossible length, another protocol version. The session has ended.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ProtocolViolation
  extends Schema.TaggedError<ProtocolViolation>("effect-multiprocessing/ProtocolViolation")("ProtocolViolation", {
    peer: Schema.String,
    detail: Schema.String
  })
{
  override get message(): string {
    return `${this.peer} broke the protocol: ${this.detail}`
  }
}

/**
 * The connection ended and no process is known that could say why.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class Disconnected extends Schema.TaggedError<Disconnected>("effect-multiprocessing/Disconnected")(
  "Disconnected",
  { peer: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `the connection to ${this.peer} ended: ${this.detail}`
  }
}

/**
 * This side has closed the session (its Scope ended), or is closing it.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SessionClosed extends Schema.TaggedError<SessionClosed>("effect-multiprocessing/SessionClosed")(
  "SessionClosed",
  { peer: Schema.String }
) {
  override get message(): string {
    return `the session with ${this.peer} is closed`
  }
}

/**
 * A child process ended, and how.
 *
 * **Details**
 *
 * `exitCode` is CPython's: the exit status, or `-N` for signal number `N`. `stderr` holds the last 8 KiB the child
 * wrote there, when it was piped. `outOfMemory` is `"heap"` when V8 said so, `"cgroup"` when the kernel's OOM killer
 * struck in our control group, `"no"` when the exit shows that memory was not the cause, else `"unknown"`.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ProcessExited extends Schema.TaggedError<ProcessExited>("effect-multiprocessing/ProcessExited")(
  "ProcessExited",
  {
    name: Schema.String,
    pid: Schema.Int,
    exitCode: Schema.Int,
    signal: Schema.UndefinedOr(Schema.String),
    stderr: Schema.UndefinedOr(Schema.String),
    outOfMemory: Schema.Literals(["heap", "cgroup", "no", "unknown"]),
    /** what the library did to it, when that is why: "closed", "interrupted", "forceAfter", ... */
    detail: Schema.UndefinedOr(Schema.String)
  }
) {
  override get message(): string {
    const how = this.signal === undefined ? `exited with ${this.exitCode}` : `was killed by ${this.signal}`
    const memory = this.outOfMemory === "heap" || this.outOfMemory === "cgroup"
      ? `, out of memory (${this.outOfMemory})`
      : ""
    const detail = this.detail === undefined ? "" : ` (${this.detail})`
    const stderr = this.stderr === undefined || this.stderr === "" ? "" : `\n${this.stderr.trimEnd()}`
    return `${this.name} (pid ${this.pid}) ${how}${memory}${detail}${stderr}`
  }
}

/**
 * No child is left that could answer, and none will be started.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class Unavailable extends Schema.TaggedError<Unavailable>("effect-multiprocessing/Unavailable")("Unavailable", {
  method: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.method}: ${this.detail}`
  }
}

/**
 * The object of a proxy cannot be reached by it: the proxy's Scope has closed, or what it was made from has been used
 * before, has expired, or belongs to another start of the manager.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ObjectGone extends Schema.TaggedError<ObjectGone>("effect-multiprocessing/ObjectGone")("ObjectGone", {
  type: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.type}: ${this.detail}`
  }
}

/**
 * All reasons of a `RemoteError`, as a Schema.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const RemoteErrorReason = Schema.Union([
  EncodeFailed,
  DecodeFailed,
  TooLarge,
  RemoteDefect,
  RemoteInterrupted,
  CallTimeout,
  UnknownMethod,
  ContractMismatch,
  ProtocolViolation,
  Disconnected,
  SessionClosed,
  ProcessExited,
  Unavailable,
  ObjectGone
])

/**
 * All reasons of a `RemoteError`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type RemoteErrorReason = typeof RemoteErrorReason.Type

/**
 * A call to another process was not answered; `reason` says why.
 *
 * **When to use**
 *
 * Match its reasons with `Effect.catchReason("RemoteError", "ProcessExited", ...)`.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class RemoteError extends Schema.TaggedError<RemoteError>("effect-multiprocessing/RemoteError")("RemoteError", {
  reason: RemoteErrorReason
}) {
  override get message(): string {
    return this.reason.message
  }
}
