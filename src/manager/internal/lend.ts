/**
 * Items that a client takes out: they are its own once it has said that it has them. Until then they go back where they
 * were if it ends, or undoes it.
 */
import * as Effect from "effect/Effect"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Holder, Kept, Place, Stored } from "./builtIn.ts"
import { dropAll, giveAll } from "./items.ts"

/** What can be put back where it was. */
export interface Placed extends Kept {
  /** rises with the place */
  readonly order: number
}

export const byOrder = (a: Placed, b: Placed): number => a.order - b.order

export const lend = <Item extends Kept>(
  place: Place,
  holder: Holder,
  number: number,
  items: ReadonlyArray<Item>,
  ends: { readonly done: () => void; readonly back: (items: ReadonlyArray<Item>) => void }
): Effect.Effect<ReadonlyArray<Stored>, RemoteError> => {
  const held = holder.hold(number, {
    release: () => {
      dropAll(place, items)
      ends.done()
    },
    abandon: () => ends.back(items)
  })
  if (held) return giveAll(place, items)
  ends.back(items)
  return Effect.never
}
