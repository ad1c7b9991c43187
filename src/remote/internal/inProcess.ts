import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { remoteDefect } from "../../wire/internal/defect.ts"
import { CallTimeout, RemoteError, RemoteInterrupted } from "../../wire/RemoteError.ts"
import { type Carrier, carrier, failOutside, failWithin } from "./carried.ts"
import { construct, type Contract } from "./contract.ts"
import type { Answer } from "./implementation.ts"

/**
 * A call without a process, with the meaning of one with: the payload is completed and checked, the call has a Scope
 * of its own, and a handler that dies or interrupts itself is the caller's typed failure.
 */
export const inProcess = <R>(
  contract: Contract,
  handler: (payload: unknown) => Effect.Effect<Answer, never, R>
) => {
  const { error, id, payload, stream, success } = contract
  const complete = construct(contract)
  let carriers: Carriers | undefined
  return (input?: unknown) => {
    carriers ??= {
      payload: carrier(id, "payload", payload),
      success: carrier(id, "success", success),
      error: carrier(id, "error", error)
    }
    const answer = Effect.flatMap(carriedPayload(carriers, complete(input)), handler)
    return stream
      ? carriedStream(
        carriers,
        Stream.unwrap(answer as Effect.Effect<Streamed, RemoteError, R>),
        (elements) => streamed(id, elements)
      )
      : carriedAnswer(
        carriers,
        Effect.flatten(answer as Effect.Effect<Answered, RemoteError, R>),
        (result) => answered(id, result)
      )
  }
}

interface Carriers {
  readonly payload: Carrier | undefined
  readonly success: Carrier | undefined
  readonly error: Carrier | undefined
}

/** It is decoded within the call, whose Scope has what arrives. */
const carriedPayload = (
  { payload }: Carriers,
  completed: Effect.Effect<unknown, RemoteError>
): Effect.Effect<unknown, RemoteError, any> =>
  payload === undefined ? completed : Effect.flatMap(Effect.flatMap(completed, payload.encode), payload.decode)

const carriedAnswer = (
  { error, success }: Carriers,
  answer: Effect.Effect<unknown, unknown, any>,
  call: (answer: Effect.Effect<unknown, unknown, any>) => Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> => {
  let called = success === undefined ? answer : Effect.flatMap(answer, success.encode)
  called = call(error === undefined ? called : Effect.catch(called, failWithin(error)))
  if (success !== undefined) called = Effect.flatMap(called, success.decode)
  return error === undefined ? called : Effect.catch(called, failOutside(error))
}

const carriedStream = (
  { error, success }: Carriers,
  elements: Stream.Stream<unknown, unknown, any>,
  call: (elements: Stream.Stream<unknown, unknown, any>) => Stream.Stream<unknown, unknown, any>
): Stream.Stream<unknown, unknown, any> => {
  const failing = (fail: (error: unknown) => Effect.Effect<never, unknown, any>) => (error: unknown) =>
    Stream.fromEffect(fail(error))
  let called = success === undefined ? elements : Stream.mapEffect(elements, success.encode)
  called = call(error === undefined ? called : Stream.catch(called, failing(failWithin(error))))
  if (success !== undefined) called = Stream.mapEffect(called, success.decode)
  return error === undefined ? called : Stream.catch(called, failing(failOutside(error)))
}

/** The method's deadline, where the handler runs in this process; elsewhere the wire keeps it. */
export const limited = ({ id, timeout }: Contract, answer: Answer): Answer => {
  if (timeout === undefined) return answer
  const late = Effect.suspend(() => Effect.fail(new RemoteError({ reason: new CallTimeout({ method: id, timeout }) })))
  return Stream.isStream(answer)
    ? Stream.interruptWhen(answer, Effect.delay(late, timeout))
    : Effect.timeoutOrElse(answer, { duration: timeout, orElse: () => late })
}

type Answered = Extract<Answer, Effect.Effect<unknown, unknown, Scope.Scope>>
type Streamed = Extract<Answer, Stream.Stream<unknown, unknown, Scope.Scope>>

const answered = <A, E, R>(method: string, effect: Effect.Effect<A, E, R>) =>
  Effect.catchCause(Effect.scoped(effect), (cause) => Effect.failCause(typed(method, cause)))

/** The Scope closes within the last pull, so that what its finalizers die of is a failure of the stream. */
const streamed = <A, E, R>(method: string, stream: Stream.Stream<A, E, R>) =>
  Stream.scoped(Stream.fromPull(Effect.gen(function*() {
    const scope = Scope.forkUnsafe(yield* Effect.scope)
    const pull = yield* Scope.provide(Stream.toPull(stream), scope)
    return Pull.matchEffect(Effect.onError(pull, (cause) => Scope.close(scope, Pull.doneExitFromCause(cause))), {
      onSuccess: Effect.succeed,
      onFailure: (cause) => Effect.failCause(typed(method, cause)),
      onDone: () => Cause.done()
    })
  })))

/** An interrupted caller sees nothing of this: its interruption passes by every handler of causes. */
const typed = <E>(method: string, cause: Cause.Cause<E>): Cause.Cause<E | RemoteError> => {
  if (Cause.hasFails(cause)) return cause
  const reason = Cause.hasInterruptsOnly(cause)
    ? new RemoteInterrupted({ method })
    : remoteDefect(method, Cause.squash(cause))
  return Cause.fail(new RemoteError({ reason }))
}
