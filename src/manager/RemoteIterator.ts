/**
 * Iterators that processes share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Remote from "../remote/Remote.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import * as Cursor from "./internal/cursor.ts"
import * as Internal from "./internal/iterator.ts"
import { packing } from "./internal/stored.ts"
import * as Typed from "./internal/typed.ts"

/**
 * A way through what was in a container when it was made, as its `iterator` gives it.
 *
 * **When to use**
 *
 * To share the items among several processes, each of which takes the next: each item comes to one of them. To read all
 * of a container, its `stream`.
 *
 * **Details**
 *
 * An item that a client has taken and not received, since it was interrupted or has died, is the next one again. So the end
 * is there when all of them have been received: who asks earlier waits until it is known.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteIterator<A, RD = never> extends Remote.Instance<"effect-multiprocessing/Iterator"> {
  /** The next item; none at the end. */
  readonly next: Effect.Effect<Option.Option<A>, RemoteError, RD>
  /** The items that are left, and that nobody else takes. */
  readonly stream: Stream.Stream<A, RemoteError, RD>
  /** Lets go of all that is left. */
  readonly close: Effect.Effect<void, RemoteError>
}

/**
 * Iterators in payloads, results and other objects: what arrives is a proxy of the same one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema = <S extends Schema.Top>(
  item: S
): Remote.ObjectSchema<RemoteIterator<S["Type"], S["DecodingServices"]>> =>
  Typed.schema(Internal.Iterator, Cursor.over(packing("iterator", item).unpack))
