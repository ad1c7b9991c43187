/** Values in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Answer } from "../../remote/internal/implementation.ts"
import * as Implementation from "../../remote/internal/implementation.ts"
import * as Now from "../../wire/internal/now.ts"
import { readMsgpack, writeMsgpack } from "../../wire/Message.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import { ContainerError, NotANumber } from "../ContainerError.ts"
import type { Behaviour, BuiltIn, Kept, Place, Stored } from "./builtIn.ts"
import * as Change from "./change.ts"
import { dropAll, giveAll, handOver, keeping, onlyOne, same } from "./items.ts"
import { Ticks } from "./ticks.ts"
import { Turn } from "./turn.ts"
import { Value } from "./value.ts"

/** Its handlers are those of all: a program may have very many values. */
class Cell implements Behaviour {
  private kept: Kept
  private readonly place: Place
  private readonly turn = new Turn()
  private readonly ticks = new Ticks()

  constructor(place: Place, kept: Kept) {
    this.place = place
    this.kept = kept
  }

  private static readonly handlers: Readonly<Record<string, (cell: Cell, payload: any) => Answer>> = {
    get: (cell) => cell.look(),
    set: (cell, { value }: { readonly value: Stored }) =>
      cell.turn.keeping(cell.place, [value], ([kept]) => {
        cell.place.drop(cell.put(kept!))
        return Exit.void
      }),
    swap: (cell, { value }: { readonly value: Stored }) =>
      Now.flatMap(
        cell.turn.keeping(cell.place, [value], ([kept]) => Exit.succeed(cell.put(kept!))),
        (old) => onlyOne(handOver(cell.place, [old]))
      ),
    replace: (cell, { expected, value }: { readonly expected: Stored; readonly value: Stored }) =>
      cell.turn.keeping(cell.place, [expected, value], ([expected, kept]) => {
        const is = same(expected!, cell.kept)
        dropAll(cell.place, [expected!, is ? cell.put(kept!) : kept!])
        return Exit.succeed(is)
      }),
    add: (cell, { by }: { readonly by: number }) => cell.turn.now(() => cell.add(by)),
    change: (cell, { fn }: { readonly fn: Change.Fn }) =>
      cell.turn.alone(
        Effect.scoped(
          Effect.suspend(() => Change.change(cell.place, fn, cell.kept, (kept) => cell.place.drop(cell.put(kept))))
        )
      ),
    changes: (cell) => cell.ticks.stream(Effect.suspend(() => cell.look()))
  }

  call(method: string, payload: unknown): Answer {
    return Cell.handlers[method]!(this, payload)
  }

  summary(): string {
    return `${this.kept.bytes.length} bytes`
  }

  end(): void {
    this.place.drop(this.kept)
  }

  private look(): Effect.Effect<Stored, RemoteError> {
    return this.turn.now(() => onlyOne(giveAll(this.place, [this.kept])))
  }

  /** What was there before, which is stored no more. */
  private put(kept: Kept): Kept {
    const old = this.kept
    this.kept = kept
    this.ticks.tick()
    return old
  }

  private add(by: number): Exit.Exit<number, ContainerError> {
    const found = readMsgpack(this.kept.bytes)
    if (typeof found !== "number") {
      return Exit.fail(new ContainerError({ reason: new NotANumber({ found: typeof found }) }))
    }
    this.place.drop(this.put({ bytes: writeMsgpack(found + by), proxies: undefined }))
    return Exit.succeed(found + by)
  }
}

/** By itself, since it is there as long as the value: what that was made of is not. */
const end = (cell: Cell): Effect.Effect<void> => Effect.sync(() => cell.end())

export const value: BuiltIn = {
  declaration: Implementation.declarationOf(Value) as Implementation.ObjectDeclaration,
  make: ({ value }: { readonly value: Stored }, place) =>
    keeping(place, [value], ([kept]) => {
      const cell = new Cell(place, kept!)
      return Effect.as(Scope.addFinalizer(place.scope, end(cell)), cell)
    })
}
