/**
 * The child's side: builds the module's Layer, serves what it implements over the inherited socket, and ends the
 * process in order. It is loaded from the copy of this library that the user's module uses.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Socket } from "node:net"
import type { Writable } from "node:stream"
import * as Implementation from "../../remote/internal/implementation.ts"
import { served } from "../../remote/internal/served.ts"
import type * as Remote from "../../remote/Remote.ts"
import * as AuthKey from "../../wire/internal/authKey.ts"
import * as CurrentProcess from "../../wire/internal/currentProcess.ts"
import { errorName } from "../../wire/internal/errorName.ts"
import type { Served } from "../../wire/Method.ts"
import * as Session from "../../wire/Session.ts"
import * as Transport from "../../wire/Transport.ts"
import * as BuiltIns from "./builtIns.ts"
import * as ChildStarts from "./childStarts.ts"
import * as CompileCache from "./compileCache.ts"
import * as EndBy from "./endBy.ts"
import * as Forwarder from "./forwarder.ts"
import * as HangUp from "./hangUp.ts"
import * as LogChannel from "./logChannel.ts"
import type { Failure, Preparation, Report } from "./preparation.ts"

export { version } from "./preparation.ts"

/** Makes this process who it is; no code of the user has been loaded yet. */
export const open = (preparation: Preparation, connection: {
  readonly socket: Socket
  readonly inlet: Transport.Inlet
}) => {
  const { socket } = connection
  const parentGone = Deferred.makeUnsafe<void>()
  // A parent that leaves without having read all resets the connection; what counts is that it closes then.
  socket.on("error", () => {})
  socket.once("close", () => Deferred.doneUnsafe(parentGone, Exit.void))
  if (preparation.logs === "forward") Forwarder.install(LogChannel.descriptor)
  HangUp.outlive()
  if (!preparation.group) leaveToParent("SIGINT", "SIGHUP")
  CurrentProcess.set({
    ...preparation.process,
    pid: process.pid,
    authKey: AuthKey.make(Buffer.from(preparation.process.authKey, "hex")),
    parent: {
      ...preparation.parent,
      isAlive: Effect.map(Deferred.isDone(parentGone), (gone) => !gone),
      sentinel: Deferred.await(parentGone)
    }
  })
  return {
    run: async (exported: unknown, report: (report: Report) => void): Promise<void> => {
      if (preparation.handles) (await import("./handleRelay.ts")).inherit()
      const exit = await Effect.runPromiseExit(inherit(preparation, serve(preparation, exported, connection, report)))
      await leave(Exit.isSuccess(exit) ? exit.value : complain(exit.cause), socket)
    }
  }
}

/** What a terminal says to its whole group is for the program, whose Scope ends this process in order. */
const leaveToParent = (...signals: ReadonlyArray<NodeJS.Signals>): void => {
  for (const signal of signals) process.on(signal, () => {})
}

const inherit = <A, E>({ logLevel, trace }: Preparation, effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const logging = Effect.provideService(effect, References.MinimumLogLevel, logLevel)
  return trace === undefined ? logging : Effect.withParentSpan(logging, Tracer.externalSpan(trace))
}

/** The exit code. */
const serve = Effect.fnUntraced(function*(
  preparation: Preparation,
  exported: unknown,
  { inlet, socket }: Parameters<typeof open>[1],
  report: (report: Report) => void
) {
  const refuse = (failure: Failure) => {
    report({ at: "failed", failure })
    return 1
  }
  if (!isModule(exported)) return refuse({ _tag: "NotALayer", found: kindOf(exported) })

  // Closed by hand, before the session: the parent may wait for what the finalizers do as long as the socket is open.
  const scope = yield* Scope.make()
  const { host } = preparation
  const make = host === undefined ? plain : yield* Effect.promise(() => hostOf(host.path))
  const made = yield* Scope.provide(Effect.andThen(childStarts, make(exported, preparation)), scope).pipe(
    Effect.raceFirst(Effect.andThen(CurrentProcess.get().parent!.sentinel, Effect.interrupt)),
    Effect.exit
  )
  if (Exit.isFailure(made)) {
    yield* Scope.close(scope, made)
    return refuse(failureOf(made.cause))
  }
  const hosting = made.value

  let exitCode = 0
  let calls = 0
  const begun = () => calls++
  const answered = (exit: Exit.Exit<unknown, unknown>) => {
    calls--
    if (preparation.mode === "call" && Exit.isFailure(exit)) exitCode = 1
  }
  report({ at: "ready" })
  const session = yield* Session.make({
    transport: Transport.fromSocket(socket, { peer: `parent (pid ${preparation.parent.pid})`, inlet }),
    serve: [...hosting.serve.map((served) => noted(served, begun, answered)), ...BuiltIns.served],
    onRelease: hosting.onRelease,
    context: hosting.context
  })
  const stopFlushing = preparation.fastStart === undefined
    ? () => {}
    : CompileCache.flushWhen(() => calls === 0, preparation.fastStart.cache)
  const asked = yield* Effect.raceFirst(session.closeRequested, Effect.as(session.closed, undefined))
  stopFlushing()
  if (asked !== undefined) EndBy.set(asked.deadline)
  yield* session.interruptCalls
  const ended = yield* Effect.exit(Scope.close(scope, Exit.void))
  if (Exit.isFailure(ended)) exitCode = complain(ended.cause)
  // Before the session ends: a parent whose session has ended does not wait for a reader of what was printed.
  yield* Effect.promise(() => written(process.stdout, process.stderr))
  yield* session.flush
  return exitCode
}, Effect.scoped)

