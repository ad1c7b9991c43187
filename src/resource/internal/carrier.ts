/** What carries live things to other processes: by descriptors (sharer.ts), or by handles of Node.js (related.ts). */
import type * as Effect from "effect/Effect"
import type { Handle } from "../../process/internal/handleRelay.ts"
import type { ResourceError } from "../ResourceError.ts"
import type { Ticket } from "../ResourceSharer.ts"

/** Something live, as it stands here. */
export interface Thing {
  /** what it is, for whoever reads why it cannot be sent */
  readonly name: string
  readonly descriptor: number
  /** what Node.js has made of the descriptor; of a thing that leaves, to call it takes that away from its owner */
  readonly handle?: (() => Handle) | undefined
  /** whether it is gone from this process then, and its handle the carrier's */
  readonly leaves: boolean
}

/**
 * Promises a thing, in one step of JavaScript's, which throws what the system throws; that can be claimed as soon as the
 * effect succeeds.
 */
export type Put = (thing: Thing) => Effect.Effect<Ticket, ResourceError>

/** A descriptor, or a handle that has one: `node:net` and `node:dgram` take either for their `listen` and `bind`. */
export interface Arrived {
  readonly fd: number
  readonly close: () => void
}

export interface Carrier {
  /** Makes ready. */
  readonly opened: Effect.Effect<Put, ResourceError>
  /** Fetches a thing; whoever does owns it. */
  readonly claim: (ticket: Ticket) => Effect.Effect<Arrived, ResourceError>
  /** Something that was made of what was fetched, which the end of the Layer ends; the result forgets it. */
  readonly own: (end: () => void) => () => void
}
