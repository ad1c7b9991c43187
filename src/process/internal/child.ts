/**
 * A child from its start to its end: launched, put under guard, prepared, ready, and at last ended in order.
 *
 *     handed socket -> launch -> guard -> Preparation ->  Reports  -> Session ... close -> SIGTERM -> SIGKILL -> remains
 *                                         (who it is)     (its steps)                5 s       2 s
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { LogLevel } from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import * as Kills from "../../guard/internal/kills.ts"
import type { Guard, Reaper } from "../../guard/internal/reaper.ts"
import type { RunDirectory } from "../../guard/internal/runDirectory.ts"
import type * as Implementation from "../../remote/internal/implementation.ts"
import type { ModuleRef } from "../../remote/Remote.ts"
import * as AuthKey from "../../wire/internal/authKey.ts"
import * as CurrentProcess from "../../wire/internal/currentProcess.ts"
import * as Frames from "../../wire/internal/frames.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import { Disconnected, ProtocolViolation, type RemoteError } from "../../wire/RemoteError.ts"
import * as Session from "../../wire/Session.ts"
import * as Transport from "../../wire/Transport.ts"
import * as Errors from "../ProcessError.ts"
import { ProcessError } from "../ProcessError.ts"
import * as ProcessMetrics from "../ProcessMetrics.ts"
import * as Ask from "./ask.ts"
import * as BuiltIns from "./builtIns.ts"
import * as CompileCache from "./compileCache.ts"
import * as EndBy from "./endBy.ts"
import * as HandedSocket from "./handedSocket.ts"
import * as Launch from "./launch.ts"
import * as LifeSpan from "./lifeSpan.ts"
import type { Resolved } from "./options.ts"
import * as Packages from "./packages.ts"
import { type Failure, frame, longestFrame, type Preparation, type Report, version } from "./preparation.ts"
import * as TraceParent from "./traceParent.ts"

/** What is to run in a child. */
export interface Work {
  readonly module: ModuleRef<any>
  readonly mode: Preparation["mode"]
  readonly host?: Preparation["host"]
  /** how the child is called, unless it has a name; default the first of `wants` */
  readonly label?: string
  /** what of the module will be called */
  readonly wants: ReadonlyArray<Implementation.Declaration>
}

/** A child that is ready. */
export interface Child extends Launch.Launched {
  readonly identity: ReadonlyArray<number>
  readonly daemon: boolean
  readonly session: Session.Session
  readonly ask: Ask.Ask
  readonly metrics: Effect.Effect<ReadonlyArray<Metric.Metric.Snapshot>, RemoteError>
  readonly setMinimumLogLevel: (level: LogLevel) => Effect.Effect<void, RemoteError>
  /** calls that it has not answered, without what the library asks */
  readonly calls: () => number
  /** whether it was killed because an interrupted call had not let go of it */
  readonly forced: () => boolean
  /** Asks it to end, and makes sure that it does; again is the same end. */
  readonly stop: Effect.Effect<void>
  /** `stop`, and the end of what it left in its group and of all that we held for it. */
  readonly end: Effect.Effect<void>
}

/** What children have in common: the process that starts them. */
export interface Owner {
  readonly directory: RunDirectory
  readonly guard: Guard
  readonly reaper: Reaper
  readonly fastStart: boolean
  readonly preload: ReadonlyArray<string>
  readonly handles: boolean
  /** the level that has been set for all children, also those to come */
  minimumLogLevel: LogLevel | undefined
  /** those that have been launched and not been ended, ready or not */
  readonly lives: Set<Life>
}

export interface Life {
  readonly launched: Launch.Launched
  readonly state: () => typeof BuiltIns.State.Type
  readonly identity: ReadonlyArray<number>
  readonly daemon: boolean
  readonly end: Effect.Effect<void>
  child: Child | undefined
}

