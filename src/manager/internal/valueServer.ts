/** Values in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Implementation from "../../remote/internal/implementation.ts"
import * as Now from "../../wire/internal/now.ts"
import { readMsgpack, writeMsgpack } from "../../wire/Message.ts"
import { ContainerError, NotANumber } from "../ContainerError.ts"
import type { Behaviour, BuiltIn, Handler, Kept, Place, Stored } from "./builtIn.ts"
import * as Change from "./change.ts"
import { dropAll, giveAll, handOver, keeping, onlyOne, same } from "./items.ts"
import { Ticks } from "./ticks.ts"
import { Turn } from "./turn.ts"
import { Value } from "./value.ts"

class Cell implements Behaviour {
  private kept: Kept
  private readonly place: Place
  private readonly turn = new Turn()
  private readonly ticks = new Ticks()

  constructor(place: Place, kept: Kept) {
    this.place = place
    this.kept = kept
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    get: () => this.turn.now(this.look),
    set: ({ value }: { readonly value: Stored }) =>
      this.turn.keeping(this.place, [value], ([kept]) => {
        this.place.drop(this.put(kept!))
        return Exit.void
      }),
    swap: ({ value }: { readonly value: Stored }) =>
      Now.flatMap(
        this.turn.keeping(this.place, [value], ([kept]) => Exit.succeed(this.put(kept!))),
        (old) => onlyOne(handOver(this.place, [old]))
      ),
    replace: ({ expected, value }: { readonly expected: Stored; readonly value: Stored }) =>
      this.turn.keeping(this.place, [expected, value], ([expected, kept]) => {
        const is = same(expected!, this.kept)
        dropAll(this.place, [expected!, is ? this.put(kept!) : kept!])
        return Exit.succeed(is)
      }),
    add: ({ by }: { readonly by: number }) => this.turn.now(() => this.add(by)),
    change: ({ fn }: { readonly fn: Change.Fn }) =>
      this.turn.alone(
        Effect.scoped(
          Effect.suspend(() => Change.change(this.place, fn, this.kept, (kept) => this.place.drop(this.put(kept))))
        )
      ),
    changes: () => this.ticks.stream(Effect.suspend(() => this.turn.now(this.look)))
  }

  readonly summary = (): string => `${this.kept.bytes.length} bytes`

  readonly end = Effect.sync(() => this.place.drop(this.kept))

  private readonly look = () => onlyOne(giveAll(this.place, [this.kept]))

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

export const value: BuiltIn = {
  declaration: Implementation.declarationOf(Value) as Implementation.ObjectDeclaration,
  make: ({ value }: { readonly value: Stored }, place) =>
    keeping(place, [value], ([kept]) => {
      const cell = new Cell(place, kept!)
      return Effect.as(Scope.addFinalizer(place.scope, cell.end), cell)
    })
}
