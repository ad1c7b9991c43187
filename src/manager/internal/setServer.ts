/** Sets in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Implementation from "../../remote/internal/implementation.ts"
import type { BuiltIn, Handler, Place } from "./builtIn.ts"
import { Handling } from "./handling.ts"
import { iterator } from "./iteratorServer.ts"
import { Set_ } from "./set.ts"
import { Ticks } from "./ticks.ts"

interface Members {
  readonly members: ReadonlyArray<Uint8Array>
}

/** Equal bytes are one member. */
const nameOf = (member: Uint8Array): string =>
  Buffer.from(member.buffer, member.byteOffset, member.length).toString("latin1")

class Crowd extends Handling {
  private readonly crowd = new Map<string, Uint8Array>()
  private readonly place: Place
  private readonly ticks = new Ticks()

  constructor(place: Place, { members }: Members) {
    super()
    this.place = place
    for (const member of members) this.crowd.set(nameOf(member), member)
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    add: ({ members }: Members) =>
      this.changed(() => members.forEach((member) => this.crowd.set(nameOf(member), member))),
    remove: ({ members }: Members) =>
      this.changed(() => members.forEach((member) => this.crowd.delete(nameOf(member)))),
    retain: ({ members }: Members) =>
      this.changed(() => {
        const names = new Set(members.map(nameOf))
        for (const name of this.crowd.keys()) if (!names.has(name)) this.crowd.delete(name)
      }),
    has: ({ members }: Members) => Exit.succeed(members.filter((member) => this.crowd.has(nameOf(member))).length),
    pop: () =>
      Effect.sync(() => {
        for (const [name, member] of this.crowd) {
          this.crowd.delete(name)
          this.ticks.tick()
          return [member]
        }
        return []
      }),
    size: () => Exit.succeed(this.crowd.size),
    clear: () => Effect.asVoid(this.changed(() => this.crowd.clear())),
    members: () => Stream.fromIterable([...this.crowd.values()]),
    iterate: () => this.place.create(iterator, { values: Array.from(this.crowd.values(), (bytes) => ({ bytes })) }),
    changes: () => this.ticks.stream(Effect.sync(() => this.crowd.size))
  }

  readonly summary = (): string => `${this.crowd.size} members`

  /** How many more or fewer there are. */
  private changed(change: () => void): Effect.Effect<number> {
    const before = this.crowd.size
    change()
    const difference = Math.abs(this.crowd.size - before)
    if (difference > 0) this.ticks.tick()
    return Exit.succeed(difference)
  }
}

export const set: BuiltIn = {
  declaration: Implementation.declarationOf(Set_) as Implementation.ObjectDeclaration,
  make: (payload: Members, place) => Exit.succeed(new Crowd(place, payload))
}
