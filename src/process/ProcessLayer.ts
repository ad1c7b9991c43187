/**
 * Layers that run things in other processes.
 *
 * Take any service Layer, add one line, and it is crash-isolated on another core.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PayloadSchema } from "../remote/internal/grammar.ts"
import * as Hosted from "../remote/internal/hosted.ts"
import * as Implementation from "../remote/internal/implementation.ts"
import * as Remote from "../remote/Remote.ts"
import * as Crew from "./internal/crew.ts"
import { type HostOptions, resolve } from "./internal/options.ts"
import { InvalidOption, ProcessError } from "./ProcessError.ts"
import * as Spawner from "./Spawner.ts"

/**
 * A `Spawner` whose children are fresh Node.js processes: what a program with processes needs at its edge.
 *
 * **Details**
 *
 * Its Scope owns the run directory and the Reaper, and ends every child that is left in order.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const spawn: Layer.Layer<Spawner.Spawner, ProcessError> = Spawner.layer()

/**
 * `spawn`, with options.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const spawnWith: (options: Spawner.Options) => Layer.Layer<Spawner.Spawner, ProcessError> = Spawner.layer

/**
 * What a hosted declaration provides: a service its class, a function its `Handler`.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type Provided<D> = Remote.Provided<D>

/**
 * One call, as `key` sees it.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Call<D> = D extends { readonly methods: infer M; readonly key: infer Id } ? {
    readonly [K in keyof M]: {
      readonly service: Id
      readonly method: K
      readonly payload: PayloadSchema<M[K]>["Type"]
    }
  }[keyof M]
  : D extends Remote.AnyFn
    ? { readonly service: D["id"]; readonly method: D["id"]; readonly payload: D["payload"]["Type"] }
  : never

/**
 * How `make` hosts services.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options<S extends ReadonlyArray<Remote.Any>> extends HostOptions {
  /** whose default export is a Layer that implements the services, or a `Remote.module` */
  readonly module: URL | Remote.ModuleRef<Provided<S[number]>>
  /** the services, and functions, that the module implements */
  readonly services: S
  /** how many children; default 1 */
  readonly size?: number | undefined
  /**
   * Calls with the same key go to the same child; `undefined` means any. Needed with `size` above 1 for services that
   * keep state. Default: the child with the fewest calls in flight.
   */
  readonly key?: ((call: Call<S[number]>) => string | number | undefined) | undefined
}

/**
 * Hosts the services of a module in one child or several, as a Layer.
 *
 * **When to use**
 *
 * To move a service out of the process without changing the program that uses it: for another core, for isolation from
 * crashes and memory, for a clean environment.
 *
 * **Details**
 *
 * The children live as long as the Layer's Scope. A child that dies fails the calls it was answering, each with a
 * `RemoteError` whose reason is `ProcessExited`, and no others. It is replaced once: a replacement is replaced in turn
 * when it has answered at least one call. Calls wait while a replacement starts, and those of methods that are declared
 * `idempotent` move to another child instead of failing. Streams keep their back-pressure.
 *
 * Interrupting a call interrupts the handler's fiber in the child and waits for its finalizers. A child that has not let
 * go of the call within `forceAfter` (5 seconds) is killed, and replaced; so is one that stays busy with a call whose
 * `timeout` has passed.
 *
 * **Gotchas**
 *
 * With `size` above 1 each child has its own instance of the service.
 *
 * **Example** (A service on another core)
 *
 * ```ts
 * const ThumbnailerProcess = ProcessLayer.make({
 *   module: new URL("./thumbnailer.live.ts", import.meta.url),
 *   services: [Thumbnailer]
 * })
 *
 * program.pipe(Effect.provide(ThumbnailerProcess), Effect.provide(ProcessLayer.spawn))
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = <const S extends readonly [Remote.Any, ...Array<Remote.Any>]>(
  options: Options<S>
): Layer.Layer<Provided<S[number]>, ProcessError, Spawner.Spawner> =>
  Layer.effectContext(Effect.gen(function*() {
    const size = options.size ?? 1
    if (!Number.isInteger(size) || size < 1) {
      return yield* new ProcessError({
        reason: new InvalidOption({ option: "size", detail: `${size} is not a positive whole number` })
      })
    }
    const declarations = options.services.map(Implementation.declarationOf)
    const crew = yield* Crew.make({
      work: { module: Remote.moduleRef(options.module), mode: "serve", wants: declarations },
      child: yield* resolve(options),
      size
    })
    return Hosted.context<Provided<S[number]>>(declarations, crew, options.key as Hosted.Route | undefined)
  }))
