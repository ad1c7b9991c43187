/** An object of this library's own that has a handler for each of its methods. */
import type { Answer } from "../../remote/internal/implementation.ts"
import type { Behaviour, Handler, Holder } from "./builtIn.ts"

export abstract class Handling implements Behaviour {
  abstract readonly handlers: Readonly<Record<string, Handler>>
  abstract readonly summary: () => string

  call(method: string, payload: unknown, holder: Holder): Answer {
    return this.handlers[method]!(payload, holder)
  }
}
