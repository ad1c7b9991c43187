import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as MinimumLogLevel from "../../wire/internal/minimumLogLevel.ts"
import type { Contract } from "./contract.ts"
import { ownPrefix } from "./names.ts"

/** What a handler answers with; its services have been provided, but for the Scope of its call. */
export type Answer =
  | Effect.Effect<unknown, unknown, Scope.Scope>
  | Stream.Stream<unknown, unknown, Scope.Scope>

export type Handler = (payload: unknown) => Answer

export interface Handlers {
  readonly [method: string]: Handler
}

/** The runtime side of a declaration: what can be called under one id. */
export interface Declaration {
  readonly kind: "fn" | "service" | "object"
  readonly id: string
  /** by the method's name; a function has one, named by its id */
  readonly contracts: Readonly<Record<string, Contract>>
}

/** Of a class of objects, whose methods are called of an instance. */
export interface ObjectDeclaration extends Declaration {
  readonly kind: "object"
  /** its constructor's */
  readonly creation: Contract
}

/** What `toLayer` puts into the Context, and a host finds there by id. */
export interface Implementation {
  readonly declaration: Declaration
  /** takes the decoded payload; never throws */
  readonly call: (method: string, payload: unknown) => Answer
  /** those of its Layer, which its codecs need too; absent when it answers from elsewhere */
  readonly services?: Context.Context<never> | undefined
}

/** What `toLayer` of a class of objects puts into the Context. */
export interface ObjectImplementation {
  readonly declaration: ObjectDeclaration
  readonly services: Context.Context<never>
  /** An instance, by how it is called; the Scope is its own. */
  readonly construct: (payload: unknown) => Effect.Effect<Implementation["call"], unknown, Scope.Scope>
}

/** Whether its handlers run in this process. */
export const isHere = ({ services }: Implementation): boolean => services !== undefined

/** Where a declaration's public value holds its runtime side. */
export const DeclarationId: unique symbol = Symbol.for("effect-multiprocessing/Remote/Declaration")

export const declarationOf = (declared: object): Declaration =>
  (declared as { readonly [DeclarationId]: Declaration })[DeclarationId]

/** A function's handler is found under a key with a prefix, since Context keys are one space of names. */
const FnPrefix = `${ownPrefix}fn/`

export const fnKey = (id: string): Context.Service<never, Implementation> =>
  Context.Service<never, Implementation>(`${FnPrefix}${id}`)

/** The Scope that handlers see is that of their call; the span and what is logged, and with what, are their caller's. */
const servicesOf = Context.omit(
  Scope.Scope,
  Tracer.ParentSpan,
  References.MinimumLogLevel,
  References.CurrentLogAnnotations,
  References.CurrentLogSpans
)

/** An implementation by handlers. What is not their caller's are the services of their Layer. */
export const make = (
  declaration: Declaration,
  handlers: Handlers,
  context: Context.Context<never>
): Implementation => {
  const services = servicesOf(context)
  return { declaration, services, call: within(services, handlersOf(declaration, handlers)) }
}

/** An implementation of a class of objects by a constructor, whose services are those of its Layer, but for the Scope. */
export const makeObject = (
  declaration: ObjectDeclaration,
  build: (payload: unknown) => Effect.Effect<Handlers, unknown, any>,
  context: Context.Context<never>
): ObjectImplementation => {
  const services = servicesOf(context)
  return {
    declaration,
    services,
    construct: (payload) =>
      Effect.map(
        Effect.suspend(() => Effect.provideContext(build(payload), services)),
        (handlers) => within(services, handlersOf(declaration, handlers))
      )
  }
}

const handlersOf = (declaration: Declaration, handlers: Handlers): Implementation["call"] => {
  for (const [name, { id }] of Object.entries(declaration.contracts)) {
    if (typeof handlers[name] !== "function") throw new TypeError(`${id} has no handler`)
  }
  return calls(declaration, handlers)
}

const within =
  (services: Context.Context<never>, call: Implementation["call"]): Implementation["call"] => (method, payload) => {
    const answer = call(method, payload)
    const context = MinimumLogLevel.within(services)
    return Stream.isStream(answer) ? Stream.provideContext(answer, context) : Effect.provideContext(answer, context)
  }

/** Calls by name. What the types forbid is a defect with a name, and not a fiber that ends without its finalizers. */
const calls = ({ contracts }: Declaration, handlers: Handlers): Implementation["call"] => (method, payload) => {
  const { id, stream } = contracts[method]!
  try {
    const answer = handlers[method]!(payload)
    if (stream ? Stream.isStream(answer) : Effect.isEffect(answer)) return answer
    throw new TypeError(`${id}: its handler did not answer with ${stream ? "a Stream" : "an Effect"}`)
  } catch (defect) {
    return stream ? Stream.die(defect) : Effect.die(defect)
  }
}

