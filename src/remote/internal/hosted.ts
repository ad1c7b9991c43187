/** What stands in a Context for a declaration that is answered elsewhere. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { constructForWire } from "./contract.ts"
import * as Dispatch from "./dispatch.ts"
import * as Implementation from "./implementation.ts"

/** One call, as a route sees it. */
export interface Call {
  readonly service: string
  readonly method: string
  readonly payload: unknown
}

export type Route = (call: Call) => Dispatch.Key

/** A service's proxy under its own key, a function's handler under that of functions. */
export const hosted = (
  declaration: Implementation.Declaration,
  members: Dispatch.Members,
  route?: Route
): readonly [key: string, service: unknown] => {
  const { id } = declaration
  const send = (name: string) => {
    const contract = declaration.contracts[name]!
    const dispatch = contract.stream ? Dispatch.stream : Dispatch.call
    return (payload: unknown) => dispatch(members, contract, payload, route?.({ service: id, method: name, payload }))
  }
  if (declaration.kind === "fn") {
    const call = send(id)
    const implementation = { declaration, call: (_: string, payload: unknown) => call(payload) }
    return [Implementation.fnKey(id).key, implementation]
  }
  const shape = Implementation.proxy(declaration, (name, contract) => {
    const complete = constructForWire(contract)
    const call = send(name)
    return contract.stream
      ? (input) => Stream.unwrap(Effect.map(complete(input), (payload) => call(payload) as Stream.Stream<unknown>))
      : (input) => Effect.flatMap(complete(input), (payload) => call(payload) as Effect.Effect<unknown>)
  })
  return [id, shape]
}

/** All of them; that they are what `Provided` says is known where the declarations are. */
export const context = <Provided>(
  declarations: ReadonlyArray<Implementation.Declaration>,
  members: Dispatch.Members,
  route?: Route
): Context.Context<Provided> =>
  Context.makeUnsafe(new Map(declarations.map((declaration) => hosted(declaration, members, route))))
