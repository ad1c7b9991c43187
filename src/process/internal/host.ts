/**
 * The child's side: builds the module's Layer, serves what it implements over the inherited socket, and ends the
 * process in order. It is loaded from the copy of this library that the user's module uses.
 */
import * as Cause from "effect/Cause"
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
import type { Served } from "../../wire/Method.ts"
import * as Session from "../../wire/Session.ts"
import * as Transport from "../../wire/Transport.ts"
import * as CompileCache from "./compileCache.ts"
import * as EndBy from "./endBy.ts"
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
      const exit = await Effect.runPromiseExit(inherit(preparation, serve(preparation, exported, connection, report)))
      await leave(Exit.isSuccess(exit) ? exit.value : complain(exit.cause), socket)
    }
  }
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
  const built = yield* Layer.buildWithScope(exported, scope).pipe(
    Effect.raceFirst(Effect.andThen(CurrentProcess.get().parent!.sentinel, Effect.interrupt)),
    Effect.exit
  )
  if (Exit.isFailure(built)) {
    yield* Scope.close(scope, built)
    return refuse(layerFailure(built.cause))
  }
  const { duplicates, implementations } = Implementation.find(built.value)
  const refusal = duplicates.length > 0
    ? { _tag: "DuplicateId", id: duplicates[0]! } as const
    : missing(preparation, implementations)
  if (refusal !== undefined) {
    yield* Scope.close(scope, Exit.void)
    return refuse(refusal)
  }

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
    serve: preparation.wants.flatMap((id) => noted(implementations.get(id)!, begun, answered)),
    context: built.value
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

const missing = (
  preparation: Preparation,
  implementations: ReadonlyMap<string, Implementation.Implementation>
): Failure | undefined => {
  const ids = preparation.wants.filter((id) => !implementations.has(id))
  return ids.length === 0 ? undefined : { _tag: "NotImplemented", missing: ids }
}

/** What is served, with an eye on each call. */
const noted = (
  implementation: Implementation.Implementation,
  begun: () => void,
  answered: (exit: Exit.Exit<unknown, unknown>) => void
): Array<Served> =>
  served(implementation).map(({ handle, method }) => ({
    method,
    handle: (payload) => {
      begun()
      const answer = handle(payload)
      const note = (exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => answered(exit))
      return Stream.isStream(answer) ? Stream.onExit(answer, note) : Effect.onExit(answer, note)
    }
  }))

const layerFailure = (cause: Cause.Cause<unknown>): Failure => {
  const error = Cause.findError(cause)
  const value = Result.isSuccess(error) ? error.success : Cause.squash(cause)
  return {
    _tag: "LayerFailed",
    errorName: typeof value === "object" && value !== null && "_tag" in value && typeof value._tag === "string"
      ? value._tag
      : value instanceof Error
      ? value.name
      : typeof value,
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

const written = (...streams: ReadonlyArray<Writable>): Promise<unknown> =>
  Promise.all(streams.map((stream) =>
    new Promise<void>((resolve) => {
      if (stream.destroyed || stream.writableLength === 0) resolve()
      else stream.write("", () => resolve())
    })
  ))

/** Nothing that the user's code left open may keep an ended process alive; what it wrote must not be lost. */
const leave = async (exitCode: number, socket: Socket): Promise<void> => {
  await written(process.stdout, process.stderr, socket)
  process.exit(exitCode)
}
