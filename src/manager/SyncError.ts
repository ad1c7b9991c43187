/**
 * What is wrong with the use of a lock, a semaphore, a condition or a barrier.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Something is given back that nobody has taken: the lock is free, or it belongs to a Scope, which gives it back itself.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotTaken extends Schema.TaggedError<NotTaken>("effect-multiprocessing/NotTaken")("NotTaken", {
  type: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `release of a ${this.type} that nobody has taken: ${this.detail}`
  }
}

/**
 * A condition was used by somebody who does not have its lock.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class LockNotHeld extends Schema.TaggedError<LockNotHeld>("effect-multiprocessing/LockNotHeld")("LockNotHeld", {
  operation: Schema.String
}) {
  override get message(): string {
    return `${this.operation} needs the condition's lock, which its caller does not have`
  }
}

/**
 * A bounded semaphore would have more permits than it was made with.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class TooManyReleases extends Schema.TaggedError<TooManyReleases>("effect-multiprocessing/TooManyReleases")(
  "TooManyReleases",
  { permits: Schema.Int, limit: Schema.Int }
) {
  override get message(): string {
    return `release of ${this.permits} more than were taken of ${this.limit}`
  }
}

/**
 * More permits are wanted at once than a bounded semaphore can ever have.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class TooManyPermits extends Schema.TaggedError<TooManyPermits>("effect-multiprocessing/TooManyPermits")(
  "TooManyPermits",
  { permits: Schema.Int, limit: Schema.Int }
) {
  override get message(): string {
    return `${this.permits} permits are wanted at once, and there are ${this.limit} in all`
  }
}

/**
 * The barrier was broken before all parties had come, or while they came.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class BrokenBarrier extends Schema.TaggedError<BrokenBarrier>("effect-multiprocessing/BrokenBarrier")(
  "BrokenBarrier",
  {
    /** `left`: a party was interrupted or has died; `action`: the last one's action did not succeed */
    by: Schema.Literals(["timeout", "left", "action", "reset", "abort"])
  }
) {
  override get message(): string {
    return `the barrier is broken: ${this.by}`
  }
}

/**
 * All reasons of a `SyncError`, as a Schema.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const SyncErrorReason = Schema.Union([NotTaken, LockNotHeld, TooManyReleases, TooManyPermits, BrokenBarrier])

/**
 * All reasons of a `SyncError`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type SyncErrorReason = typeof SyncErrorReason.Type

/**
 * A lock, semaphore, condition or barrier cannot be used so; `reason` says why.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class SyncError extends Schema.TaggedError<SyncError>("effect-multiprocessing/SyncError")("SyncError", {
  reason: SyncErrorReason
}) {
  override get message(): string {
    return this.reason.message
  }
}
