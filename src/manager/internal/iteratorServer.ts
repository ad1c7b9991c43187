/** Iterators in a manager: what was in a container when they were made, for whoever comes first. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Implementation from "../../remote/internal/implementation.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { BuiltIn, Handler, Holder, Kept, Place, Stored } from "./builtIn.ts"
import { Handling } from "./handling.ts"
import { dropAll, keeping } from "./items.ts"
import { Iterator } from "./iterator.ts"
import { byOrder, lend, type Placed } from "./lend.ts"
import * as Waiting from "./waiting.ts"

interface Next {
  /** under which the client has the items, until it has heard of them */
  readonly number: number
  readonly most: number
}

type Taken = Effect.Effect<ReadonlyArray<Stored>, RemoteError>

interface Taker {
  readonly next: Next
  readonly holder: Holder
  readonly answer: (taken: Exit.Exit<Taken>) => void
}

class Cursor extends Handling {
  private items: Array<Placed>
  private readonly place: Place
  private readonly takers = new Set<Taker>()
  /** handed out and not confirmed: they may come back */
  private lent = 0
  private closed = false

  constructor(place: Place, items: ReadonlyArray<Kept>) {
    super()
    this.place = place
    this.items = items.map((item, order) => ({ ...item, order }))
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    next: (next: Next, holder: Holder) => {
      if (this.items.length > 0) return this.hand(next, holder)
      if (this.isOver) return nothing
      return Effect.flatten(Waiting.wait<Taken>(undefined, Exit.succeed(nothing), (answer) => {
        const taker = { next, holder, answer }
        this.takers.add(taker)
        return () => this.takers.delete(taker)
      }))
    },
    close: () => Effect.sync(this.end)
  }

  readonly summary = (): string =>
    this.takers.size === 0 ? `${this.items.length} left` : `${this.items.length} left, ${this.takers.size} waiting`

  readonly end = (): void => {
    this.closed = true
    dropAll(this.place, this.items.splice(0))
    this.proceed()
  }

  /** Nothing is left, and nothing will come back. */
  private get isOver(): boolean {
    return this.closed || this.items.length === 0 && this.lent === 0
  }

  private hand({ most, number }: Next, holder: Holder): Taken {
    const items = this.items.splice(0, most)
    this.lent += items.length
    return lend(this.place, holder, number, items, {
      done: () => {
        this.lent -= items.length
        this.proceed()
      },
      back: () => {
        this.lent -= items.length
        if (this.closed) dropAll(this.place, items)
        else this.items = [...items, ...this.items].toSorted(byOrder)
        this.proceed()
      }
    })
  }

  private proceed(): void {
    for (const taker of this.takers) {
      if (this.items.length === 0 && !this.isOver) return
      this.takers.delete(taker)
      taker.answer(Exit.succeed(this.isOver ? nothing : this.hand(taker.next, taker.holder)))
    }
  }
}

const nothing: Taken = Exit.succeed([])

export const iterator: BuiltIn = {
  declaration: Implementation.declarationOf(Iterator) as Implementation.ObjectDeclaration,
  make: ({ values }: { readonly values: ReadonlyArray<Stored> }, place) =>
    keeping(place, values, (items) => {
      const cursor = new Cursor(place, items)
      return Effect.as(Scope.addFinalizer(place.scope, Effect.sync(cursor.end)), cursor)
    })
}