const boot = new URL(`./boot.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url)

/**
 * Starts a child and waits until it is ready. It is ended when the Scope closes; at once when it does not become
 * ready.
 */
export const start = (owner: Owner, work: Work, options: Resolved): Effect.Effect<Child, ProcessError, Scope.Scope> =>
  Effect.suspend(() => {
    const identity = CurrentProcess.nextIdentity()
    const label = work.label ?? work.wants[0]!.id
    const name = options.name ?? `${label}-${identity.join(":")}`
    return Effect.flatMap(
      LifeSpan.open(label, name, options.execPath),
      (lifeSpan) =>
        Effect.tapError(begin(owner, work, options, identity, name, lifeSpan), ({ reason }) => lifeSpan.end(reason))
    )
  })

const begin = (
  owner: Owner,
  work: Work,
  options: Resolved,
  identity: ReadonlyArray<number>,
  name: string,
  lifeSpan: LifeSpan.LifeSpan
): Effect.Effect<Child, ProcessError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const preparation = frame(yield* prepare(owner, work, name, identity, options, lifeSpan.span))
      if (preparation.length > longestFrame) return yield* tooLong(preparation.length)
      const began = performance.now()
      const socket = yield* HandedSocket.make(owner.directory.socketPath())
      const launched = yield* Launch.launch(name, options, boot, socket.theirs, {
        env: {
          [owner.directory.mark.name]: owner.directory.mark.value,
          ...TraceParent.environment(lifeSpan.span, options.env, process.env)
        },
        label: [name],
        guard: owner.guard,
        handles: owner.handles,
        context: yield* Effect.context<never>()
      }).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            socket.theirs.destroy()
            if (Exit.isFailure(exit)) socket.ours.destroy()
          })
        )
      )
      lifeSpan.launched(launched.pid)
      yield* counted(launched)
      const life = yield* makeLife(owner, launched, socket, identity, options, lifeSpan)
      const guarded = owner.reaper.addChild({ pid: launched.pid, group: options.group })
      if (Result.isFailure(guarded)) {
        yield* life.kill("it could not be put under guard")
        return yield* new ProcessError({ reason: guarded.failure })
      }
      owner.lives.add(life)
      socket.ours.write(preparation)
      const session = yield* restore(ready(work, launched, socket, options, life.connect)).pipe(
        Effect.onExit((exit) => Exit.isFailure(exit) ? life.abandon(exit.cause) : Effect.void)
      )
      yield* Metric.update(ProcessMetrics.startDuration, (performance.now() - began) / 1000)
      yield* Effect.addFinalizer(() => life.end)
      const { end, forced, stop } = life
      const ask = Ask.make(session)
      const child: Child = life.child = {
        ...launched,
        identity,
        daemon: options.daemon,
        session,
        ask,
        metrics: ask(BuiltIns.metrics, undefined),
        setMinimumLogLevel: (level) => ask(BuiltIns.minimumLogLevel, { level }),
        calls: () => session.inFlight() - ask.open(),
        forced,
        stop,
        end
      }
      // A child that has just died says so itself.
      if (owner.minimumLogLevel !== undefined) {
        yield* restore(Effect.ignore(child.setMinimumLogLevel(owner.minimumLogLevel)))
      }
      return child
    })
  )

/** Its exit is counted before anybody else hears of it. */
const counted = Effect.fnUntraced(function*({ exit }: Launch.Launched) {
  yield* Metric.update(ProcessMetrics.starts, 1)
  const exited = Effect.flatMap(exit, ({ detail, exitCode, outOfMemory, signal }) => {
    const reason = outOfMemory === "heap" || outOfMemory === "cgroup"
      ? "outOfMemory"
      : detail !== undefined
      ? "forced"
      : signal !== undefined
      ? "signal"
      : exitCode === 0
      ? "success"
      : "code"
    return Metric.update(Metric.withAttributes(ProcessMetrics.exits, { reason }), 1)
  })
  yield* Effect.forkDetach(exited, { startImmediately: true })
})

const tooLong = (bytes: number): ProcessError =>
  new ProcessError({
    reason: new Errors.InvalidOption({
      option: "argv",
      detail: `what the child would be told has ${bytes} bytes, the limit is ${longestFrame}`
    })
  })

const prepare = Effect.fnUntraced(function*(
  { directory, fastStart, guard, handles, minimumLogLevel, preload }: Owner,
  { host, mode, module, wants }: Work,
  name: string,
  identity: ReadonlyArray<number>,
  options: Resolved,
  span: Tracer.AnySpan | undefined
) {
  const self = CurrentProcess.get()
  return {
    version,
    guard,
    packages: Packages.seenFrom(module.url),
    fastStart: fastStart ? { cache: CompileCache.folderBeside(directory.path) } : undefined,
    module: { url: module.url.href, export: module.export },
    preload,
    handles,
    mode,
    host,
    wants: wants.map(({ id }) => id),
    process: {
      name,
      identity,
      daemon: options.daemon,
      authKey: Buffer.from(AuthKey.unsafeBytes(self.authKey)).toString("hex")
    },
    parent: { name: self.name, pid: self.pid },
    group: options.group,
    argv: options.argv,
    logs: options.logs,
    logLevel: minimumLogLevel ?? (yield* References.MinimumLogLevel),
    trace: span && { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled }
  } satisfies Preparation
})

/** Follows a child's reports until it is ready and connected, or as long as it has time. */
const ready = <A>(
  { module }: Work,
  launched: Launch.Launched,
  { inlet }: HandedSocket.HandedSocket,
  { startTimeout }: Resolved,
  connect: Effect.Effect<A, ProcessError>
): Effect.Effect<A, ProcessError> =>
  Effect.suspend(() => {
    let step: Errors.StartTimeout["step"] = "process"
    const report = Effect.tryPromise({
      try: async () => JSON.parse(Buffer.from(await Frames.readOne(inlet, longestFrame)).toString("utf8")) as Report,
      catch: (error) =>
        new ProcessError({ reason: new ProtocolViolation({ peer: launched.name, detail: String(error) }) })
    })
    const reports: Effect.Effect<void, ProcessError> = Effect.flatMap(report, (next) => {
      if (next.at === "ready") return Effect.void
      if (next.at === "failed") return Effect.fail(failureOf(module, next.failure))
      step = next.at
      return reports
    })
    const died = Effect.flatMap(launched.exit, (exited) => Effect.fail(new ProcessError({ reason: exited })))
    return RealTime.within(Effect.raceFirst(Effect.andThen(reports, connect), died), startTimeout).pipe(
      Effect.flatMap(Option.match({
        onSome: Effect.succeed,
        onNone: () =>
          Effect.fail(
            new ProcessError({
              reason: new Errors.StartTimeout({ module: module.url.href, timeout: startTimeout, step })
            })
          )
      }))
    )
  })

const failureOf = (module: ModuleRef<any>, failure: Failure): ProcessError => {
  const url = module.url.href
  const reason = (): Errors.ProcessErrorReason => {
    switch (failure._tag) {
      case "ModuleNotFound":
        return new Errors.ModuleNotFound({ module: url, ...failure })
      case "ModuleSyntaxError":
        return new Errors.ModuleSyntaxError({ module: url, ...failure })
      case "ModuleThrew":
        return new Errors.ModuleThrew({ module: url, ...failure })
      case "NotALayer":
        return new Errors.NotALayer({ module: url, export: module.export, ...failure })
      case "ChildStartFailed":
        return new Errors.ChildStartFailed({ module: url, ...failure })
      case "LayerFailed":
        return new Errors.LayerFailed({ module: url, ...failure })
      case "NotImplemented":
        return new Errors.NotImplemented({ module: url, ...failure })
      case "DuplicateId":
        return new Errors.DuplicateId({ module: url, ...failure })
      case "LibraryMismatch":
        return new Errors.LibraryMismatch({ module: url, ...failure })
    }
  }
  return new ProcessError({ reason: reason() })
}

/** milliseconds that a child has to be gone once its connection is */
const afterlife = 1_000

/** milliseconds until the processes that a dead child left behind must have obeyed SIGKILL */
const remainsLimit = 5_000

const makeLife = Effect.fnUntraced(function*(
  { lives, reaper }: Owner,
  launched: Launch.Launched,
  { inlet, ours }: HandedSocket.HandedSocket,
  identity: ReadonlyArray<number>,
  options: Resolved,
  lifeSpan: LifeSpan.LifeSpan
) {
  const { exit, pid, signalGroup } = launched
  const peer = `${launched.name} (pid ${pid})`
  const sessionScope = yield* Scope.make()
  yield* Effect.forkIn(Effect.flatMap(exit, lifeSpan.end), sessionScope)
  const context = yield* Effect.context()
  let session: Session.Session | undefined
  let forced = false
  let ending = false
  ours.on("error", () => {})

  /** Only its end frees a child from a call that does not yield, and us from waiting for it. */
  const force = (method: string, waited: number): void => {
    forced = true
    signalGroup("SIGKILL", `forceAfter: ${method} had not let go ${Math.round(waited)} ms after its interruption`)
  }

  /** A child without its connection is of no use, and says by its exit why that broke. */
  const disconnected = Effect.gen(function*() {
    if (Option.isNone(yield* RealTime.within(exit, afterlife))) signalGroup("SIGKILL", "its connection had broken")
    const exited = yield* RealTime.within(exit, afterlife)
    return Option.getOrElse(exited, () => new Disconnected({ peer, detail: "and it does not end" }))
  })

  const connect = Effect.gen(function*() {
    const opened = yield* Session.make({
      transport: Transport.fromSocket(ours, { peer, inlet }),
      overdue: { after: () => EndBy.limitWait(options.forceAfter), force },
      disconnected
    }).pipe(Scope.provide(sessionScope))
    session = opened
    const broken = (reason: unknown) =>
      Effect.sync(() => {
        if (reason instanceof ProtocolViolation) signalGroup("SIGKILL", reason.message)
      })
    yield* Effect.forkIn(Effect.flatMap(opened.closed, broken), sessionScope)
    yield* Effect.mapError(opened.ready, ({ reason }) =>
      new ProcessError({
        reason: reason._tag === "ProcessExited" || reason._tag === "ProtocolViolation"
          ? reason
          : new Disconnected({ peer, detail: reason.message })
      }))
    return opened
  })

  /** Its group is its own as long as anything lives in it, also after its leader has been reaped. */
  const finish = Effect.gen(function*() {
    const exited = launched.exited()
    if (exited !== undefined) yield* lifeSpan.end(exited)
    yield* Scope.close(sessionScope, Exit.void)
    ours.destroy()
    if (launched.hasRemains()) Kills.countUnsafe("remains", 1, context)
    yield* RealTime.until(() => {
      if (!launched.hasRemains()) return true
      signalGroup("SIGKILL", "")
      return false
    }, remainsLimit)
    launched.release()
    reaper.removeChild(pid)
    lives.delete(life)
  })

  const kill = (why: string): Effect.Effect<void> =>
    Effect.uninterruptible(Effect.suspend(() => {
      ending = true
      signalGroup("SIGKILL", why)
      return Effect.andThen(exit, finish)
    }))

  const stop = yield* Effect.cached(Effect.uninterruptible(Effect.gen(function*() {
    ending = true
    const deadlines = EndBy.limit(options.deadlines)
    const asked = performance.now()
    // To a child that is not ready yet, the end of its socket says the same.
    if (session === undefined) ours.destroy()
    else yield* session.requestClose(deadlines.close)
    if (Option.isSome(yield* EndBy.within(exit, deadlines.close))) return
    const waited = Math.min(deadlines.close, performance.now() - asked)
    signalGroup("SIGTERM", `it had not ended ${Math.round(waited)} ms after it was asked to`)
    if (Option.isSome(yield* EndBy.within(exit, deadlines.kill))) return
    signalGroup("SIGKILL", "")
    yield* exit
  })))

  const life = {
    launched,
    state: (): ReturnType<Life["state"]> => ending ? "ending" : life.child === undefined ? "starting" : "ready",
    identity,
    daemon: options.daemon,
    child: undefined as Child | undefined,
    connect,
    forced: () => forced,
    stop,
    end: yield* Effect.cached(Effect.uninterruptible(Effect.andThen(stop, finish))),
    kill,
    /** Ends a child that did not become ready; one that has used up its time gets no more. */
    abandon: (cause: Cause.Cause<ProcessError>) =>
      Cause.hasInterrupts(cause) ? life.end : kill("it did not become ready")
  }
  return life
})
