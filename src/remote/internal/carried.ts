/**
 * Proxies in the answers of a call within one process. A proxy that a handler has made ends with its call, as all in its
 * Scope does; so an answer that may hold one is encoded within the call, and decoded for its caller.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Codec from "../../wire/Codec.ts"
import { reaches, representationOf } from "../../wire/internal/ast.ts"
import { orFailWith } from "../../wire/internal/issue.ts"
import { DecodeFailed, EncodeFailed, RemoteError } from "../../wire/RemoteError.ts"
import { objectPrefix } from "./names.ts"

/** Both ways of one part of an answer; absent where no proxy can be in it. */
export interface Carrier {
  readonly within: (value: unknown) => Effect.Effect<unknown, RemoteError, any>
  readonly outside: (wire: unknown) => Effect.Effect<unknown, RemoteError, any>
}

/** Whether a value of the Schema may hold proxies. */
export const holdsProxies = (schema: Schema.Top): boolean =>
  reaches(
    SchemaAST.toType(schema.ast),
    (ast) => ast._tag === "Declaration" && representationOf(ast.annotations)?.id.startsWith(objectPrefix) === true
  )

export const carrier = (method: string, part: "success" | "error", schema: Schema.Top): Carrier | undefined => {
  if (!holdsProxies(schema)) return undefined
  const codec = Codec.make(schema)
  return {
    within: (value) => orFailWith(codec.toWire(value), (issue) => new EncodeFailed({ method, part, issue })),
    outside: (wire) => orFailWith(codec.fromWire(wire), (issue) => new DecodeFailed({ method, part, issue }))
  }
}

/** An error on its way out of a call, among others that are none of its method's. */
export class Carried {
  readonly wire: unknown

  constructor(wire: unknown) {
    this.wire = wire
  }
}

export const failWithin = ({ within }: Carrier) => (error: unknown): Effect.Effect<never, unknown, any> =>
  error instanceof RemoteError
    ? Effect.fail(error)
    : Effect.flatMap(within(error), (wire) => Effect.fail(new Carried(wire)))

export const failOutside = ({ outside }: Carrier) => (error: unknown): Effect.Effect<never, unknown, any> =>
  error instanceof Carried ? Effect.flatMap(outside(error.wire), Effect.fail) : Effect.fail(error)
