/** Maps in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Implementation from "../../remote/internal/implementation.ts"
import * as Now from "../../wire/internal/now.ts"
import { readMsgpack, writeMsgpack } from "../../wire/Message.ts"
import { ContainerError, NotANumber } from "../ContainerError.ts"
import type { BuiltIn, Handler, Kept, Place, Stored } from "./builtIn.ts"
import * as Change from "./change.ts"
import { Changes } from "./changes.ts"
import { Handling } from "./handling.ts"
import { dropAll, giveAll, handOver, keeping, onlyOne, same, snapshot } from "./items.ts"
import { iterator } from "./iteratorServer.ts"
import { type Change as Event, Map_ } from "./map.ts"
import { Turn } from "./turn.ts"

interface Pair {
  readonly key: Uint8Array
  readonly value: Kept
}

type Entries = ReadonlyArray<readonly [key: Uint8Array, value: Stored]>

/** Equal bytes are one key. */
const nameOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1")

class Pairs extends Handling {
  private readonly pairs = new Map<string, Pair>()
  private readonly place: Place
  private readonly turn = new Turn()
  private readonly events = new Changes<Event>()

  constructor(place: Place) {
    super()
    this.place = place
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    get: ({ key }: { readonly key: Uint8Array }) => this.turn.now(() => this.found(key)),
    set: ({ key, value }: { readonly key: Uint8Array; readonly value: Stored }) =>
      this.turn.keeping(this.place, [value], ([kept]) => Exit.succeed(this.put(key, kept!))),
    setAll: ({ entries }: { readonly entries: Entries }) =>
      this.turn.keeping(this.place, valuesOf(entries), (kept) => Exit.succeed(this.putAll(entries, kept))),
    setDefault: ({ key, value }: { readonly key: Uint8Array; readonly value: Stored }) =>
      Now.flatMap(
        this.turn.keeping(this.place, [value], ([kept]) => {
          const pair = this.pair(key)
          if (pair === undefined) this.put(key, kept!)
          else this.place.drop(kept!)
          return Exit.succeed(pair?.value ?? kept!)
        }),
        (value) => onlyOne(giveAll(this.place, [value]))
      ),
    replace: ({ expected, key, value }: {
      readonly key: Uint8Array
      readonly expected: Stored
      readonly value: Stored
    }) =>
      this.turn.keeping(this.place, [expected, value], ([expected, kept]) => {
        const pair = this.pair(key)
        const is = pair !== undefined && same(pair.value, expected!)
        if (is) this.put(key, kept!)
        else this.place.drop(kept!)
        this.place.drop(expected!)
        return Exit.succeed(is)
      }),
    add: ({ by, key }: { readonly key: Uint8Array; readonly by: number }) => this.turn.now(() => this.add(key, by)),
    change: ({ fn, initial, key }: {
      readonly key: Uint8Array
      readonly initial: Stored
      readonly fn: Change.Fn
    }) =>
      keeping(this.place, [initial], ([kept], restore) =>
        restore(
          this.turn.alone(
            Effect.scoped(
              Effect.suspend(() =>
                Change.change(this.place, fn, this.pair(key)?.value ?? kept!, (kept) => this.put(key, kept))
              )
            )
          )
        ).pipe(Effect.ensuring(Effect.sync(() => this.place.drop(kept!))))),
    has: ({ key }: { readonly key: Uint8Array }) => this.turn.now(() => Exit.succeed(this.pairs.has(nameOf(key)))),
    remove: ({ key }: { readonly key: Uint8Array }) => this.turn.now(() => Exit.succeed(this.remove(key))),
    pop: ({ key }: { readonly key: Uint8Array }) =>
      this.turn.now(() => {
        const value = this.take(key)
        return handOver(this.place, value === undefined ? [] : [value])
      }),
    popLast: () =>
      this.turn.now(() => {
        const pair = [...this.pairs.values()].at(-1)
        if (pair === undefined) return Exit.succeed([])
        this.take(pair.key)
        return Now.map(handOver(this.place, [pair.value]), ([value]) => [[pair.key, value] as const])
      }),
    size: () => this.turn.now(() => Exit.succeed(this.pairs.size)),
    clear: () =>
      this.turn.now(() => {
        this.clear()
        this.events.publish({ _tag: "Cleared" })
        return Exit.void
      }),
    entries: () =>
      this.read((pairs) => {
        const keys = pairs.map(({ key }) => key)
        return Stream.map(
          Stream.zipWithIndex(snapshot(this.place, pairs.map(({ value }) => value))),
          ([value, i]) => [keys[i]!, value] as const
        )
      }),
    keys: () => this.read((pairs) => Stream.fromIterable(pairs.map(({ key }) => key))),
    values: () => this.read((pairs) => snapshot(this.place, pairs.map(({ value }) => value))),
    iterate: () =>
      this.turn.now(() =>
        this.place.create(iterator, { values: Array.from(this.pairs.values(), ({ key }) => ({ bytes: key })) })
      ),
    changes: () => this.events.stream({ _tag: "Missed" })
  }

