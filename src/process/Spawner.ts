/**
 * How children come to be.
 *
 * A `Spawner` owns what all children of a process need: the run directory, the Reaper that ends them if this process
 * is killed, their registry, and their orderly end. A program that starts processes says so in its type, and gets
 * `ProcessLayer.spawn` at its edge.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LogLevel } from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import type { GuardFailure } from "../guard/GuardFailure.ts"
import * as Reaper from "../guard/internal/reaper.ts"
import * as RunDirectory from "../guard/internal/runDirectory.ts"
import * as Child from "./internal/child.ts"
import * as CompileCache from "./internal/compileCache.ts"
import * as Family from "./internal/family.ts"
import * as Gauges from "./internal/gauges.ts"
import type { Resolved } from "./internal/options.ts"
import { ProcessError, SpawnerClosed } from "./ProcessError.ts"

/**
 * What this Spawner can do on this platform.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** `"spawn"`: each child is a fresh Node.js */
  readonly startMethod: "spawn"
  /** what ends the children when this process is killed: a shell beside it, or a thread inside each child */
  readonly guard: Reaper.Guard
}

/**
 * The service that starts children.
 *
 * **When to use**
 *
 * `Process.start` and `ProcessLayer.make` use it; provide `ProcessLayer.spawn` once, at the edge of the program. Read
 * `capabilities`, `runDirectory` and `children` for diagnosis.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class Spawner extends Context.Service<Spawner, {
  readonly capabilities: Capabilities
  /** where the records of the children are; removed at the end */
  readonly runDirectory: string
  /** The children that are ready and have not been reaped. */
  readonly children: Effect.Effect<ReadonlyArray<Child.Child>>
  /** At which level and above they log, and those that are started from now on. */
  readonly setMinimumLogLevel: (level: LogLevel) => Effect.Effect<void>
  /** Starts a child that hosts a module; it is ended when the Scope closes. */
  readonly start: (work: Child.Work, options: Resolved) => Effect.Effect<Child.Child, ProcessError, Scope.Scope>
}>()("effect-multiprocessing/Spawner") {}

/**
 * How a `Spawner` works.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * What ends the children when this process is killed. `"reaper"`: one shell for all of them, 2 MB. `"watchdog"`: a
   * thread in each of them, for systems without a shell; some 30 ms and 5 MB a child. Default: the Reaper where it can
   * work.
   */
  readonly guard?: Reaper.Guard | undefined
  /**
   * Whether children load `effect` and this library by shortcuts, and compiled by an earlier child: it halves the time
   * to their first answer, and changes nothing else. `false` leaves everything to Node.js. Default `true`.
   */
  readonly fastStart?: boolean | undefined
  /**
   * Modules that every child loads before its own, one after another: what they register with `ChildStart` runs in all
   * of them. Default none.
   */
  readonly preload?: ReadonlyArray<URL> | undefined
  /**
   * Whether children have a channel for handles of Node.js, which `ResourceSharer.layerRelated` needs. It is the one of
   * `process.send`, which they have then. Default `false`.
   */
  readonly handles?: boolean | undefined
}

/**
 * A `Spawner` whose children are fresh Node.js processes. The end of the Layer's Scope ends every child in order.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Spawner, ProcessError> =>
  Layer.effect(
    Spawner,
    Effect.gen(function*() {
      const guard = options.guard ?? Reaper.guard()
      const directory = yield* Effect.mapError(RunDirectory.make, becauseOf)
      const reaper = yield* Effect.mapError(Reaper.make(directory, guard), becauseOf)
      const fastStart = options.fastStart ?? true
      const preload = (options.preload ?? []).map((url) => url.href)
      if (fastStart) {
        yield* Effect.forkScoped(Effect.promise(() => CompileCache.trim(CompileCache.folderBeside(directory.path))))
      }
      const family = yield* Family.join
      const { lives } = family
      const owner: Child.Owner = {
        directory,
        guard,
        reaper,
        fastStart,
        preload,
        handles: options.handles ?? false,
        minimumLogLevel: undefined,
        lives
      }
      const children = () =>
        Array.from(lives, ({ child }) => child).filter((child): child is Child.Child =>
          child !== undefined && child.exited() === undefined
        )
      yield* Gauges.register
      directory.answers.set(Family.word, Family.answer)
      yield* Effect.addFinalizer(() => {
        family.closed = true
        return Effect.forEach(lives, ({ end }) => end, { concurrency: "unbounded", discard: true })
      })
      return {
        capabilities: { startMethod: "spawn", guard },
        runDirectory: directory.path,
        children: Effect.sync(children),
        setMinimumLogLevel: (level) =>
          Effect.suspend(() => {
            owner.minimumLogLevel = level
            return Effect.forEach(children(), (child) => Effect.ignore(child.setMinimumLogLevel(level)), {
              concurrency: "unbounded",
              discard: true
            })
          }),
        start: (work, options) =>
          Effect.suspend(() =>
            family.closed
              ? Effect.fail(new ProcessError({ reason: new SpawnerClosed() }))
              : Child.start(owner, work, options)
          )
      }
    })
  )

const becauseOf = (reason: GuardFailure): ProcessError => new ProcessError({ reason })
