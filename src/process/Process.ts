/**
 * One function, once, in a process of its own: CPython's `multiprocessing.Process`, owned by a Scope.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { LogLevel } from "effect/LogLevel"
import type * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { construct } from "../remote/internal/contract.ts"
import * as Implementation from "../remote/internal/implementation.ts"
import * as Remote from "../remote/Remote.ts"
import * as CurrentProcess from "../wire/internal/currentProcess.ts"
import * as RealTime from "../wire/internal/realTime.ts"
import { type ProcessExited, RemoteError, RemoteInterrupted } from "../wire/RemoteError.ts"
import type { Child } from "./internal/child.ts"
import * as EndBy from "./internal/endBy.ts"
import * as Family from "./internal/family.ts"
import { type ChildOptions, type HostOptions, resolve } from "./internal/options.ts"
import * as StandardStreams from "./internal/standardStreams.ts"
import * as TraceParent from "./internal/traceParent.ts"
import * as Tree_ from "./internal/tree.ts"
import { HandleClosed, InvalidPayload, ProcessError, StillRunning } from "./ProcessError.ts"
import * as Spawner from "./Spawner.ts"

export type { ChildOptions, HostOptions, Logs, Stdio } from "./internal/options.ts"

/**
 * A child process that runs one function.
 *
 * **Details**
 *
 * After `close`, everything but `name`, `pid`, `identity` and `daemon` fails with `HandleClosed`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Process<out A, out E = never> {
  readonly name: string
  readonly pid: number
  /** the path from the root process: its n-th child is `[n]`, that one's m-th `[n, m]` */
  readonly identity: ReadonlyArray<number>
  readonly daemon: boolean
  readonly isAlive: Effect.Effect<boolean, ProcessError>
  /** none while it runs; the exit status, or `-N` when signal number `N` ended it */
  readonly exitCode: Effect.Effect<Option.Option<number>, ProcessError>
  /**
   * What the function answered, once the process has ended. Fails with the function's error, with a `ProcessError`
   * (`ProcessExited`) when the process died, or a `RemoteError` when the answer could not be carried over.
   */
  readonly join: Effect.Effect<A, E | ProcessError | RemoteError>
  /** `join`, or none when the process still runs after that time; it goes on running. */
  readonly joinWithin: (limit: Duration.Input) => Effect.Effect<Option.Option<A>, E | ProcessError | RemoteError>
  /** Interrupts the function's fiber, and waits until its finalizers have run. */
  readonly interrupt: Effect.Effect<void, ProcessError>
  /** Sends SIGTERM, which runs no finalizers. Nothing happens when the process has ended. */
  readonly terminate: Effect.Effect<void, ProcessError>
  /** Sends SIGKILL. Nothing happens when the process has ended. */
  readonly kill: Effect.Effect<void, ProcessError>
  /** completes, with how it ended, when the process has ended */
  readonly sentinel: Effect.Effect<ProcessExited, ProcessError>
  /** the process's own metrics, as it counts them now; a busy process answers when it gets to it */
  readonly metrics: Effect.Effect<ReadonlyArray<Metric.Metric.Snapshot>, ProcessError | RemoteError>
  /**
   * At which level and above it logs: the calls that begin from now on, and what is forwarded of those that run. Lower
   * levels are not heard from fibers that run already.
   */
  readonly setMinimumLogLevel: (level: LogLevel) => Effect.Effect<void, ProcessError | RemoteError>
  /** Lets go of an ended process; fails with `StillRunning` before. Closing again is nothing. */
  readonly close: Effect.Effect<void, ProcessError>
  /** what the child reads; ends when the sink does. Fails with `InvalidOption` unless `stdio.stdin` is `"pipe"` */
  readonly stdin: Sink.Sink<void, Uint8Array | string, never, ProcessError>
  /** what the child writes; fails with `InvalidOption` unless `stdio.stdout` is `"pipe"` */
  readonly stdout: Stream.Stream<Uint8Array, ProcessError>
  /** as `stdout`; never makes the child wait before somebody reads it, who then gets the last 64 KiB first */
  readonly stderr: Stream.Stream<Uint8Array, ProcessError>
}

type FnOf<St extends boolean> = Remote.AnyFn & { readonly stream: St }

