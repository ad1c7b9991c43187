/** What goes wrong here is met in errors.ts. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { Divider, DivisionByZero } from "./contract.ts"

const layer = Divider.toLayer({
  divide: ({ by, dividend }) =>
    by === 0 ? Effect.fail(new DivisionByZero({ dividend })) : Effect.succeed(dividend / by),
  buggy: () => Effect.sync(() => JSON.parse("{").quotient),
  careless: () => Effect.succeed(0.5),
  deadly: () => Effect.andThen(Effect.sync(() => process.kill(process.pid, "SIGKILL")), Effect.never)
})

export default layer satisfies Remote.Module
