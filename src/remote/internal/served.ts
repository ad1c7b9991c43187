import * as Method from "../../wire/Method.ts"
import type { Answer, Implementation } from "./implementation.ts"

interface Served extends Method.Served {
  readonly handle: (payload: unknown) => Answer
}

/** What a session serves of an implementation. */
export const served = ({ call, declaration, services }: Implementation): Array<Served> =>
  Object.entries(declaration.contracts).map(([name, contract]) => ({
    method: services === undefined ? contract.method : Method.provide(contract.method, services),
    handle: (payload) => call(name, payload)
  }))
