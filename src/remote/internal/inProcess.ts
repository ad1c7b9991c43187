import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { remoteDefect } from "../../wire/internal/defect.ts"
import { RemoteError, RemoteInterrupted } from "../../wire/RemoteError.ts"
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
  const complete = construct(contract)
  const asSeenFromOutside = <E>(cause: Cause.Cause<E>) => typed(contract.id, cause)
  return (input?: unknown) => {
    const answer = Effect.flatMap(complete(input), handler)
    return contract.stream
      ? Stream.unwrap(answer as Effect.Effect<Stream.Stream<unknown, unknown>, RemoteError, R>).pipe(
        Stream.scoped,
        Stream.catchCause((cause) => Stream.failCause(asSeenFromOutside(cause)))
      )
      : Effect.flatten(answer as Effect.Effect<Effect.Effect<unknown, unknown>, RemoteError, R>).pipe(
        Effect.scoped,
        Effect.catchCause((cause) => Effect.failCause(asSeenFromOutside(cause)))
      )
  }
}

/** An interrupted caller sees nothing of this: its interruption passes by every handler of causes. */
const typed = <E>(method: string, cause: Cause.Cause<E>): Cause.Cause<E | RemoteError> => {
  if (Cause.hasFails(cause)) return cause
  const reason = Cause.hasInterruptsOnly(cause)
    ? new RemoteInterrupted({ method })
    : remoteDefect(method, Cause.squash(cause))
  return Cause.fail(new RemoteError({ reason }))
}
