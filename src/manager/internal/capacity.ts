import * as Effect from "effect/Effect"
import type { ManagerError } from "../../remote/ManagerError.ts"
import { atLeast } from "./checked.ts"

/** How many items a queue holds, before a manager is asked. */
export const capacityOf = ({ capacity = Infinity }: {
  readonly capacity?: number | undefined
}): Effect.Effect<number, ManagerError> =>
  capacity === Infinity ? Effect.succeed(capacity) : atLeast(1, "capacity", capacity)
