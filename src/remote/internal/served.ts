import * as CallSpan from "../../wire/internal/callSpan.ts"
import * as Method from "../../wire/Method.ts"
import type { Answer, Implementation } from "./implementation.ts"

interface Served extends Method.Served {
  readonly handle: (payload: unknown) => Answer
}

/** What a session serves of an implementation. */
export const served = ({ call, declaration, services }: Implementation): Array<Served> =>
  Object.entries(declaration.contracts).map(([name, { id, method }]) => ({
    method: services === undefined ? method : Method.provide(method, services),
    handle: (payload) => CallSpan.serve(id, services, call(name, payload))
  }))
