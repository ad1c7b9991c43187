/** Schemas of things that are made elsewhere, typed so that a payload with something else in it does not compile. */
import type * as Schema from "effect/Schema"

/** A `Schema.Codec` says nothing of what a payload is made of, so that anything would do. */
export interface Checked<A, Encoded, RD = never, RE = never> extends Schema.Codec<A, Encoded, RD, RE> {
  readonly "~type.make.in": A
  readonly "~type.make": A
}
