/** Objects that live in a manager: what a declaration of them is, and what a manager is to its clients. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import type * as Scope from "effect/Scope"
import type * as Address from "../../connection/Address.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { ManagerError } from "../ManagerError.ts"
import type { Description, ObjectInfo, Ref } from "./control.ts"
import type {
  Args,
  Checked,
  ErrorSchema,
  Handlers,
  HostServices,
  MethodOptions,
  NoExtra,
  PayloadSchema,
  Proxy,
  ServerServices
} from "./grammar.ts"

/**
 * The methods of an object by name. A call cannot move to another process, so none is `idempotent`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ObjectMethods {
  readonly [name: string]: MethodOptions & { readonly idempotent?: never }
}

/**
 * What a class of objects takes and can do: `payload` and `error` are the constructor's.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ObjectOptions {
  /** what the constructor takes: a Schema, or the fields of a struct; default nothing */
  readonly payload?: Schema.Top | Schema.Struct.Fields
  /** what the constructor may fail with; default nothing */
  readonly error?: Schema.Top
  readonly methods: ObjectMethods
}

/**
 * Two classes with the same methods are two types.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Instance<out Id extends string> {
  readonly "~effect-multiprocessing/Remote/Object": Id
}

/**
 * The Schema of a proxy, for payloads, results, errors, elements and other objects: what arrives is a proxy with a lease
 * of its own, for as long as the receiver's Scope is open.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ObjectSchema<out Self>
  extends Schema.Bottom<Self, Ref, Scope.Scope, never, SchemaAST.AST, ObjectSchema<Self>>
{}

type CreateError<O extends ObjectOptions> = ErrorSchema<O>["Type"] | ManagerError | RemoteError

type CreateServices<O extends ObjectOptions> = PayloadSchema<O>["EncodingServices"] | ErrorSchema<O>["DecodingServices"]

/**
 * A class of objects that live in a manager. It is the type of its proxies, and the Context key of a shared one.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ObjectClass<in out Self, Id extends string, O extends ObjectOptions>
  extends Context.Service<Self, Self>
{
  new(_: never): Proxy<O["methods"]> & Instance<Id>
  readonly key: Id
  readonly "~effect-multiprocessing/Remote": "Object"
  readonly options: O
  /** Proxies in messages. */
  readonly schema: ObjectSchema<Self>
  /** A new object in the manager of the Context, leased until the Scope closes. */
  readonly create: (
    ...args: Args<PayloadSchema<O>>
  ) => Effect.Effect<Self, CreateError<O>, Manager | Scope.Scope | CreateServices<O>>
  /** A new object in the manager of the Context, shared by all that the Layer is provided to. */
  readonly layer: (
    ...args: Args<PayloadSchema<O>>
  ) => Layer.Layer<Self, CreateError<O>, Manager | CreateServices<O>>
  /**
   * The Layer that implements this class: how an instance's handlers are made. The constructor's Scope is the
   * instance's, and closes after its last lease; each call has a Scope of its own.
   */
  readonly toLayer: <H extends Handlers<O["methods"]>, R = never>(
    build: (
      payload: PayloadSchema<O>["Type"]
    ) => Effect.Effect<H & NoExtra<H, O["methods"]>, ErrorSchema<O>["Type"] | ManagerError | RemoteError, R>
  ) => Layer.Layer<
    ObjectHandler<Id>,
    never,
    Exclude<R, Scope.Scope> | HostServices<H, O["methods"]> | ServerServices<O>
  >
}

/**
 * Identifies the implementation of a class of objects in a Context.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ObjectHandler<in out Id extends string> {
  readonly _: unique symbol
  readonly object: Id
}

/**
 * Any class of objects.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface AnyObject {
  new(_: never): any
  readonly key: string
  readonly "~effect-multiprocessing/Remote": "Object"
  readonly options: ObjectOptions
  readonly schema: Schema.Top
}

export type CheckedObject<O extends ObjectOptions> = O & { readonly methods: Checked<O["methods"]> }

/**
 * Where objects live: a process that all who can reach it create objects in, and share them.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class Manager extends Context.Service<Manager, {
  /** new for every start of the manager */
  readonly id: string
  /** where other processes reach it; none where only this one can */
  readonly address: Address.Address | undefined
  /** A new object, leased until the Scope closes. */
  readonly create: <C extends AnyObject>(
    object: C,
    ...args: Args<PayloadSchema<C["options"]>>
  ) => Effect.Effect<C["schema"]["Type"], CreateError<C["options"]>, Scope.Scope | CreateServices<C["options"]>>
  /** How many objects there are, in all. */
  readonly numberOfObjects: Effect.Effect<number, ManagerError | RemoteError>
  /** Each object, and why it is still there. */
  readonly debugInfo: Effect.Effect<ReadonlyArray<typeof ObjectInfo.Type>, ManagerError | RemoteError>
  /** The types that it has, their methods and the Schemas of these, as data. */
  readonly describe: Effect.Effect<typeof Description.Type, ManagerError | RemoteError>
  /**
   * Ends the manager, for all its clients, and waits until it has ended; again is the same end. Fails with `NotOwner`
   * where it was only connected to, and in no other way.
   */
  readonly shutdown: Effect.Effect<void, ManagerError>
}>()("effect-multiprocessing/Manager") {}
