/** The grammar of a method's options, and the types that follow from it. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Reserved } from "./names.ts"

/**
 * What one method takes and gives, spelled as `Rpc.make` of Effect spells it.
 *
 * **Details**
 *
 * - `payload`: a Schema or the fields of a struct; absent means no argument.
 * - `success`: absent means `void`. With `stream: true` it is the Schema of one element.
 * - `error`: what the method may fail with; absent means it cannot fail (but for a `RemoteError`).
 * - `stream`: literally `true`, since a widened `boolean` must not silently mean "no stream".
 * - `timeout`: how long a call may take, in all: then it fails with `CallTimeout` and its handler is interrupted, here as
 *   in another process, whichever of the two notices first. A stream must have ended by then. Default: no limit.
 * - `idempotent`: running it twice does no harm. If the process that runs it dies, the call moves to another one: twice
 *   at most, not counting processes that had to be killed because another call did not let go of them (`forceAfter`). A
 *   stream moves only before its first element. Default `false`: the call fails, since it may have run.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface MethodOptions {
  readonly payload?: Schema.Top | Schema.Struct.Fields
  readonly success?: Schema.Top
  readonly error?: Schema.Top
  readonly stream?: true
  readonly timeout?: Duration.Input
  readonly idempotent?: boolean
}

/**
 * The methods of a service by name.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Methods {
  readonly [name: string]: MethodOptions
}

/** Intersected with the argument: the compiler's message is the string. */
export type Checked<M> = {
  readonly [K in keyof M as K extends Reserved ? K : never]: `${K & string} is a reserved name`
}

/**
 * The payload Schema of a method's options.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type PayloadSchema<O> = O extends { readonly payload: infer P }
  ? P extends Schema.Top ? P : P extends Schema.Struct.Fields ? Schema.Struct<P> : never
  : Schema.Void

/**
 * The success Schema of a method's options.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type SuccessSchema<O> = O extends { readonly success: infer S extends Schema.Top } ? S : Schema.Void

/**
 * The error Schema of a method's options.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type ErrorSchema<O> = O extends { readonly error: infer E extends Schema.Top } ? E : Schema.Never

/**
 * The arguments of a call: none without a payload, an optional one when every field may be left out, else one.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type Args<P extends Schema.Top> = P extends Schema.Void ? []
  : unknown extends P["~type.make.in"] ? [payload: P["~type.make.in"]]
  : {} extends P["~type.make.in"] ? [payload?: P["~type.make.in"]]
  : [payload: P["~type.make.in"]]

export type Result<O, E, R> = O extends { readonly stream: true }
  ? Stream.Stream<SuccessSchema<O>["Type"], ErrorSchema<O>["Type"] | E, R>
  : Effect.Effect<SuccessSchema<O>["Type"], ErrorSchema<O>["Type"] | E, R>

export type ClientServices<O> =
  | PayloadSchema<O>["EncodingServices"]
  | SuccessSchema<O>["DecodingServices"]
  | ErrorSchema<O>["DecodingServices"]

export type ServerServices<O> = Exclude<
  | PayloadSchema<O>["DecodingServices"]
  | SuccessSchema<O>["EncodingServices"]
  | ErrorSchema<O>["EncodingServices"],
  Scope.Scope
>

/**
 * What a caller holds: the methods of a service, each failing with what it declares or with a `RemoteError`.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type Proxy<M> =
  & {
    readonly [K in keyof M]: (...args: Args<PayloadSchema<M[K]>>) => Result<M[K], RemoteError, ClientServices<M[K]>>
  }
  & {}

/**
 * What an implementation gives: one handler a method. Handlers may fail with a `RemoteError`, so that a proxy is
 * itself an implementation (gateways), but never have to.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type Handlers<M> = {
  readonly [K in keyof M]: (payload: PayloadSchema<M[K]>["Type"]) => Result<M[K], RemoteError, any>
}

type Services<H> = H extends (...args: any) => Effect.Effect<any, any, infer R> ? R
  : H extends (...args: any) => Stream.Stream<any, any, infer R> ? R
  : never

/** What a hosting Layer needs: each handler's services (a Scope per call is provided) and those of the codecs. */
export type HostServices<H, M> =
  | Exclude<{ [K in keyof H]: Services<H[K]> }[keyof H], Scope.Scope>
  | { [K in keyof M]: ServerServices<M[K]> }[keyof M]

/** Makes undeclared handlers a compile error that names them. */
export type NoExtra<H, M> = {
  readonly [K in Exclude<keyof H, keyof M>]: `${K & string} is not declared in the contract`
}

export type MissingSelf<Usage extends string> =
  `Missing \`Self\` generic - use \`class Self extends ${Usage}<Self>()...\``
