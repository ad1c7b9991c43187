import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { remoteDefect } from "../../wire/internal/defect.ts"
import { RemoteError } from "../../wire/RemoteError.ts"
import { construct, type Contract } from "./contract.ts"
import type { Answer } from "./implementation.ts"

/**
 * A call without a process, with the meaning of one with: the payload is completed and checked, the call has a Scope
 * of its own, and a defect of the handler is the caller's typed failure.
 */
export const inProcess = (contract: Contract, handler: (payload: unknown) => Answer) => {
  const complete = construct(contract)
  const typedDefects = <E>(cause: Cause.Cause<E>): Cause.Cause<E | RemoteError> => {
    const died = Cause.findDefect(cause)
    return Result.isSuccess(died)
      ? Cause.fail(new RemoteError({ reason: remoteDefect(contract.id, died.success) }))
      : cause
  }
  return contract.stream
    ? (input?: unknown) =>
      complete(input).pipe(
        Effect.map((payload) => handler(payload) as Stream.Stream<unknown, unknown>),
        Stream.unwrap,
        Stream.scoped,
        Stream.catchCause((cause) => Stream.failCause(typedDefects(cause)))
      )
    : (input?: unknown) =>
      complete(input).pipe(
        Effect.flatMap((payload) => handler(payload) as Effect.Effect<unknown, unknown>),
        Effect.scoped,
        Effect.catchCause((cause) => Effect.failCause(typedDefects(cause)))
      )
}
