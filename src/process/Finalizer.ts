/**
 * What must be done before this process ends, and in which order it ends.
 *
 * A Scope is the usual owner of what must be released. A finalizer is for what outlives every Scope until the exit: a
 * lock file, a last message, what a library keeps for the whole process. CPython's `multiprocessing.util.Finalize`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as CurrentProcess from "../wire/internal/currentProcess.ts"
import * as ExitSequence from "./internal/exitSequence.ts"
import * as Finalizers from "./internal/finalizers.ts"
import * as Signals from "./internal/signals.ts"

/**
 * A registered finalizer.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Handle<out A, out E = never> {
  readonly name: string
  /** Runs it now, and gives what it gives; none when it has run already, or was cancelled. */
  readonly run: Effect.Effect<Option.Option<A>, E>
  /** It will not run any more. Says whether it would have. */
  readonly cancel: Effect.Effect<boolean>
  /** whether it has neither run nor been cancelled */
  readonly stillActive: Effect.Effect<boolean>
}

/**
 * When a finalizer runs by itself.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface RegisterOptions {
  /** in the report and in logs; default its number */
  readonly name?: string | undefined
  /**
   * At the exit: the highest first, among equals the one that was registered last. Those below 0 run when all children
   * have ended. Default: not at the exit.
   */
  readonly exitPriority?: number | undefined
  /** When this is collected; whoever should have run or cancelled it has forgotten to, which is logged. */
  readonly object?: WeakKey | undefined
}

/**
 * How a finalizer ended at the exit.
 *
 * **Details**
 *
 * `Late`: it was interrupted when its time was over. `NotBegun`: the process was ended by force before.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type FinalizerOutcome = ExitSequence.FinalizerOutcome

/**
 * A finalizer of the exit.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type FinalizerEnd = ExitSequence.FinalizerEnd

/**
 * A child that was there at the exit.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type ChildEnd = ExitSequence.ChildEnd

/**
 * A signal that asks a process to end.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Signal = Signals.Signal

/**
 * What happened at the exit.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** why this process ends, if it is a signal */
  readonly signal: Option.Option<Signal>
  /** the deadline was over, and something still hung: the process ends by force, right after this report */
  readonly forced: boolean
  /** in the order in which they ran */
  readonly finalizers: ReadonlyArray<FinalizerEnd>
  readonly children: ReadonlyArray<ChildEnd>
}

/**
 * How a process ends.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * From the beginning of the exit, or from the signal, to the end. A second signal makes it as short as it can be.
   * Default 10 seconds
   */
  readonly deadline?: Duration.Input | undefined
  /**
   * Which signals end the process in order. Leave out one that means something else to the program, as SIGHUP does
   * where it is to read its configuration again. Default all three
   */
  readonly signals?: ReadonlyArray<Signal> | undefined
  /** Is given what happened; what it does counts to nobody's time. */
  readonly onReport?: ((report: Report) => Effect.Effect<void>) | undefined
}

/**
 * The finalizers of this process.
 *
 * **When to use**
 *
 * Through `register` and `isExiting`.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class Finalizer extends Context.Service<Finalizer, {
  readonly register: <A, E, R>(
    callback: Effect.Effect<A, E, R>,
    options?: RegisterOptions
  ) => Effect.Effect<Handle<A, E>, never, R>
  /** whether a signal has come, or the exit sequence has begun */
  readonly isExiting: Effect.Effect<boolean>
}>()("effect-multiprocessing/Finalizer") {}

