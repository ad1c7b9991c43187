/**
 * A misuse that no type excludes, as a reason of whichever area's error.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * An option cannot be used as given.
 *
 * @stability unstable
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("effect-multiprocessing/InvalidOption")(
  "InvalidOption",
  { option: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return `option ${this.option}: ${this.detail}`
  }
}
