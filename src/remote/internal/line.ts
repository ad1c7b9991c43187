/** One client's connection to a served address, and the next one when it is lost. */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Address from "../../connection/Address.ts"
import * as Connection from "../../connection/Connection.ts"
import { ConnectionError, NotServed } from "../../connection/ConnectionError.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import type { Served } from "../../wire/Method.ts"
import {
  Disconnected,
  RemoteError,
  type RemoteErrorReason,
  SessionClosed,
  Unavailable
} from "../../wire/RemoteError.ts"
import * as Session from "../../wire/Session.ts"
import type { State } from "../RemoteClient.ts"
import { type Member, memberOf, type Members } from "./dispatch.ts"
import * as Greeting from "./greeting.ts"
import type { Declaration } from "./implementation.ts"
import * as Settings from "./settings.ts"

export interface Options extends Connection.ConnectOptions, Settings.Common {
  readonly address: Address.Address
  readonly reconnect: Schedule.Schedule<unknown, ConnectionError> | undefined
  /** default 30 seconds */
  readonly waitTimeout?: Duration.Input | undefined
}

export interface Line extends Members {
  readonly state: SubscriptionRef.SubscriptionRef<State>
}

const defaultTimeout = 10_000
const defaultWait = 30_000

/** milliseconds that a session must have lasted, if it answered nothing, for its server to be one that works */
const longEnough = 5_000

/** milliseconds that a server which says that it ends may take longer than it says */
const grace = 1_000

interface Opened {
  readonly session: Session.Session
  readonly hello: Session.Hello
  readonly own: Scope.Closeable
}

/** For whoever waits: who can be asked, or why there will be nobody. */
type Next = Deferred.Deferred<Member, (method: string) => RemoteErrorReason>

