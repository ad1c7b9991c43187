/**
 * Passing sockets, servers and descriptors to other processes: of this user, or of this family.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { InvalidOption } from "../wire/InvalidOption.ts"
import { attempt, fail } from "./internal/because.ts"
import type { Carrier } from "./internal/carrier.ts"
import * as Related from "./internal/related.ts"
import * as Sharer from "./internal/sharer.ts"
import * as Native from "./Native.ts"
import { NotShareable, type ResourceError } from "./ResourceError.ts"

/**
 * What travels instead of something live: where it is fetched, and what proves that it is meant. It works once, and must
 * be kept as secret as what it stands for.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Ticket = Schema.Union([
  Schema.Struct({ path: Schema.String, token: Schema.Uint8Array }),
  Schema.Struct({ root: Schema.String, token: Schema.Uint8Array })
])

/**
 * What travels instead of something live: to be fetched at a socket, or at the root of a family of processes.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Ticket = typeof Ticket.Type

/**
 * Lets sockets, servers and descriptors travel in messages.
 *
 * **When to use**
 *
 * The codecs of `Reduction` use it, in the process that sends a socket and in the one that receives it: provide
 * `ResourceSharer.layer`, or `ResourceSharer.layerRelated` where there is no `koffi`, at the edge of a program and in the
 * module of a child. Call it to pass descriptors of your own.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class ResourceSharer extends Context.Service<ResourceSharer, {
  /** Promises duplicates of the descriptors; the caller may close its own at once. At most 253 together. */
  readonly share: (descriptors: ReadonlyArray<number>) => Effect.Effect<Ticket, ResourceError>
  /** Fetches the descriptors that a ticket promises, once. Whoever calls it owns them. */
  readonly claim: (ticket: Ticket) => Effect.Effect<ReadonlyArray<number>, ResourceError>
  /** how many promises nobody has fetched yet */
  readonly pending: Effect.Effect<number>
  /** what the modules of this library call */
  readonly carrier: Carrier
}>()("effect-multiprocessing/ResourceSharer") {}

/**
 * How they travel.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** how long what was promised waits for its receiver; then it is closed. Default 1 minute */
  readonly expiry?: Duration.Input | undefined
}

const expiryOf = ({ expiry = "1 minute" }: Options): number => Duration.toMillis(expiry)

/** What is made of what arrives ends with the Scope, unless it ended before. */
const owner = Effect.gen(function*() {
  const owned = new Set<() => void>()
  yield* Effect.addFinalizer(() => Effect.sync(() => owned.forEach((end) => end())))
  return (end: () => void) => {
    owned.add(end)
    return () => void owned.delete(end)
  }
})

/**
 * `layer`, with options.
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
      const { claim, opened, waiting } = yield* Sharer.make(system.sockets, expiryOf(options))
      return {
        share: (descriptors) =>
          descriptors.length === 0 || descriptors.length > Sharer.most
            ? fail(new InvalidOption({ option: "descriptors", detail: `between 1 and ${Sharer.most} travel together` }))
            : Effect.flatMap(opened, (put) => attempt(() => put(descriptors))),
        claim,
        pending: Effect.sync(waiting),
        carrier: {
          opened: Effect.map(opened, (put) => ({ descriptor }) => Effect.succeed(put([descriptor]))),
          claim: (ticket) => Effect.map(claim(ticket), ([fd]) => ({ fd: fd!, close: () => Fs.closeSync(fd!) })),
          own: yield* owner
        }
      }
    })
  )

/**
 * Descriptors by messages of the kernel (`SCM_RIGHTS`) between any two processes of one user.
 *
 * **Details**
 *
 * What is sent waits in this process, duplicated, at a Unix socket in a folder of the user's, which is made for the first
 * of it. Its receiver fetches it with the token of the message: both sides show that they know it, and neither sends it.
 * It is gone from here then, also when its receiver dies in the middle; what nobody fetches is closed after `expiry`. The
 * end of the Layer closes all that still waits. What has been fetched does not depend on its sender any more. The
 * connection over which it was fetched is kept for the next, for 5 seconds, and keeps no process alive.
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

/**
 * `layerRelated`, with options.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerRelatedWith = (options: Options): Layer.Layer<ResourceSharer> =>
  Layer.effect(
    ResourceSharer,
    Effect.gen(function*() {
      const { claim, opened, pending } = yield* Related.make(expiryOf(options))
      const refuse = (resource: string) => fail(new NotShareable({ resource, detail: Related.onlySockets }))
      return {
        share: () => refuse("descriptors"),
        claim: () => refuse("descriptors"),
        pending,
        carrier: { opened, claim, own: yield* owner }
      }
    })
  )

/**
 * Sockets and servers by Node.js's own means, without `koffi`, between processes of one family: a program, the children
 * that it starts with `handles` (an option of `ProcessLayer.spawnWith`), and theirs, if they do so, too.
 *
 * **When to use**
 *
 * Where `koffi` cannot be installed, or on another system than Linux.
 *
 * **Details**
 *
 * What is sent waits in the first process of the family, to which each passes on what its children send; there its
 * receiver fetches it, once. What nobody fetches is closed after `expiry`, with the end of the Layer, and when whoever
 * sent it is gone. Who belongs to another family is refused.
 *
 * **Gotchas**
 *
 * - Descriptors do not travel this way: to send one fails with `NotShareable`.
 * - A server or a socket for datagrams that the first process itself sends must stay open there until it has been
 *   fetched, which it has when the call is answered that brought it.
 * - A process in the middle that computes without a pause keeps what passes through it waiting.
 *
 * **Example** (With `koffi` where there is one)
 *
 * ```ts
 * const Sharing = Layer.unwrap(Effect.map(Native.capabilities, ({ descriptors }) =>
 *   descriptors.available
 *     ? Layer.provide(ResourceSharer.layer, Layer.orDie(Native.layer))
 *     : ResourceSharer.layerRelated
 * ))
 *
 * program.pipe(Effect.provide([Sharing, ProcessLayer.spawnWith({ handles: true })]))
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerRelated: Layer.Layer<ResourceSharer> = layerRelatedWith({})
