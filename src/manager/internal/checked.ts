/** Options of what is to be made, before a manager is asked. */
import * as Effect from "effect/Effect"
import { InvalidOption, ManagerError } from "../../remote/ManagerError.ts"

/** A count that is this or more. */
export const atLeast = (least: number, option: string, count: number): Effect.Effect<number, ManagerError> =>
  Number.isSafeInteger(count) && count >= least
    ? Effect.succeed(count)
    : Effect.fail(
      new ManagerError({ reason: new InvalidOption({ option, detail: `${count} is no integer from ${least} on` }) })
    )
