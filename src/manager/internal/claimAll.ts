/** Items that are taken out of an object, and are this client's once it has understood all of them. */
import * as Effect from "effect/Effect"
import { contracts } from "../../remote/internal/control.ts"
import * as Proxies from "../../remote/internal/proxies.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Stored } from "./builtIn.ts"
import type { Packing } from "./stored.ts"

/**
 * What was taken goes back where the answer is not heard, or does not fit: an interruption has been answered by then, so
 * that nothing crosses it any more.
 */
export const claimAll = <E>(
  proxy: object,
  unpack: Packing["unpack"],
  ask: (number: number) => Effect.Effect<ReadonlyArray<Stored>, E>
): Effect.Effect<Array<unknown>, E | RemoteError, any> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Proxies.living(proxy), ({ at }) => {
      const { session } = at
      const number = at.number()
      return restore(Effect.flatMap(ask(number), (items) => Effect.forEach(items, unpack))).pipe(
        Effect.onError(() => Effect.ignore(session.call(contracts.abandon.method, number))),
        Effect.map((values) => {
          session.release(number)
          return values
        })
      )
    })
  )
