/** Iterators in a manager: what was in a container when they were made, for whoever comes first. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Implementation from "../../remote/internal/implementation.ts"
import type { Behaviour, BuiltIn, Handler, Holder, Kept, Place, Stored } from "./builtIn.ts"
import { dropAll, keeping } from "./items.ts"
import { Iterator } from "./iterator.ts"
import { byOrder, lend, type Placed } from "./lend.ts"

class Cursor implements Behaviour {
  private items: Array<Placed>
  private readonly place: Place
  private closed = false

  constructor(place: Place, items: ReadonlyArray<Kept>) {
    this.place = place
    this.items = items.map((item, order) => ({ ...item, order }))
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    next: ({ most, number }: { readonly number: number; readonly most: number }, holder: Holder) =>
      this.items.length === 0 ? Exit.succeed([]) : lend(this.place, holder, number, this.items.splice(0, most), {
        done: () => {},
        back: (items) => {
          if (this.closed) dropAll(this.place, items)
          else this.items = [...items, ...this.items].toSorted(byOrder)
        }
      }),
    close: () => Effect.sync(this.end)
  }

  readonly summary = (): string => `${this.items.length} left`

  readonly end = (): void => {
    this.closed = true
    dropAll(this.place, this.items.splice(0))
  }
}

export const iterator: BuiltIn = {
  declaration: Implementation.declarationOf(Iterator) as Implementation.ObjectDeclaration,
  make: ({ values }: { readonly values: ReadonlyArray<Stored> }, place) =>
    keeping(place, values, (items) => {
      const cursor = new Cursor(place, items)
      return Effect.as(Scope.addFinalizer(place.scope, Effect.sync(cursor.end)), cursor)
    })
}
