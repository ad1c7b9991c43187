/**
 * What must be encoded and decoded within one process, too. A proxy that a handler has made ends with its call, as all in
 * its Scope does; so an answer that may hold one is encoded within the call, and decoded for its caller. Of what is copied
 * the receiver has one of its own, so a payload that may hold such is carried, too.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Codec from "../../wire/Codec.ts"
import { reaches, representationOf } from "../../wire/internal/ast.ts"
import { orFailWith } from "../../wire/internal/issue.ts"
import { wholly } from "../../wire/internal/wholly.ts"
import { DecodeFailed, EncodeFailed, RemoteError } from "../../wire/RemoteError.ts"
import { copiedPrefix, objectPrefix } from "./names.ts"

/** Both ways of one part of a call; absent where nothing can be in it that must be carried. */
export interface Carrier {
  readonly encode: (value: unknown) => Effect.Effect<unknown, RemoteError, any>
  readonly decode: (wire: unknown) => Effect.Effect<unknown, RemoteError, any>
}

const holds = (schema: Schema.Top, prefix: string): boolean =>
  reaches(
    SchemaAST.toType(schema.ast),
    (ast) => ast._tag === "Declaration" && representationOf(ast.annotations)?.id.startsWith(prefix) === true
  )

/** Whether a value of the Schema may hold proxies. */
export const holdsProxies = (schema: Schema.Top): boolean => holds(schema, objectPrefix)

export const carrier = (
  method: string,
  part: "payload" | "success" | "error",
  schema: Schema.Top
): Carrier | undefined => {
  if (!holds(schema, copiedPrefix) && (part === "payload" || !holdsProxies(schema))) return undefined
  const codec = Codec.make(schema)
  return {
    encode: (value) => orFailWith(codec.toWire(value), (issue) => new EncodeFailed({ method, part, issue })),
    decode: (wire) => wholly(orFailWith(codec.fromWire(wire), (issue) => new DecodeFailed({ method, part, issue })))
  }
}

/** An error on its way out of a call, among others that are none of its method's. */
export class Carried {
  readonly wire: unknown

  constructor(wire: unknown) {
    this.wire = wire
  }
}

export const failWithin = ({ encode }: Carrier) => (error: unknown): Effect.Effect<never, unknown, any> =>
  error instanceof RemoteError
    ? Effect.fail(error)
    : Effect.flatMap(encode(error), (wire) => Effect.fail(new Carried(wire)))

export const failOutside = ({ decode }: Carrier) => (error: unknown): Effect.Effect<never, unknown, any> =>
  error instanceof Carried ? Effect.flatMap(decode(error.wire), Effect.fail) : Effect.fail(error)
