/**
 * Why what this process owns could not be put under guard: reasons of the errors of whoever needs that.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The run directory could not be made or used: disk full, wrong owner, no permission.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class RunDirectoryFailed
  extends Schema.TaggedError<RunDirectoryFailed>("effect-multiprocessing/RunDirectoryFailed")("RunDirectoryFailed", {
    path: Schema.String,
    /** the system's code, `ENOSPC` for example */
    code: Schema.String,
    detail: Schema.String
  })
{
  override get message(): string {
    return `run directory ${this.path} (${this.code}): ${this.detail}`
  }
}

/**
 * The process that guards against leaks could not be started, or refused.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ReaperFailed extends Schema.TaggedError<ReaperFailed>("effect-multiprocessing/ReaperFailed")(
  "ReaperFailed",
  { detail: Schema.String }
) {
  override get message(): string {
    return `the Reaper: ${this.detail}`
  }
}

/**
 * This platform cannot do what was asked.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class UnsupportedPlatform
  extends Schema.TaggedError<UnsupportedPlatform>("effect-multiprocessing/UnsupportedPlatform")("UnsupportedPlatform", {
    platform: Schema.String,
    detail: Schema.String
  })
{
  override get message(): string {
    return `not supported on ${this.platform}: ${this.detail}`
  }
}

/**
 * All of them.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type GuardFailure = RunDirectoryFailed | ReaperFailed | UnsupportedPlatform
