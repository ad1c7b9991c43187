/** Segments in a manager: their Scope is the object's. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Implementation from "../../remote/internal/implementation.ts"
import type * as SharedMemory from "../../resource/SharedMemory.ts"
import type { BuiltIn, Handler } from "./builtIn.ts"
import { Handling } from "./handling.ts"
import { Memory } from "./memory.ts"

class Keeper extends Handling {
  private readonly segment: SharedMemory.Owned

  constructor(segment: SharedMemory.Owned) {
    super()
    this.segment = segment
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    where: () => Exit.succeed({ name: this.segment.name, size: this.segment.size }),
    unlink: () => this.segment.unlink
  }

  readonly summary = (): string => `${this.segment.name}, ${this.segment.size} bytes`
}

/** Most managers have none: what makes them is loaded with the first. */
const load = Effect.promise(async () => ({
  Native: await import("../../resource/Native.ts"),
  SharedMemory: await import("../../resource/SharedMemory.ts")
}))

export const memory: BuiltIn = {
  declaration: Implementation.declarationOf(Memory) as Implementation.ObjectDeclaration,
  make: (options: SharedMemory.Options, { scope }) =>
    Effect.gen(function*() {
      const { Native, SharedMemory } = yield* load
      const native = yield* Layer.buildWithScope(Native.layer, scope)
      return new Keeper(yield* Scope.provide(Effect.provideContext(SharedMemory.makeForOthers(options), native), scope))
    })
}