  readonly summary = (): string => `${this.pairs.size} entries`

  readonly clear = (): void => {
    const pairs = [...this.pairs.values()]
    this.pairs.clear()
    dropAll(this.place, pairs.map(({ value }) => value))
  }

  readonly putAll = (entries: Entries, kept: ReadonlyArray<Kept>): void =>
    entries.forEach(([key], i) => this.put(key, kept[i]!))

  private read<A>(of: (pairs: ReadonlyArray<Pair>) => Stream.Stream<A, any>): Stream.Stream<A, any> {
    return Stream.unwrap(this.turn.now(() => Exit.succeed(of([...this.pairs.values()]))))
  }

  private pair(key: Uint8Array): Pair | undefined {
    return this.pairs.get(nameOf(key))
  }

  private found(key: Uint8Array) {
    const pair = this.pair(key)
    return giveAll(this.place, pair === undefined ? [] : [pair.value])
  }

  private put(key: Uint8Array, value: Kept): void {
    const name = nameOf(key)
    const old = this.pairs.get(name)
    this.pairs.set(name, { key, value })
    if (old !== undefined) this.place.drop(old.value)
    this.events.publish({ _tag: "Set", key })
  }

  private remove(key: Uint8Array): boolean {
    const value = this.take(key)
    if (value !== undefined) this.place.drop(value)
    return value !== undefined
  }

  /** The value, which is stored no more. */
  private take(key: Uint8Array): Kept | undefined {
    const name = nameOf(key)
    const pair = this.pairs.get(name)
    if (pair === undefined) return undefined
    this.pairs.delete(name)
    this.events.publish({ _tag: "Removed", key })
    return pair.value
  }

  private add(key: Uint8Array, by: number): Exit.Exit<number, ContainerError> {
    const pair = this.pair(key)
    const found = pair === undefined ? 0 : readMsgpack(pair.value.bytes)
    if (typeof found !== "number") {
      return Exit.fail(new ContainerError({ reason: new NotANumber({ found: typeof found }) }))
    }
    this.put(key, { bytes: writeMsgpack(found + by), proxies: undefined })
    return Exit.succeed(found + by)
  }
}

const valuesOf = (entries: Entries): ReadonlyArray<Stored> => entries.map(([, value]) => value)

export const map: BuiltIn = {
  declaration: Implementation.declarationOf(Map_) as Implementation.ObjectDeclaration,
  make: ({ entries }: { readonly entries: Entries }, place) =>
    keeping(place, valuesOf(entries), (kept) => {
      const pairs = new Pairs(place)
      pairs.putAll(entries, kept)
      return Effect.as(Scope.addFinalizer(place.scope, Effect.sync(pairs.clear)), pairs)
    })
}