/** The payload (absent, optional or required), then the options. */
type StartArgs<F extends Remote.AnyFn, Options> = [...Remote.Args<F["payload"]>, options?: Options]

/**
 * Starts a function in a process of its own.
 *
 * **When to use**
 *
 * For one piece of work that deserves its own process: isolation from crashes, another environment or working
 * directory, a group of its own. For many calls use `ProcessLayer.make`.
 *
 * **Details**
 *
 * Completes when the module's Layer is built in the child and the function has been called. The process ends when the
 * function does. The Scope owns it: when it closes, the child is asked to end (its fibers are interrupted, its
 * finalizers run), gets SIGTERM after `closeTimeout` and SIGKILL after `killTimeout`; what it left in its process
 * group is killed. With `daemon: false`, a Scope that closes with success waits for the function instead.
 *
 * A payload that does not fit its Schema fails before a process is started.
 *
 * **Example** (Starting and joining)
 *
 * ```ts
 * Effect.gen(function*() {
 *   const process = yield* Process.start(countWords, { text: "to be or not to be" })
 *   return yield* process.join
 * }).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn))
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const start = <F extends FnOf<false>>(
  fn: F,
  ...args: StartArgs<F, ChildOptions>
): Effect.Effect<
  Process<F["success"]["Type"], F["error"]["Type"]>,
  ProcessError,
  Spawner.Spawner | Scope.Scope | Remote.FnServices<F>
> =>
  Effect.gen(function*() {
    const { child, contract, payload } = yield* begin(fn, args)
    const running = yield* Effect.forkDetach(
      Effect.ensuring(child.session.call(contract.method, payload, { timeout: contract.timeout }), child.stop),
      { startImmediately: true }
    )
    // Runs before the child's own finalizer, which ends it whatever it does.
    yield* Effect.addFinalizer((exit) =>
      !child.daemon && Exit.isSuccess(exit) ? EndBy.unlessEnding(Fiber.await(running)) : Effect.void
    )
    return makeHandle(fn.id, child, running)
  })

/**
 * Runs a function that streams in a process of its own, which lives as long as the stream.
 *
 * **Details**
 *
 * The child produces no faster than the stream is consumed. Its defects and its death are failures of the stream.
 *
 * **Example** (Lines counted elsewhere)
 *
 * ```ts
 * Process.stream(wordsOf, { path: "README.md" }).pipe(Stream.take(10), Stream.runCollect)
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const stream = <F extends FnOf<true>>(
  fn: F,
  ...args: StartArgs<F, HostOptions>
): Stream.Stream<
  F["success"]["Type"],
  F["error"]["Type"] | ProcessError | RemoteError,
  Spawner.Spawner | Exclude<Remote.FnServices<F>, Scope.Scope>
> =>
  Stream.unwrap(
    Effect.map(begin(fn, args), ({ child, contract, payload }): Stream.Stream<any, any, any> =>
      child.session.stream(contract.method, payload, { timeout: contract.timeout }))
  )

const begin = Effect.fnUntraced(function*(fn: Remote.AnyFn, args: ReadonlyArray<unknown>) {
  const contract = Implementation.declarationOf(fn).contracts[fn.id]!
  const takesNone = fn.payload.ast._tag === "Void"
  const options = yield* resolve((takesNone ? args[0] : args[1]) as ChildOptions | undefined ?? {})
  const payload = yield* Effect.mapError(
    construct(contract)(takesNone ? undefined : args[0]),
    ({ reason }) => new ProcessError({ reason: new InvalidPayload({ function: fn.id, issue: reason.message }) })
  )
  const spawner = yield* Spawner.Spawner
  const child = yield* spawner.start({
    module: Remote.moduleRef(fn.module),
    mode: "call",
    wants: [Implementation.declarationOf(fn)]
  }, options)
  return { child, contract, payload }
})

const makeHandle = (id: string, child: Child, running: Fiber.Fiber<any, any>): Process<any, any> => {
  const { identity, daemon, name, pid } = child
  let closed = false
  const open = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | ProcessError, R> =>
    Effect.suspend((): Effect.Effect<A, E | ProcessError, R> =>
      closed ? Effect.fail(new ProcessError({ reason: new HandleClosed({ name }) })) : effect
    )
  const join = open(Effect.gen(function*() {
    const exit = yield* Fiber.await(running)
    return yield* outcome(id, exit, yield* child.exit)
  }))
  return {
    name,
    pid,
    identity,
    daemon,
    isAlive: open(Effect.sync(() => child.exited() === undefined)),
    exitCode: open(Effect.sync(() => Option.map(Option.fromUndefinedOr(child.exited()), ({ exitCode }) => exitCode))),
    join,
    joinWithin: (limit) => RealTime.within(join, Duration.toMillis(Duration.fromInputUnsafe(limit))),
    interrupt: open(Effect.asVoid(Fiber.interrupt(running))),
    terminate: open(child.signal("SIGTERM")),
    kill: open(child.signal("SIGKILL")),
    sentinel: open(child.exit),
    metrics: open(child.metrics),
    setMinimumLogLevel: (level) => open(child.setMinimumLogLevel(level)),
    close: Effect.suspend(() => {
      if (child.exited() === undefined) {
        return Effect.fail(new ProcessError({ reason: new StillRunning({ name, pid }) }))
      }
      closed = true
      return child.end
    }),
    stdin: StandardStreams.input("stdin", child.stdin),
    stdout: StandardStreams.output("stdout", child.stdout),
    stderr: StandardStreams.followed("stderr", child.stderr, child.stderrTail)
  }
}

/** What the function answered counts only if the process then ended as it should: else its finalizers did not run. */
const outcome = (
  id: string,
  exit: Exit.Exit<unknown, unknown>,
  exited: ProcessExited
): Effect.Effect<unknown, unknown> => {
  const died = Effect.fail(new ProcessError({ reason: exited }))
  if (Exit.isSuccess(exit)) return exited.exitCode === 0 ? exit : died
  const error = Cause.findErrorOption(exit.cause)
  const reason = Option.isSome(error) && error.value instanceof RemoteError ? error.value.reason._tag : undefined
  // How it ended after its deadline is only what followed from that.
  if (reason === "CallTimeout") return exit
  if (reason === "ProcessExited" || exited.exitCode < 0 || exited.exitCode > 1) return died
  return Cause.hasInterruptsOnly(exit.cause)
    ? Effect.fail(new RemoteError({ reason: new RemoteInterrupted({ method: id }) }))
    : exit
}