/**
 * Registers what is to be done at the exit of this process, when an object is collected, or by hand: at most once.
 *
 * **Details**
 *
 * What it needs is taken from where it is registered. One that fails or dies at the exit is logged with its cause, is
 * part of the report, and stops no other. One that has no exit priority and no object runs by its handle alone.
 *
 * What is registered with a priority when the exit is over runs at once.
 *
 * **Gotchas**
 *
 * A callback that holds its `object` keeps it from ever being collected.
 *
 * Children are fresh processes: none of them has the finalizers of this one.
 *
 * **Example** (A lock file that no Scope owns)
 *
 * ```ts
 * Finalizer.register(Effect.sync(() => unlinkSync("app.lock")), { name: "app.lock", exitPriority: -10 })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const register = <A, E, R>(
  callback: Effect.Effect<A, E, R>,
  options?: RegisterOptions
): Effect.Effect<Handle<A, E>, never, Finalizer | R> =>
  Effect.flatMap(Finalizer, (finalizer) => finalizer.register(callback, options))

/**
 * Whether this process is ending: a signal has come, or the exit sequence has begun.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const isExiting: Effect.Effect<boolean, never, Finalizer> = Effect.flatMap(
  Finalizer,
  (finalizer) => finalizer.isExiting
)

/**
 * The end of this process, in order, when the Layer's Scope closes.
 *
 * **When to use**
 *
 * Once in a program, provided to the program itself, before the Layers that have children; together with `teardown`.
 *
 * **Details**
 *
 * First the finalizers of priority 0 and more run. Then children end, those of all Spawners: daemons are asked to, as at
 * the end of their own Scope; others are waited for without a limit when the Scope has closed with success, and are
 * ended like daemons otherwise. Then the rest of the finalizers run. A finalizer has at most half of the time that is
 * left, children four fifths; what is late is interrupted, a child killed. What is late, or failed, is logged, and all of it is given to
 * `onReport`.
 *
 * SIGTERM, SIGINT and SIGHUP begin the end of the process, whose deadline is known to all of its children from then on.
 * SIGHUP is passed on as SIGTERM to whoever listens to that, as `NodeRuntime.runMain` does. If nobody listens, the
 * sequence begins at once, and the process exits. A second signal takes all the time away: children are killed, and
 * nothing is waited for. If anything hangs beyond the deadline, also in a Scope of the program, the process is ended by
 * force.
 *
 * In a child of this library no signals are listened to: its parent decides, and what is left of the parent's deadline
 * is the child's.
 *
 * **Gotchas**
 *
 * Children of Scopes inside the program are ended by these, before the sequence begins.
 *
 * **Example** (A program that ends in order)
 *
 * ```ts
 * program.pipe(
 *   Effect.provide(Finalizer.layer()),
 *   Effect.provide(ProcessLayer.spawn),
 *   NodeRuntime.runMain({ teardown: Finalizer.teardown })
 * )
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Finalizer> =>
  Layer.effect(
    Finalizer,
    Effect.gen(function*() {
      const run = Effect.runForkWith(yield* Effect.context())
      const deadline = Duration.toMillis(Duration.fromInputUnsafe(options.deadline ?? "10 seconds"))
      const running = new Set<Fiber.Fiber<unknown, unknown>>()
      const finalizers = Finalizers.make((entry) => {
        const fiber = run(Effect.gen(function*() {
          // It is to be known to run before it does.
          yield* Effect.yieldNow
          yield* Effect.logWarning(
            `${entry.name}, a finalizer, was forgotten: its object has been collected. It runs now.`
          )
          yield* reported(entry)
        }))
        running.add(fiber)
        fiber.addObserver(() => running.delete(fiber))
      })
      const sequence = ExitSequence.make(finalizers, { deadline, running })
      const report = (forced: boolean): Report => ({
        signal: Option.fromUndefinedOr(Signals.received()),
        forced,
        finalizers: sequence.finalizers(),
        children: sequence.children()
      })
      const tell = (report: Report): Effect.Effect<void> => {
        const late = lateOf(report)
        return Effect.andThen(
          late.length === 0 ? Effect.void : Effect.logWarning(`At the exit, not in time: ${late.join("; ")}`),
          options.onReport?.(report) ?? Effect.void
        )
      }
      let endsWell = false
      let over = false
      const end = yield* Effect.cached(Effect.suspend(() => {
        const mayWait = endsWell && Signals.received() === undefined
        return Effect.andThen(
          sequence.run(mayWait),
          Effect.suspend(() => {
            over = true
            return tell(report(false))
          })
        )
      }))

      if (CurrentProcess.get().parent === undefined) {
        yield* Effect.acquireRelease(
          Effect.sync(() =>
            Signals.watch({
              signals: options.signals ?? ["SIGHUP", "SIGINT", "SIGTERM"],
              deadline,
              alone: (code) => run(end).addObserver(() => process.exit(code)),
              force: () => {
                run(tell(report(true)))
              }
            })
          ),
          (unwatch) => Effect.sync(unwatch)
        )
      }
      yield* Effect.addFinalizer((exit) => {
        endsWell = Exit.isSuccess(exit)
        return end
      })

      let count = 0
      return {
        register: <A, E, R>(callback: Effect.Effect<A, E, R>, options: RegisterOptions = {}) =>
          Effect.gen(function*() {
            const { exitPriority, name = `finalizer ${++count}`, object } = options
            const provided = Effect.provideContext(callback, yield* Effect.context<R>())
            const entry: Finalizers.Entry = { name, exitPriority, callback: provided }
            if (!over) finalizers.add(entry, object)
            else if (exitPriority !== undefined) yield* reported(entry)
            const handle: Handle<A, E> = {
              name,
              run: Effect.uninterruptible(
                Effect.suspend(() => finalizers.take(entry) ? Effect.asSome(provided) : Effect.succeedNone)
              ),
              cancel: Effect.sync(() => finalizers.take(entry)),
              stillActive: Effect.sync(() => finalizers.isActive(entry))
            }
            return handle
          }),
        isExiting: Effect.sync(() => sequence.hasBegun() || Signals.received() !== undefined)
      }
    })
  )

/** Where nobody else hears of its failure. */
const reported = (entry: Finalizers.Entry): Effect.Effect<void> =>
  Effect.catchCause(Effect.asVoid(entry.callback), (cause) => Finalizers.complain(entry, cause))

const lateOf = ({ children, finalizers, forced, signal }: Report): ReadonlyArray<string> => [
  ...(forced ? [`the program, which is ended by force after ${Option.getOrElse(signal, () => "its deadline")}`] : []),
  ...finalizers
    .filter(({ outcome }) => outcome._tag === "Late" || outcome._tag === "NotBegun")
    .map(({ name, outcome }) => outcome._tag === "Late" ? name : `${name}, not begun`),
  ...children.filter(({ late }) => late).map(({ exited, name, pid }) =>
    Option.match(exited, { onNone: () => `${name} (pid ${pid}), still running`, onSome: ({ message }) => message })
  )
]

/**
 * The exit code of a program that was ended by a signal: 129 for SIGHUP, 130 for SIGINT (Ctrl-C), 143 for SIGTERM. All
 * others are those of `Runtime.defaultTeardown`.
 *
 * **When to use**
 *
 * As the `teardown` of `NodeRuntime.runMain`, which makes all of them 130.
 *
 * @stability unstable
 * @category running
 * @since 0.1.0
 */
export const teardown: Runtime.Teardown = (exit, onExit) => {
  const signal = Signals.received()
  if (signal !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
    return onExit(Signals.exitCode(signal))
  }
  Runtime.defaultTeardown(exit, onExit)
}
