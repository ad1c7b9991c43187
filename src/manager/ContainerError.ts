/**
 * What is wrong with the use of a list, a map, a queue or another container that processes share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * There is nothing at that place, and nothing can be put there.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class IndexOutOfRange
  extends Schema.TaggedError<IndexOutOfRange>("effect-multiprocessing/IndexOutOfRange")("IndexOutOfRange", {
    index: Schema.Int,
    size: Schema.Int
  })
{
  override get message(): string {
    return `there is no place ${this.index} among ${this.size}`
  }
}

/**
 * The queue has been shut down: nothing is put in any more, and what was in it has been taken or dropped.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class QueueShutDown extends Schema.TaggedError<QueueShutDown>("effect-multiprocessing/QueueShutDown")(
  "QueueShutDown",
  {}
) {
  override get message(): string {
    return "the queue has been shut down"
  }
}

/**
 * More items were said to be done than were taken.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class TooManyDone extends Schema.TaggedError<TooManyDone>("effect-multiprocessing/TooManyDone")("TooManyDone", {
  unfinished: Schema.Int
}) {
  override get message(): string {
    return `more items were said to be done than the ${this.unfinished} that are not`
  }
}

/**
 * The manager's module does not implement the function that a value was to be changed with.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class UnknownFunction extends Schema.TaggedError<UnknownFunction>("effect-multiprocessing/UnknownFunction")(
  "UnknownFunction",
  { id: Schema.String }
) {
  override get message(): string {
    return `the manager's module does not implement ${this.id}`
  }
}

/**
 * A number is added to what is none.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotANumber extends Schema.TaggedError<NotANumber>("effect-multiprocessing/NotANumber")("NotANumber", {
  found: Schema.String
}) {
  override get message(): string {
    return `a number is added to ${this.found}`
  }
}

/**
 * All reasons of a `ContainerError`, as a Schema.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const ContainerErrorReason = Schema.Union([
  IndexOutOfRange,
  QueueShutDown,
  TooManyDone,
  UnknownFunction,
  NotANumber
])

/**
 * All reasons of a `ContainerError`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type ContainerErrorReason = typeof ContainerErrorReason.Type

/**
 * A container could not do what was asked of it; `reason` says why.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ContainerError extends Schema.TaggedError<ContainerError>("effect-multiprocessing/ContainerError")(
  "ContainerError",
  { reason: ContainerErrorReason }
) {
  override get message(): string {
    return this.reason.message
  }
}