/** That it needs nothing is what `Remote.Module` asks of its author's compiler. */
const isModule = (exported: unknown): exported is Remote.Module => Layer.isLayer(exported)

/** What a child serves its parent, made of its module's Layer. */
export interface Hosting {
  readonly serve: ReadonlyArray<Served>
  readonly context: Context.Context<never>
  readonly onRelease?: ((numbers: ReadonlyArray<number>) => void) | undefined
}

/** How a child hosts its module; the Scope is the child's. */
export type Host = (
  layer: Layer.Layer<never, unknown, any>,
  preparation: Preparation
) => Effect.Effect<Hosting, unknown, Scope.Scope>

/** Why a module cannot be hosted, other than by what its own Layer failed with. */
export class Refused {
  readonly failure: Failure

  constructor(failure: Failure) {
    this.failure = failure
  }
}

/** A file of another floor of this library, by its path, which the parent has said. */
const hostOf = async (path: string): Promise<Host> => {
  const url = new URL(`../../${path}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url)
  const { host } = await import(url.href) as { readonly host: Host }
  return host
}

/** Services and functions, each called by its own id. */
const plain: Host = Effect.fnUntraced(function*(layer, { wants }) {
  const context = yield* Layer.build(layer as Remote.Module)
  const { duplicates, implementations } = Implementation.find(context)
  if (duplicates.length > 0) return yield* Effect.fail(new Refused({ _tag: "DuplicateId", id: duplicates[0]! }))
  const missing = wants.filter((id) => !implementations.has(id))
  if (missing.length > 0) return yield* Effect.fail(new Refused({ _tag: "NotImplemented", missing }))
  return { serve: wants.flatMap((id) => served(implementations.get(id)!)), context }
})

/** What is served, with an eye on each call. */
const noted = (
  { handle, method }: Served,
  begun: () => void,
  answered: (exit: Exit.Exit<unknown, unknown>) => void
): Served => ({
  method,
  handle: (payload) => {
    begun()
    const answer = handle(payload)
    if (Exit.isExit(answer)) {
      answered(answer)
      return answer
    }
    const note = (exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => answered(exit))
    return Stream.isStream(answer) ? Stream.onExit(answer, note) : Effect.onExit(answer as Effect.Effect<unknown>, note)
  }
})

/** What the modules want done before anything else. */
const childStarts = Effect.suspend(() =>
  Effect.forEach(
    ChildStarts.all(),
    ({ effect, name: hook }) =>
      Effect.catchCause(effect, (cause) =>
        Effect.fail(new Refused({ _tag: "ChildStartFailed", hook, ...described(cause) }))),
    { discard: true }
  )
)

const failureOf = (cause: Cause.Cause<unknown>): Failure => {
  const error = Cause.findError(cause)
  return Result.isSuccess(error) && error.success instanceof Refused
    ? error.success.failure
    : { _tag: "LayerFailed", ...described(cause) }
}

const described = (cause: Cause.Cause<unknown>) => {
  const error = Cause.findError(cause)
  const value = Result.isSuccess(error) ? error.success : Cause.squash(cause)
  return {
    errorName: errorName(value),
    remoteCause: Cause.pretty(cause)
  }
}

const kindOf = (value: unknown): string =>
  value === undefined
    ? "missing"
    : value === null
    ? "null"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`

/** What no caller will hear is at least written down. */
const complain = (cause: Cause.Cause<unknown>): number => {
  if (!Cause.hasInterruptsOnly(cause)) process.stderr.write(`${CurrentProcess.get().name}: ${Cause.pretty(cause)}\n`)
  return 1
}

/** The user's code may have taken a standard stream away. */
const written = (...streams: ReadonlyArray<Writable | undefined>): Promise<unknown> =>
  Promise.all(streams.map((stream) =>
    new Promise<void>((resolve) => {
      if (stream === undefined || stream.destroyed || stream.writableLength === 0) resolve()
      else stream.write("", () => resolve())
    })
  ))

/** Nothing that the user's code left open may keep an ended process alive; what it wrote must not be lost. */
const leave = async (exitCode: number, socket: Socket): Promise<void> => {
  await written(process.stdout, process.stderr, socket)
  process.exit(exitCode)
}
