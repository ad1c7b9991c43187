/** A stored value is changed by a function that the manager's module implements. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Implementation from "../../remote/internal/implementation.ts"
import { ContractMismatch, RemoteError } from "../../wire/RemoteError.ts"
import { ContainerError, UnknownFunction } from "../ContainerError.ts"
import { type Kept, type Place, Stored } from "./builtIn.ts"
import { giveAll, keeping, onlyOne } from "./items.ts"
import { type Packing, packing } from "./stored.ts"

/** What a change answers: the new value, or what the function failed with, by its own Schema. */
export const Changed = Schema.Union([
  Schema.TaggedStruct("Changed", { value: Stored }),
  Schema.TaggedStruct("Refused", { error: Stored })
])

export type Changed = typeof Changed.Type

/** A function as its caller knows it. */
export const Fn = Schema.Struct({ id: Schema.String, fingerprint: Schema.String })

export type Fn = typeof Fn.Type

export const fnOf = (fn: object): Fn => {
  const { contracts, id } = Implementation.declarationOf(fn)
  return { id, fingerprint: contracts[id]!.method.fingerprint }
}

const packings = new WeakMap<object, Record<"payload" | "success" | "error", Packing>>()

/** Not one step of it is seen by others: to be run alone. `keep` puts the new value in the place of the old one. */
export const change = (
  place: Place,
  { fingerprint: ours, id }: Fn,
  old: Kept,
  keep: (value: Kept) => void
): Effect.Effect<Changed, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const implementation = place.fn(id)
    if (implementation === undefined) {
      return yield* Effect.fail(new ContainerError({ reason: new UnknownFunction({ id }) }))
    }
    const contract = implementation.declaration.contracts[id]!
    const { fingerprint: theirs } = contract.method
    if (ours !== theirs) {
      return yield* Effect.fail(new RemoteError({ reason: new ContractMismatch({ method: id, ours, theirs }) }))
    }
    let ways = packings.get(contract)
    if (ways === undefined) {
      ways = {
        payload: packing(id, contract.payload),
        success: packing(id, contract.success),
        error: packing(id, contract.error)
      }
      packings.set(contract, ways)
    }
    const payload = yield* Effect.flatMap(onlyOne(giveAll(place, [old])), ways.payload.unpack)
    const answer = yield* Effect.result(
      implementation.call(id, payload) as Effect.Effect<unknown, unknown, Scope.Scope>
    )
    if (answer._tag === "Failure") {
      const error = yield* Effect.exit(ways.error.pack(answer.failure))
      return yield* Exit.isSuccess(error)
        ? Effect.succeed({ _tag: "Refused" as const, error: error.value })
        : Effect.fail(answer.failure)
    }
    const value = yield* ways.success.pack(answer.success)
    return yield* keeping(place, [value], ([kept]) => {
      keep(kept!)
      return Effect.map(onlyOne(giveAll(place, [kept!])), (value) => ({ _tag: "Changed" as const, value }))
    })
  })
