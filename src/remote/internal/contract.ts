import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Method from "../../wire/Method.ts"
import { EncodeFailed, RemoteError } from "../../wire/RemoteError.ts"

/** The options of one method as its user wrote them. */
export interface Options {
  readonly payload?: Schema.Top | Schema.Struct.Fields
  readonly success?: Schema.Top
  readonly error?: Schema.Top
  readonly stream?: boolean
}

/** One callable, with every Schema present. `method` is its compiled form, made when it first meets a wire. */
export interface Contract {
  readonly id: string
  readonly payload: Schema.Top
  readonly success: Schema.Top
  readonly error: Schema.Top
  readonly stream: boolean
  readonly method: Method.Method
}

export const make = (id: string, options: Options): Contract => {
  const { payload } = options
  let compiled: Method.Method | undefined
  const contract: Contract = {
    id,
    payload: payload === undefined ? Schema.Void : Schema.isSchema(payload) ? payload : Schema.Struct(payload),
    success: options.success ?? Schema.Void,
    error: options.error ?? Schema.Never,
    stream: options.stream === true,
    get method() {
      return compiled ??= Method.make(contract)
    }
  }
  return contract
}

/** Completes a payload as a caller may write it: absent, with defaults left out, or a class's plain fields. */
export type Construct = (input: unknown) => Effect.Effect<unknown, RemoteError>

const formatIssue = SchemaIssue.makeFormatterDefault()

const absent = (payload: Schema.Top): unknown => Schema.is(payload)(undefined) ? undefined : {}

export const construct = (contract: Contract): Construct => {
  const { id, payload } = contract
  const empty = absent(payload)
  return (input) => {
    return Effect.mapError(
      payload.makeEffect(input === undefined ? empty : input),
      (issue) =>
        new RemoteError({ reason: new EncodeFailed({ method: id, part: "payload", issue: formatIssue(issue) }) })
    )
  }
}

/**
 * `construct` for a payload that is encoded next. Encoding checks it anyway, so it is constructed only where that can
 * change it.
 */
export const constructForWire = (contract: Contract): Construct => {
  if (changesWhenConstructed(contract.payload.ast)) return construct(contract)
  const empty = absent(contract.payload)
  return (input) => Effect.succeed(input === undefined ? empty : input)
}

/** A class takes a plain object; a constructor default fills what is missing. */
const changesWhenConstructed = (ast: SchemaAST.AST): boolean => ast._tag === "Declaration" || hasDefault(ast, new Set())

const hasDefault = (ast: SchemaAST.AST, seen: Set<SchemaAST.AST>): boolean => {
  if (ast.context?.constructorDefault !== undefined) return true
  if (seen.has(ast)) return false
  seen.add(ast)
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters.some((parameter) => hasDefault(parameter, seen))
    case "Arrays":
      return ast.elements.some((element) => hasDefault(element, seen)) ||
        ast.rest.some((rest) => hasDefault(rest, seen))
    case "Objects":
      return ast.propertySignatures.some((property) => hasDefault(property.type, seen)) ||
        ast.indexSignatures.some((index) => hasDefault(index.type, seen))
    case "Union":
      return ast.types.some((type) => hasDefault(type, seen))
    case "Suspend":
      return hasDefault(ast.thunk(), seen)
    default:
      return false
  }
}