/**
 * Who this process is: its name, identity, key and parent. The root is `"MainProcess"`, with an empty identity.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const currentProcess: Effect.Effect<CurrentProcess.CurrentProcess> = Effect.sync(CurrentProcess.get)

/**
 * The process that started this one, and whether it lives; none in the root.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const parentProcess: Effect.Effect<Option.Option<CurrentProcess.ParentProcess>> = Effect.sync(() =>
  Option.fromUndefinedOr(CurrentProcess.get().parent)
)

/**
 * Continues the trace of who has started this process, where that has said so in the environment: `TRACEPARENT`, as W3C
 * Trace Context spells it. Elsewhere it provides nothing.
 *
 * **When to use**
 *
 * For the root of the program, started by a shell, a job of CI or a program in another language. A child of this library
 * continues the trace of its parent anyway, and has its own `TRACEPARENT` for the programs that it starts in turn.
 *
 * **Example** (A program that is part of a larger one)
 *
 * ```ts
 * program.pipe(Effect.withSpan("import"), Effect.provide(Process.layerParentSpan))
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layerParentSpan: Layer.Layer<never> = Layer.suspend(() => {
  const parent = TraceParent.parse(process.env.TRACEPARENT)
  return parent === undefined ? Layer.empty : Layer.parentSpan(Tracer.externalSpan(parent))
})

/**
 * The children of this process that are ready and have not ended.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const activeChildren: Effect.Effect<ReadonlyArray<ActiveChild>, never, Spawner.Spawner> = Effect.flatMap(
  Spawner.Spawner,
  ({ children }) => children
)

/**
 * Sets at which level and above the children of this process log, while they run.
 *
 * **Details**
 *
 * It is for all children of the `Spawner`, whatever runs in them, and those that are started later. It counts before what
 * they were started with, and before the level of who calls them. Completes when all that live have heard of it; one
 * that is busy hears of it when it gets to it.
 *
 * Calls that begin from then on log at that level. Of what runs already nothing below it is forwarded; but a fiber keeps
 * the level that it has, so a lower one is not heard from it.
 *
 * **Gotchas**
 *
 * It does not reach the children of children, except that a child forwards nothing of theirs below its own level.
 *
 * **Example** (Looking closer for a while)
 *
 * ```ts
 * Effect.acquireRelease(Process.setMinimumLogLevel("Debug"), () => Process.setMinimumLogLevel("Info"))
 * ```
 *
 * @stability unstable
 * @category logging
 * @since 0.1.0
 */
