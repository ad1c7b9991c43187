/** Lists in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Implementation from "../../remote/internal/implementation.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import { ContainerError, IndexOutOfRange } from "../ContainerError.ts"
import type { BuiltIn, Handler, Kept, Place, Stored } from "./builtIn.ts"
import * as Change from "./change.ts"
import { Handling } from "./handling.ts"
import { dropAll, giveAll, handOver, indexIn, keeping, same, snapshot } from "./items.ts"
import { iterator } from "./iteratorServer.ts"
import { List } from "./list.ts"
import { Ticks } from "./ticks.ts"
import { Turn } from "./turn.ts"

interface Part {
  readonly start?: number
  readonly end?: number
}

interface Sought {
  readonly value: Stored
}

class Items extends Handling {
  private items: Array<Kept>
  private readonly place: Place
  private readonly turn = new Turn()
  private readonly ticks = new Ticks()

  constructor(place: Place, items: Array<Kept>) {
    super()
    this.place = place
    this.items = items
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    extend: ({ values }: { readonly values: ReadonlyArray<Stored> }) =>
      this.turn.keeping(this.place, values, (kept) => {
        for (const one of kept) this.items.push(one)
        this.ticks.tick()
        return Exit.succeed(this.items.length)
      }),
    insert: ({ index, value }: { readonly index: number; readonly value: Stored }) =>
      this.turn.keeping(this.place, [value], (kept) => Exit.succeed(this.splice(index, 0, ...kept))),
    at: ({ index }: { readonly index: number }) =>
      this.turn.now(() => {
        const found = this.items.at(index)
        return giveAll(this.place, found === undefined ? [] : [found])
      }),
    put: ({ index, value }: { readonly index: number; readonly value: Stored }) =>
      this.turn.keeping(this.place, [value], (kept): Exit.Exit<void, ContainerError> => {
        if (this.has(index)) return Exit.succeed(this.splice(index, 1, ...kept))
        dropAll(this.place, kept)
        return this.outOfRange(index)
      }),
    pop: ({ index = -1 }: { readonly index?: number }) =>
      this.turn.now(() => {
        if (!this.has(index)) return Exit.succeed([])
        const popped = this.items.splice(indexIn(this.items.length, index), 1)
        this.ticks.tick()
        return handOver(this.place, popped)
      }),
    cut: ({ end, start }: Part) =>
      this.turn.now(() => {
        const { length } = this.items
        const from = Math.max(0, indexIn(length, start ?? 0))
        const cut = this.items.splice(from, Math.max(0, indexIn(length, end ?? length) - from))
        dropAll(this.place, cut)
        if (cut.length > 0) this.ticks.tick()
        return Exit.succeed(cut.length)
      }),
    remove: ({ value }: Sought) =>
      this.seek(value, (is) => {
        const index = this.items.findIndex(is)
        if (index >= 0) this.splice(index, 1)
        return index >= 0
      }),
    indexOf: ({ value }: Sought) => this.seek(value, (is) => this.items.findIndex(is)),
    count: ({ value }: Sought) => this.seek(value, (is) => this.items.filter(is).length),
    size: () => this.turn.now(() => Exit.succeed(this.items.length)),
    turn: () =>
      this.turn.now(() => {
        this.items = this.items.toReversed()
        this.ticks.tick()
        return Exit.void
      }),
    part: ({ end, start }: Part) =>
      Stream.unwrap(this.turn.now(() => Exit.succeed(snapshot(this.place, this.items.slice(start, end))))),
    change: ({ fn, index }: { readonly index: number; readonly fn: Change.Fn }) =>
      this.turn.alone(
        Effect.scoped(Effect.suspend((): Effect.Effect<Change.Changed, unknown, Scope.Scope> => {
          const found = this.items.at(index)
          if (found === undefined) return this.outOfRange(index)
          return Change.change(this.place, fn, found, (kept) => {
            this.splice(index, 1, kept)
          })
        }))
      ),
    iterate: () =>
      this.turn.now(() =>
        Effect.flatMap(giveAll(this.place, this.items), (values) => this.place.create(iterator, { values }))
      ),
    changes: () => this.ticks.stream(Effect.sync(() => this.items.length))
  }

  readonly summary = (): string => `${this.items.length} items`

  readonly end = Effect.sync(() => dropAll(this.place, this.items.splice(0)))

  private has(index: number): boolean {
    return this.items.at(index) !== undefined
  }

  private outOfRange(index: number): Exit.Exit<never, ContainerError> {
    return Exit.fail(new ContainerError({ reason: new IndexOutOfRange({ index, size: this.items.length }) }))
  }

  private seek<A>(value: Stored, look: (is: (item: Kept) => boolean) => A): Effect.Effect<A, RemoteError> {
    return this.turn.keeping(this.place, [value], ([sought]) => {
      const found = look((item) => same(item, sought!))
      this.place.drop(sought!)
      return Exit.succeed(found)
    })
  }

  private splice(index: number, count: number, ...kept: ReadonlyArray<Kept>): void {
    dropAll(this.place, this.items.splice(index, count, ...kept))
    this.ticks.tick()
  }
}

export const list: BuiltIn = {
  declaration: Implementation.declarationOf(List) as Implementation.ObjectDeclaration,
  make: ({ values }: { readonly values: ReadonlyArray<Stored> }, place) =>
    keeping(place, values, (kept) => {
      const items = new Items(place, [...kept])
      return Effect.as(Scope.addFinalizer(place.scope, items.end), items)
    })
}
