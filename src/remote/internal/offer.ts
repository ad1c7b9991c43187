/** What one end of a connection serves of the Context that it finds. */
import type * as Context from "effect/Context"
import * as Result from "effect/Result"
import { ConnectionError } from "../../connection/ConnectionError.ts"
import { InvalidOption } from "../../wire/InvalidOption.ts"
import type { Served } from "../../wire/Method.ts"
import * as Implementation from "./implementation.ts"
import { served } from "./served.ts"

export const make = (
  option: string,
  services: ReadonlyArray<object>,
  context: Context.Context<never>
): Result.Result<ReadonlyArray<Served>, ConnectionError> => {
  const refuse = (detail: string) => Result.fail(new ConnectionError({ reason: new InvalidOption({ option, detail }) }))
  const offer: Array<Served> = []
  const ids = new Set<string>()
  for (const declaration of services.map(Implementation.declarationOf)) {
    const implementation = Implementation.of(declaration, context)
    if (implementation === undefined) return refuse(`nothing implements ${declaration.id} as it is declared there`)
    for (const one of served(implementation)) {
      if (ids.has(one.method.id)) return refuse(`${one.method.id} is there twice`)
      ids.add(one.method.id)
      offer.push(one)
    }
  }
  return Result.succeed(offer)
}
