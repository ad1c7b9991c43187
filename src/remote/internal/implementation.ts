import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Contract } from "./contract.ts"

/** What a handler answers with; its services have been provided, but for the Scope of its call. */
export type Answer =
  | Effect.Effect<unknown, unknown, Scope.Scope>
  | Stream.Stream<unknown, unknown, Scope.Scope>

export type Handler = (payload: unknown) => Answer

export interface Handlers {
  readonly [method: string]: Handler
}

/** The runtime side of a `Remote.fn` or a `Remote.Service`: what can be called under one id. */
export interface Declaration {
  readonly kind: "fn" | "service"
  readonly id: string
  readonly contracts: Readonly<Record<string, Contract>>
}

/** What `toLayer` puts into the Context, and a host finds there by id. */
export interface Implementation {
  readonly declaration: Declaration
  /** takes the decoded payload */
  readonly call: (method: string, payload: unknown) => Answer
}

const ImplementationId: unique symbol = Symbol.for("effect-multiprocessing/Remote/Implementation")

/** Where a declaration's public value holds its runtime side. */
export const DeclarationId: unique symbol = Symbol.for("effect-multiprocessing/Remote/Declaration")

export const declarationOf = (declared: object): Declaration =>
  (declared as { readonly [DeclarationId]: Declaration })[DeclarationId]

/** A function's handler is found under a key with a prefix, since Context keys are one space of names. */
const FnPrefix = "effect-multiprocessing/Remote/fn/"

export const fnKey = (id: string): Context.Service<never, Implementation> =>
  Context.Service<never, Implementation>(`${FnPrefix}${id}`)

/** The Scope that a handler sees is that of its call; all its other services are those of its Layer. */
export const make = (
  declaration: Declaration,
  handlers: Handlers,
  context: Context.Context<never>
): Implementation => {
  const services = Context.omit(Scope.Scope)(context as Context.Context<Scope.Scope>)
  return {
    declaration,
    call: (method, payload) => {
      const answer = handlers[method]!(payload)
      return Stream.isStream(answer) ? Stream.provideContext(answer, services) : Effect.provideContext(answer, services)
    }
  }
}

/** Not enumerable on a shape: `{ ...service, resize }` must not carry the undecorated handlers along. */
export const attach = (shape: object, implementation: Implementation): void => {
  Object.defineProperty(shape, ImplementationId, { value: implementation })
}

/** A service's shape: one function a method. */
export const proxy = (
  declaration: Declaration,
  call: (name: string, contract: Contract) => (input?: unknown) => unknown
): object =>
  Object.fromEntries(
    Object.entries(declaration.contracts).map(([name, contract]) => [name, call(name, contract)])
  )

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

/** Each `toLayer` leaves a mark of its own, so that of two declarations with one id neither hides the other. */
const MarkPrefix = "effect-multiprocessing/Remote/mark/"
let marks = 0

export const mark = (declaration: Declaration): Context.Context<never> =>
  Context.makeUnsafe(new Map([[`${MarkPrefix}${++marks}`, declaration]]))

export interface Found {
  readonly implementations: ReadonlyMap<string, Implementation>
  /** ids that more than one declaration claims */
  readonly duplicates: ReadonlyArray<string>
}

/** What a built module implements. */
export const find = (context: Context.Context<never>): Found => {
  const implementations = new Map<string, Implementation>()
  const claims = new Map<string, Set<Declaration>>()
  const claim = (declaration: Declaration) => {
    const known = claims.get(declaration.id)
    if (known === undefined) claims.set(declaration.id, new Set([declaration]))
    else known.add(declaration)
  }
  for (const [key, value] of context.mapUnsafe) {
    if (key.startsWith(MarkPrefix)) claim(value)
    else if (key.startsWith(FnPrefix)) implementations.set((value as Implementation).declaration.id, value)
    else if (isMarked(value)) implementations.set(key, value[ImplementationId])
    else if (declared.has(key)) {
      const declarations = declared.get(key)!
      declarations.forEach(claim)
      implementations.set(key, {
        declaration: declarations[0]!,
        call: (method, payload) => (value as Handlers)[method]!(payload)
      })
    }
  }
  return {
    implementations,
    duplicates: [...claims].filter(([, declarations]) => declarations.size > 1).map(([id]) => id)
  }
}

const isMarked = (value: unknown): value is { readonly [ImplementationId]: Implementation } =>
  typeof value === "object" && value !== null && ImplementationId in value