export const setMinimumLogLevel = (level: LogLevel): Effect.Effect<void, never, Spawner.Spawner> =>
  Effect.flatMap(Spawner.Spawner, (spawner) => spawner.setMinimumLogLevel(level))

/**
 * A child of this process, whatever runs in it.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ActiveChild {
  readonly name: string
  readonly pid: number
  readonly identity: ReadonlyArray<number>
  readonly daemon: boolean
  /** the child's own metrics, as it counts them now; a busy child answers when it gets to it */
  readonly metrics: Effect.Effect<ReadonlyArray<Metric.Metric.Snapshot>, RemoteError>
  /** As `setMinimumLogLevel` of a `Process`. A child that takes its place has its own level. */
  readonly setMinimumLogLevel: (level: LogLevel) => Effect.Effect<void, RemoteError>
}

/**
 * The metrics of all children that answer within a second, by their pids.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const childrenMetrics: Effect.Effect<
  ReadonlyMap<number, ReadonlyArray<Metric.Metric.Snapshot>>,
  never,
  Spawner.Spawner
> = Effect.map(
  Effect.flatMap(
    activeChildren,
    (children) =>
      Effect.forEach(
        children,
        ({ metrics, pid }) =>
          RealTime.within(Effect.option(metrics), Family.defaultTimeout).pipe(
            Effect.map(Option.flatten),
            Effect.map(Option.map((metrics) => [pid, metrics] as const))
          ),
        { concurrency: "unbounded" }
      )
  ),
  (found) => new Map(found.flatMap(Option.toArray))
)

/**
 * A process and all that it has started, at one moment, as plain data.
 *
 * **Details**
 *
 * Times are in milliseconds, sizes in bytes. What a process used of a processor between two snapshots is the difference
 * of its `cpuTime` divided by that of its `age`: 1 is one processor. What the system does not tell is `undefined`, and so
 * is all of it for a process that has just ended.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Tree {
  readonly pid: number
  readonly name: string
  /**
   * `starting` until it is ready, `ending` from when it is asked to end; `unresponsive`: it is busy or stopped and did
   * not answer in time; `unknown`: known from the system alone, since its parent could not be asked
   */
  readonly state: "starting" | "ready" | "ending" | "unresponsive" | "unknown"
  /** whether a signal has stopped it */
  readonly stopped: boolean
  /** calls of its parent that it has not answered */
  readonly callsInFlight: number
  /** since its start */
  readonly age: number | undefined
  /** time of processors that it has used, in all of its threads */
  readonly cpuTime: number | undefined
  /** memory that it has in RAM, with what it shares with others */
  readonly residentBytes: number | undefined
  /** memory that no other process has, which is what its end would give back; Linux only */
  readonly privateBytes: number | undefined
  readonly children: ReadonlyArray<Tree>
}

/**
 * How long processes have to answer.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface TreeOptions {
  /** for all of the tree; default 1 second */
  readonly timeout?: Duration.Input | undefined
}

/**
 * The processes below this one, whoever of its parts has started them, and this one.
 *
 * **When to use**
 *
 * For a page or a command of a program that tells how it is. From outside, `npx effect-multiprocessing top` shows the
 * same.
 *
 * **Details**
 *
 * Each child says what is below it. One that does not answer within a second is `unresponsive`, and what is below it is
 * what the system knows. Never fails.
 *
 * **Gotchas**
 *
 * Processes that were started by other means than this library are not in it.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const tree: Effect.Effect<Tree> = Effect.suspend(() => Tree_.tree(Family.defaultTimeout))

/**
 * `tree`, with options.
 *
 * @stability unstable
 * @category accessors
 * @since 0.1.0
 */
export const treeWith = ({ timeout }: TreeOptions): Effect.Effect<Tree> =>
  Effect.suspend(() =>
    Tree_.tree(timeout === undefined ? Family.defaultTimeout : Duration.toMillis(Duration.fromInputUnsafe(timeout)))
  )
