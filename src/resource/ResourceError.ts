/**
 * Why a resource that only the system has could not be had, or not be used as asked.
 *
 * `ResourceError` wraps one `reason`; `docs/errors.md` lists every reason with what to do about it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ReaperFailed, RunDirectoryFailed, UnsupportedPlatform } from "../guard/GuardFailure.ts"
import { InvalidOption } from "../wire/InvalidOption.ts"

/**
 * The package that calls the system's C library is not installed.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NativeMissing extends Schema.TaggedError<NativeMissing>("effect-multiprocessing/NativeMissing")(
  "NativeMissing",
  {
    package: Schema.String,
    /** the command that installs it */
    install: Schema.String
  }
) {
  override get message(): string {
    return `the package ${this.package} is not installed: ${this.install}`
  }
}

/**
 * The package that calls the system's C library is there, and cannot be used.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NativeFailed extends Schema.TaggedError<NativeFailed>("effect-multiprocessing/NativeFailed")(
  "NativeFailed",
  { package: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `the package ${this.package} cannot be used: ${this.detail}`
  }
}

/**
 * The system refused what was asked of it.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SystemCallFailed extends Schema.TaggedError<SystemCallFailed>("effect-multiprocessing/SystemCallFailed")(
  "SystemCallFailed",
  {
    /** the call, `mmap` for example */
    call: Schema.String,
    /** the system's code, `EACCES` for example */
    code: Schema.String,
    detail: Schema.String
  }
) {
  override get message(): string {
    return `${this.call} failed (${this.code}): ${this.detail}`
  }
}

/**
 * A text cannot be the name of a segment.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class InvalidName extends Schema.TaggedError<InvalidName>("effect-multiprocessing/InvalidName")("InvalidName", {
  name: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${JSON.stringify(this.name)} is no name of a segment: ${this.detail}`
  }
}

/**
 * There is a segment with this name already.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NameTaken extends Schema.TaggedError<NameTaken>("effect-multiprocessing/NameTaken")("NameTaken", {
  name: Schema.String
}) {
  override get message(): string {
    return `there is a segment named ${this.name} already`
  }
}

/**
 * There is no segment with this name: it was never made, or it has been unlinked.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SegmentNotFound extends Schema.TaggedError<SegmentNotFound>("effect-multiprocessing/SegmentNotFound")(
  "SegmentNotFound",
  { name: Schema.String }
) {
  override get message(): string {
    return `there is no segment named ${this.name}`
  }
}

/**
 * The system has no room for a segment. Nothing was made, and nothing will crash for it.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class OutOfSharedMemory
  extends Schema.TaggedError<OutOfSharedMemory>("effect-multiprocessing/OutOfSharedMemory")("OutOfSharedMemory", {
    /** bytes that were asked for */
    size: Schema.Number,
    /** bytes that the file system of segments had left; `undefined` where the limit is another one */
    free: Schema.UndefinedOr(Schema.Number),
    detail: Schema.String
  })
{
  override get message(): string {
    const free = this.free === undefined ? "" : `, ${this.free} are free`
    return `no room for a segment of ${this.size} bytes${free}: ${this.detail}`
  }
}

/**
 * A segment is smaller than what was to be found in it.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SegmentTooSmall extends Schema.TaggedError<SegmentTooSmall>("effect-multiprocessing/SegmentTooSmall")(
  "SegmentTooSmall",
  {
    name: Schema.String,
    /** bytes that it has */
    size: Schema.Number,
    /** bytes that it was to have */
    expected: Schema.Number
  }
) {
  override get message(): string {
    return `the segment ${this.name} has ${this.size} bytes, not ${this.expected}`
  }
}

