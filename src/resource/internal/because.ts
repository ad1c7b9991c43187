import * as Effect from "effect/Effect"
import { ResourceError, type ResourceErrorReason, SystemCallFailed } from "../ResourceError.ts"

export const because = (reason: ResourceErrorReason): ResourceError => new ResourceError({ reason })

export const fail = (reason: ResourceErrorReason): Effect.Effect<never, ResourceError> => Effect.fail(because(reason))

/** Of what `node:fs`, or our own calls, throw. */
export const systemCallFailed = (error: unknown): SystemCallFailed => {
  const { code, message, syscall } = error as NodeJS.ErrnoException
  return new SystemCallFailed({ call: syscall ?? "unknown", code: code ?? "EUNKNOWN", detail: message })
}

/** Asks the system; what it refuses is its error, unless `reason` knows better. */
export const attempt = <A>(
  ask: () => A,
  reason: (error: SystemCallFailed) => ResourceErrorReason = (error) => error
): Effect.Effect<A, ResourceError> =>
  Effect.try({ try: ask, catch: (error) => because(reason(systemCallFailed(error))) })
