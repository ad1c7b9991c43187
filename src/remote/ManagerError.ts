/**
 * What is wrong with the use of a `Manager`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { InvalidOption } from "../wire/InvalidOption.ts"

export { InvalidOption } from "../wire/InvalidOption.ts"

/**
 * The manager has been shut down, or its Scope has closed.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ManagerClosed extends Schema.TaggedError<ManagerClosed>("effect-multiprocessing/ManagerClosed")(
  "ManagerClosed",
  { manager: Schema.String }
) {
  override get message(): string {
    return `${this.manager} has been shut down`
  }
}

/**
 * The manager does not have such objects: its module does not implement them, or another manager was meant.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotRegistered extends Schema.TaggedError<NotRegistered>("effect-multiprocessing/NotRegistered")(
  "NotRegistered",
  { manager: Schema.String, type: Schema.String }
) {
  override get message(): string {
    return `${this.manager} does not implement ${this.type}`
  }
}

/**
 * Only who has started a manager may shut it down.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class NotOwner extends Schema.TaggedError<NotOwner>("effect-multiprocessing/NotOwner")("NotOwner", {
  manager: Schema.String
}) {
  override get message(): string {
    return `${this.manager} was not started by this program`
  }
}

/**
 * All reasons of a `ManagerError`, as a Schema.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const ManagerErrorReason = Schema.Union([ManagerClosed, NotRegistered, NotOwner, InvalidOption])

/**
 * All reasons of a `ManagerError`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type ManagerErrorReason = typeof ManagerErrorReason.Type

/**
 * A manager could not do what was asked of it; `reason` says why.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class ManagerError extends Schema.TaggedError<ManagerError>("effect-multiprocessing/ManagerError")(
  "ManagerError",
  { reason: ManagerErrorReason }
) {
  override get message(): string {
    return this.reason.message
  }
}