/**
 * The segment has been closed by its Scope: what was mapped is zeros now.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SegmentClosed extends Schema.TaggedError<SegmentClosed>("effect-multiprocessing/SegmentClosed")(
  "SegmentClosed",
  { name: Schema.String }
) {
  override get message(): string {
    return `the segment ${this.name} is closed`
  }
}

/**
 * There is no element with this index.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class IndexOutOfRange extends Schema.TaggedError<IndexOutOfRange>("effect-multiprocessing/IndexOutOfRange")(
  "IndexOutOfRange",
  { name: Schema.String, index: Schema.Number, length: Schema.Number }
) {
  override get message(): string {
    return `${this.name} has ${this.length} elements, and none at ${this.index}`
  }
}

/**
 * A value cannot be stored as it is. Nothing was changed.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotStorable extends Schema.TaggedError<NotStorable>("effect-multiprocessing/NotStorable")("NotStorable", {
  value: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.value} cannot be stored: ${this.detail}`
  }
}

/**
 * What is in a segment is not what it was attached as.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class MalformedSegment extends Schema.TaggedError<MalformedSegment>("effect-multiprocessing/MalformedSegment")(
  "MalformedSegment",
  { name: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `the segment ${this.name} holds something else: ${this.detail}`
  }
}

/**
 * What a message promises cannot be fetched: it was fetched before, not in time, its holder is gone, or the message is
 * not to be trusted.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class TicketRefused extends Schema.TaggedError<TicketRefused>("effect-multiprocessing/TicketRefused")(
  "TicketRefused",
  {
    /** where it was to be fetched */
    peer: Schema.String,
    detail: Schema.String
  }
) {
  override get message(): string {
    return `nothing could be fetched at ${this.peer}: ${this.detail}`
  }
}

/**
 * Something cannot be sent to another process, as it is or at all. Nothing was changed.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotShareable extends Schema.TaggedError<NotShareable>("effect-multiprocessing/NotShareable")(
  "NotShareable",
  {
    /** what it is */
    resource: Schema.String,
    detail: Schema.String
  }
) {
  override get message(): string {
    return `${this.resource} cannot be sent to another process: ${this.detail}`
  }
}

/**
 * No descriptor came, and none will: the connection has ended, or something else came instead.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class HandleMissing extends Schema.TaggedError<HandleMissing>("effect-multiprocessing/HandleMissing")(
  "HandleMissing",
  { peer: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `no descriptor came from ${this.peer}: ${this.detail}`
  }
}

/**
 * This process has no place where others could fetch anything.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SharingFailed extends Schema.TaggedError<SharingFailed>("effect-multiprocessing/SharingFailed")(
  "SharingFailed",
  { detail: Schema.String }
) {
  override get message(): string {
    return `nothing can be fetched here: ${this.detail}`
  }
}

/**
 * Nothing is at a path: what is to be removed after this process's death must be there, and so must a file that is to be
 * opened.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class PathNotFound extends Schema.TaggedError<PathNotFound>("effect-multiprocessing/PathNotFound")(
  "PathNotFound",
  { path: Schema.String }
) {
  override get message(): string {
    return `nothing is at ${JSON.stringify(this.path)}`
  }
}

/**
 * What is at a path is no regular file. It was not opened.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotRegularFile extends Schema.TaggedError<NotRegularFile>("effect-multiprocessing/NotRegularFile")(
  "NotRegularFile",
  {
    path: Schema.String,
    /** what it is: `a FIFO`, `a directory` */
    found: Schema.String
  }
) {
  override get message(): string {
    return `${JSON.stringify(this.path)} is ${this.found}, not a regular file`
  }
}

/**
 * What is at the path of a file that was sent is not that file.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class FileReplaced extends Schema.TaggedError<FileReplaced>("effect-multiprocessing/FileReplaced")(
  "FileReplaced",
  { path: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `${JSON.stringify(this.path)} is not the file that was sent: ${this.detail}`
  }
}

/**
 * All reasons of a `ResourceError`, as a Schema.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const ResourceErrorReason = Schema.Union([
  NativeMissing,
  NativeFailed,
  UnsupportedPlatform,
  SystemCallFailed,
  RunDirectoryFailed,
  ReaperFailed,
  InvalidOption,
  InvalidName,
  NameTaken,
  SegmentNotFound,
  OutOfSharedMemory,
  SegmentTooSmall,
  SegmentClosed,
  IndexOutOfRange,
  NotStorable,
  MalformedSegment,
  TicketRefused,
  NotShareable,
  SharingFailed,
  HandleMissing,
  PathNotFound,
  NotRegularFile,
  FileReplaced
])

/**
 * All reasons of a `ResourceError`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type ResourceErrorReason = typeof ResourceErrorReason.Type

/**
 * A resource could not be had, or not be used as asked; `reason` says why.
 *
 * **When to use**
 *
 * Match its reasons with `Effect.catchReason("ResourceError", "SegmentNotFound", ...)`.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ResourceError extends Schema.TaggedError<ResourceError>("effect-multiprocessing/ResourceError")(
  "ResourceError",
  { reason: ResourceErrorReason }
) {
  override get message(): string {
    return this.reason.message
  }
}
