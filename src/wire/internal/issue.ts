import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Codec from "../Codec.ts"
import { RemoteError, type RemoteErrorReason } from "../RemoteError.ts"

/** characters: an issue shows the value, which may be of any size */
const longest = 4096

/** What is wrong with a value, in words of a bounded length. */
export const issueOf = (error: unknown): string => {
  let text: string
  try {
    text = error instanceof Error ? error.message : String(error)
  } catch {
    text = "an error that cannot be shown"
  }
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

export const failWith = (reason: RemoteErrorReason): Exit.Exit<never, RemoteError> =>
  Exit.fail(new RemoteError({ reason }))

/** `Exit.isExit` and `Exit.isSuccess` in one look, for the outcome of a codec. */
export const isSuccess = (outcome: Codec.ToWire): outcome is Exit.Success<unknown> =>
  (outcome as { readonly _tag?: string })._tag === "Success"

/** What a Schema made of a value, or that it did not fit: a typed failure for a mistake and for a defect alike. */
export const orFailWith = (
  outcome: Codec.ToWire,
  reason: (issue: string) => RemoteErrorReason
): Exit.Exit<unknown, RemoteError> | Effect.Effect<unknown, RemoteError, any> => {
  // The same Exit, for speed.
  if (isSuccess(outcome)) return outcome
  if (!Exit.isExit(outcome)) {
    return Effect.catchCause(
      outcome,
      (cause): Effect.Effect<never, RemoteError> =>
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : failWith(reasonOf(cause, reason))
    )
  }
  return Exit.isFailure(outcome) ? failWith(reasonOf(outcome.cause, reason)) : Exit.succeed(outcome.value)
}

/** A Schema that asks another process, as a proxy's does, dies of that one's reason: it says more than an issue. */
const reasonOf = (cause: Cause.Cause<unknown>, reason: (issue: string) => RemoteErrorReason): RemoteErrorReason => {
  const wrong = Cause.squash(cause)
  return wrong instanceof RemoteError ? wrong.reason : reason(issueOf(wrong))
}