export const make = Effect.fnUntraced(function*(
  options: Options,
  wants: ReadonlyArray<Declaration>,
  serve: ReadonlyArray<Served>
): Effect.fn.Return<Line, ConnectionError, Scope.Scope> {
  yield* Settings.check(options)
  const { address, reconnect } = options
  const waitTimeout = Settings.millis(options.waitTimeout, defaultWait)
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const peer = Address.format(address)
  const timeout = Settings.millis(options.timeout, defaultTimeout)
  const shared = {
    serve,
    ...Settings.sessionOptions(
      address,
      options,
      (message) => void Effect.runForkWith(context)(Effect.logWarning(message))
    )
  } satisfies Partial<Session.Options>

  /** A session whose peer has said hello. */
  const begin = Effect.fnUntraced(function*(retry: Connection.ConnectOptions["retry"]) {
    const link = yield* Connection.connectLink(address, { ...options, retry, limit: Settings.beginningLimit })
    yield* Greeting.within(peer, timeout, Greeting.ask(link))
    const session = yield* Session.make({ ...shared, transport: link.toTransport() })
    const ready = Effect.mapError(
      session.ready,
      ({ reason }) => new ConnectionError({ reason: Greeting.reasonOf(reason, peer) })
    )
    return { session, hello: yield* Greeting.within(peer, timeout, ready) }
  })

  const open = (retry?: Connection.ConnectOptions["retry"]): Effect.Effect<Opened, ConnectionError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const own = yield* Scope.fork(scope)
        const begun = yield* Effect.onExit(restore(Scope.provide(begin(retry), own)), (exit) =>
          Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void)
        return { ...begun, own }
      })
    )

  let member: Member | undefined
  let next: Next = Deferred.makeUnsafe()
  let why = ""
  let closed = false

  /** As soon as it is seen that a session is lost, or about to be, calls wait for the next one. */
  const occupant = (): Member | undefined => {
    if (member?.session.isOpen() === false) {
      member = undefined
      next = Deferred.makeUnsafe()
    }
    return member
  }

  const lost = (error: ConnectionError) => {
    why = error.message
    return SubscriptionRef.set(state, { _tag: "Disconnected", reason: error.reason })
  }

  const giveUp = (error: ConnectionError, reason: (method: string) => RemoteErrorReason) => {
    Deferred.doneUnsafe(next, Exit.fail(reason))
    return SubscriptionRef.set(state, { _tag: "GivenUp", reason: error.reason })
  }

  /** One session after the other, as long as the schedule allows. */
  const keep = (first: Opened): Effect.Effect<void> =>
    Effect.gen(function*() {
      let opened = first
      let step: Step | undefined
      while (true) {
        let worked = false
        const begun = performance.now()
        const { hello, own, session } = opened
        member = memberOf(session, () => false, () => worked = true)
        Deferred.doneUnsafe(next, Exit.succeed(member))
        yield* SubscriptionRef.set(state, { _tag: "Connected", epoch: hello.epoch })
        const reason = yield* Effect.raceFirst(session.closed, overstayed(session, peer))
        occupant()
        let error = new ConnectionError({ reason: Greeting.reasonOf(reason, peer) })
        yield* lost(error)
        yield* Scope.close(own, Exit.void)
        if (reconnect === undefined) return yield* giveUp(error, () => reason)
        // The first try is at once, unless the server is one that lets everybody in and then breaks.
        worked ||= performance.now() - begun > longEnough
        if (worked) step = undefined
        while (true) {
          if (!worked) {
            step ??= yield* Schedule.toStepWithSleep(reconnect)
            if (!(yield* goesOn(step, error))) {
              const detail = `there is no connection, and none is tried any more: ${error.message}`
              return yield* giveUp(error, (method) => new Unavailable({ method, detail }))
            }
          }
          worked = false
          const attempt = yield* Effect.result(open())
          if (Result.isSuccess(attempt)) {
            opened = attempt.success
            break
          }
          yield* lost(error = attempt.failure)
        }
      }
    })

  const first = yield* open(options.retry)
  const state = yield* SubscriptionRef.make<State>({ _tag: "Connected", epoch: first.hello.epoch })
  const refusal = notServed(peer, first.hello, wants)
  if (refusal !== undefined) return yield* Effect.andThen(Scope.close(first.own, Exit.void), Effect.fail(refusal))
  yield* Effect.forkIn(keep(first), scope, { startImmediately: true })

  const closedError = new RemoteError({ reason: new SessionClosed({ peer }) })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      Deferred.doneUnsafe(next, Exit.fail(() => closedError.reason))
    })
  )
  const waitFor = (method: string) =>
    Effect.flatMap(
      RealTime.within(
        Effect.mapError(Deferred.await(next), (reason) => new RemoteError({ reason: reason(method) })),
        waitTimeout
      ),
      Option.match({
        onSome: Effect.succeed,
        onNone: () =>
          Effect.fail(
            new RemoteError({
              reason: new Unavailable({ method, detail: `no connection within ${waitTimeout} ms: ${why}` })
            })
          )
      })
    )
  return {
    state,
    pick: (method) =>
      Effect.suspend(() => {
        if (closed) return Effect.fail(closedError)
        const member = occupant()
        return member === undefined ? waitFor(method) : Effect.succeed(member)
      })
  }
})

/** A server that has said that it ends, and is stopped before it does, would keep its clients waiting. */
const overstayed = ({ closeRequested }: Session.Session, peer: string): Effect.Effect<RemoteErrorReason> =>
  Effect.flatMap(closeRequested, ({ deadline }) => {
    const detail = `it was to end within ${deadline} ms, and has not`
    return Effect.as(RealTime.within(Effect.never, deadline + grace), new Disconnected({ peer, detail }))
  })

type Step = (error: ConnectionError) => Pull.Pull<unknown, never, unknown>

/** Waits as long as the schedule says, unless it has come to its end. */
const goesOn = (step: Step, error: ConnectionError): Effect.Effect<boolean> =>
  Pull.matchEffect(step(error), {
    onSuccess: () => Effect.succeed(true),
    onFailure: (cause: Cause.Cause<never>) => Effect.failCause(cause),
    onDone: () => Effect.succeed(false)
  })

const notServed = (
  peer: string,
  { methods }: Session.Hello,
  wants: ReadonlyArray<Declaration>
): ConnectionError | undefined => {
  const offered = new Map(methods.map(({ fingerprint, id }) => [id, fingerprint]))
  const asked = wants.flatMap(({ contracts }) => Object.values(contracts))
  const missing = asked.filter(({ id }) => !offered.has(id)).map(({ id }) => id)
  const different = asked
    .filter(({ id, method }) => offered.has(id) && offered.get(id) !== method.fingerprint)
    .map(({ id }) => id)
  return missing.length + different.length === 0
    ? undefined
    : new ConnectionError({ reason: new NotServed({ peer, missing, different }) })
}