/** A service's shape: one function a method. */
export const proxy = (
  declaration: Declaration,
  call: (name: string, contract: Contract) => (input?: unknown) => unknown
): object =>
  Object.fromEntries(
    Object.entries(declaration.contracts).map(([name, contract]) => [name, call(name, contract)])
  )

const ObjectPrefix = `${ownPrefix}object/`

export const objectKey = (id: string): Context.Service<never, ObjectImplementation> =>
  Context.Service<never, ObjectImplementation>(`${ObjectPrefix}${id}`)

const ImplementationId: unique symbol = Symbol.for("effect-multiprocessing/Remote/Implementation")

interface Attached {
  readonly shape: unknown
  readonly implementation: Implementation
}

/**
 * Lets a host that is given this shape call its handlers without the checks that a caller needs. The shape is part of
 * the note, so that a copy of it with other methods does not carry the old handlers along.
 */
export const attach = (shape: object, implementation: Implementation): void => {
  Object.defineProperty(shape, ImplementationId, { value: { shape, implementation } satisfies Attached })
}

const attached = (shape: unknown): Implementation | undefined => {
  if (typeof shape !== "object" || shape === null) return undefined
  const note = (shape as { readonly [ImplementationId]?: Attached })[ImplementationId]
  return note?.shape === shape ? note.implementation : undefined
}

/**
 * Services by id. A shape that `toLayer` did not make (a test double, a decorated service) says nothing of its
 * Schemas: they are found here.
 */
const declared = new Map<string, Array<Declaration>>()

export const declare = (declaration: Declaration): Declaration => {
  const known = declared.get(declaration.id)
  if (known === undefined) declared.set(declaration.id, [declaration])
  else known.push(declaration)
  return declaration
}

/** Each declaration that is implemented leaves a mark of its own: of two with one id neither hides the other. */
const MarkPrefix = `${ownPrefix}mark/`
const markOf = new WeakMap<Declaration, string>()
let marks = 0

export const mark = (declaration: Declaration): Context.Context<never> => {
  let key = markOf.get(declaration)
  if (key === undefined) markOf.set(declaration, key = `${MarkPrefix}${++marks}`)
  return Context.makeUnsafe(new Map([[key, declaration]]))
}

export interface Found {
  readonly implementations: ReadonlyMap<string, Implementation>
  readonly objects: ReadonlyMap<string, ObjectImplementation>
  /** ids, of declarations or methods, that more than one declaration claims */
  readonly duplicates: ReadonlyArray<string>
}

/** What a built module implements. */
export const find = (context: Context.Context<never>): Found => {
  const implementations = new Map<string, Implementation>()
  const objects = new Map<string, ObjectImplementation>()
  const implemented = new Set<Declaration>()
  for (const [key, value] of context.mapUnsafe) {
    if (key.startsWith(MarkPrefix)) {
      implemented.add(value)
      continue
    }
    if (key.startsWith(ObjectPrefix)) {
      objects.set(value.declaration.id, value)
      continue
    }
    for (const implementation of implementationsOf(key, value, context)) {
      implemented.add(implementation.declaration)
      implementations.set(implementation.declaration.id, implementation)
    }
  }
  return { implementations, objects, duplicates: duplicates(implemented) }
}

/**
 * What a Context implements of one declaration: of another one with its id, nothing. A function's is always made by its
 * own `toLayer`.
 */
export const of = (declaration: Declaration, context: Context.Context<never>): Implementation | undefined => {
  const { id, kind } = declaration
  const value = context.mapUnsafe.get(kind === "fn" ? fnKey(id).key : id)
  if (value === undefined || kind === "object") return undefined
  const made = kind === "fn" ? value as Implementation : attached(value)
  if (made !== undefined) return made.declaration === declaration ? made : undefined
  return { declaration, services: context, call: calls(declaration, value as Handlers) }
}

/** More than one where it cannot be known which declaration is meant. */
const implementationsOf = (
  key: string,
  value: unknown,
  context: Context.Context<never>
): ReadonlyArray<Implementation> => {
  if (key.startsWith(FnPrefix)) return [value as Implementation]
  const implementation = attached(value)
  if (implementation?.declaration.id === key) return [implementation]
  return (declared.get(key) ?? []).map((declaration) => ({
    declaration,
    services: context,
    call: calls(declaration, value as Handlers)
  }))
}

const duplicates = (declarations: Iterable<Declaration>): ReadonlyArray<string> => {
  const claims = new Map<string, Declaration>()
  const found = new Set<string>()
  for (const declaration of declarations) {
    for (const id of idsOf(declaration)) {
      const other = claims.get(id)
      if (other === undefined) claims.set(id, declaration)
      else if (other !== declaration) found.add(other.id === declaration.id ? declaration.id : id)
    }
  }
  return [...found]
}

const idsOf = ({ contracts, id }: Declaration): Iterable<string> =>
  new Set([id, ...Object.values(contracts).map((contract) => contract.id)])
