/**
 * Passing descriptors, and what stands on them, to any other process of this user: related or not.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { InvalidOption } from "../wire/InvalidOption.ts"
import { attempt, fail } from "./internal/because.ts"
import * as Sharer from "./internal/sharer.ts"
import * as Native from "./Native.ts"
import type { ResourceError } from "./ResourceError.ts"

/**
 * What travels instead of descriptors: where they are fetched, and what proves that they are meant. It works once, and
 * must be kept as secret as what it stands for.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Ticket = Schema.Struct({ path: Schema.String, token: Schema.Uint8Array })

/**
 * What travels instead of descriptors.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Ticket = typeof Ticket.Type

/**
 * Lets descriptors travel in messages.
 *
 * **When to use**
 *
 * The codecs of `Reduction` use it, in the process that sends a socket and in the one that receives it: provide
 * `ResourceSharer.layer` at the edge of a program and in the module of a child. Call it to pass descriptors of your own.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class ResourceSharer extends Context.Service<ResourceSharer, {
  /** Promises duplicates of the descriptors; the caller may close its own at once. At most 253 together. */
  readonly share: (descriptors: ReadonlyArray<number>) => Effect.Effect<Ticket, ResourceError>
  /** Fetches what a ticket promises, once. Whoever calls it owns the descriptors. */
  readonly claim: (ticket: Ticket) => Effect.Effect<ReadonlyArray<number>, ResourceError>
  /** how many promises nobody has fetched yet */
  readonly pending: Effect.Effect<number>
  /** `share` in two steps, of which the second is one of JavaScript's; that throws what the system throws */
  readonly opened: Effect.Effect<(descriptors: ReadonlyArray<number>) => Ticket, ResourceError>
  /** Something that was made of what was fetched, which the end of the Layer ends; the result forgets it. */
  readonly own: (end: () => void) => () => void
}>()("effect-multiprocessing/ResourceSharer") {}

/**
 * How descriptors travel.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** how long what was promised waits for its receiver; then it is closed. Default 1 minute */
  readonly expiry?: Duration.Input | undefined
}

/**
 * `ResourceSharer`, with options.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: Options): Layer.Layer<ResourceSharer, never, Native.Native> =>
  Layer.effect(
    ResourceSharer,
    Effect.gen(function*() {
      const { system } = yield* Native.Native
      const sharer = yield* Sharer.make(system.sockets, Duration.toMillis(options.expiry ?? "1 minute"))
      const owned = new Set<() => void>()
      yield* Effect.addFinalizer(() => Effect.sync(() => owned.forEach((end) => end())))
      return {
        share: (descriptors) =>
          descriptors.length === 0 || descriptors.length > Sharer.most
            ? fail(new InvalidOption({ option: "descriptors", detail: `between 1 and ${Sharer.most} travel together` }))
            : Effect.flatMap(sharer.opened, (put) => attempt(() => put(descriptors))),
        opened: sharer.opened,
        own: (end) => {
          owned.add(end)
          return () => void owned.delete(end)
        },
        claim: sharer.claim,
        pending: Effect.sync(sharer.waiting)
      }
    })
  )

/**
 * Descriptors by messages of the kernel (`SCM_RIGHTS`) between any two processes of one user.
 *
 * **Details**
 *
 * What is sent waits in this process, duplicated, at a Unix socket in a folder of the user's, which is made for the first
 * of it. Its receiver fetches it with the token of the message, in a handshake in which neither side sends that. It is
 * gone from here then, also when its receiver dies in the middle; what nobody fetches is closed after `expiry`. The end
 * of the Layer closes all that still waits. What has been fetched does not depend on its sender any more.
 *
 * **Gotchas**
 *
 * Whoever has the message has the descriptor: encoded values that hold one are secrets until they are decoded.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<ResourceSharer, never, Native.Native> = layerWith({})
