import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import { bounded, longest } from "../../wire/internal/bounded.ts"
import * as Method from "../../wire/Method.ts"
import { EncodeFailed, RemoteError } from "../../wire/RemoteError.ts"

/** The options of one method as its user wrote them. */
export interface Options {
  readonly payload?: Schema.Top | Schema.Struct.Fields | undefined
  readonly success?: Schema.Top
  readonly error?: Schema.Top | undefined
  readonly stream?: boolean
  readonly timeout?: Duration.Input
  readonly idempotent?: boolean
  /** of this library's own: without spans */
  readonly quiet?: boolean
}

/** One callable, with every Schema present. `method` is its compiled form, made when it first meets a wire. */
export interface Contract {
  readonly id: string
  readonly payload: Schema.Top
  readonly success: Schema.Top
  readonly error: Schema.Top
  readonly stream: boolean
  /** milliseconds */
  readonly timeout: number | undefined
  readonly idempotent: boolean
  readonly quiet: boolean
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
    timeout: options.timeout === undefined ? undefined : checkTimeout(id, options.timeout),
    idempotent: options.idempotent === true,
    quiet: options.quiet === true,
    get method() {
      return compiled ??= Method.make(contract)
    }
  }
  return contract
}

/**
 * One of an object: what travels says also which, by the number of the caller's lease. `fingerprint`: the peer's, of a
 * contract that this side knows only by name.
 */
export const ofObject = (id: string, options: Options, fingerprint?: string): Contract => {
  const contract = make(id, options)
  const { error, payload, stream, success } = contract
  let compiled: Method.Method | undefined
  return Object.defineProperty(contract, "method", {
    get: () => {
      if (compiled !== undefined) return compiled
      const method = Method.make({ id, payload: Schema.Tuple([Schema.Int, payload]), success, error, stream })
      return compiled = fingerprint === undefined
        ? method
        : Object.defineProperty(method, "fingerprint", { value: fingerprint })
    }
  })
}

const checkTimeout = (id: string, timeout: Duration.Input): number | undefined => {
  const millis = Option.map(Duration.fromInput(timeout), Duration.toMillis)
  // Also where the types were bypassed: NaN is greater than nothing.
  if (Option.isNone(millis) || !(millis.value > 0)) {
    throw new TypeError(`${id}: its timeout is not a positive duration: ${String(timeout)}`)
  }
  return Number.isFinite(millis.value) ? millis.value : undefined
}

/**
 * Completes a payload as a caller may write it: absent, with defaults left out, or a class's plain fields. What does not
 * fit fails, and so does what throws while it is looked at.
 */
export type Construct = (input: unknown) => Effect.Effect<unknown, RemoteError>

export const construct = (contract: Contract): Construct => {
  const { id, payload } = contract
  const complete = completeAbsent(payload)
  const refuse = (cause: Cause.Cause<unknown>) =>
    Exit.fail(new RemoteError({ reason: new EncodeFailed({ method: id, part: "payload", issue: issueOf(cause) }) }))
  return (input) => {
    try {
      const made = payload.makeEffect(complete(input))
      return Exit.isExit(made) && Exit.isSuccess(made) ? Exit.succeed(made.value) : Effect.catchCause(made, refuse)
    } catch (defect) {
      return refuse(Cause.die(defect))
    }
  }
}

const formatIssue = SchemaIssue.makeFormatterDefault()

const issueOf = (cause: Cause.Cause<unknown>): string =>
  bounded(() => {
    const wrong = Cause.squash(cause)
    return SchemaIssue.isIssue(wrong) ? formatIssue(wrong) : wrong
  }, longest.message)

/**
 * `construct` for a payload that is encoded next. Encoding checks it anyway, so it is constructed only where that can
 * change it.
 */
export const constructForWire = (contract: Contract): Construct => {
  if (changesWhenConstructed(contract.payload.ast, new Set())) return construct(contract)
  const complete = completeAbsent(contract.payload)
  return (input) => Effect.succeed(complete(input))
}

/** Where `undefined` is no payload, a call without one means that every field was left out. */
const completeAbsent = (payload: Schema.Top) => {
  let takesUndefined: boolean | undefined
  return (input: unknown): unknown =>
    input !== undefined || (takesUndefined ??= Schema.is(payload)(undefined)) ? input : {}
}

/** A constructor default fills what is missing, and a class takes a plain object. */
const changesWhenConstructed = (ast: SchemaAST.AST, seen: Set<SchemaAST.AST>): boolean => {
  if (ast.context?.constructorDefault !== undefined) return true
  if (seen.has(ast)) return false
  seen.add(ast)
  const changes = (child: SchemaAST.AST) => changesWhenConstructed(child, seen)
  switch (ast._tag) {
    case "Declaration":
      // it may be a class: those have the struct of their fields as a parameter
      return ast.typeParameters.length > 0
    case "Arrays":
      return ast.elements.some(changes) || ast.rest.some(changes)
    case "Objects":
      return ast.propertySignatures.some(({ type }) => changes(type)) ||
        ast.indexSignatures.some(({ type }) => changes(type))
    case "Union":
      return ast.types.some(changes)
    case "Suspend":
      // what is behind it may have no end
      return true
    default:
      return false
  }
}
