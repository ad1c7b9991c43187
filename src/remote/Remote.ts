/**
 * Declarations of what can run elsewhere.
 *
 * A declaration is a contract: an id and the Schemas of what goes in and comes out. It holds no code, so both sides
 * import it; the implementation is an ordinary Layer that only the host imports. The same program then runs with the
 * implementation in its own process, in a child, or in several, by changing one Layer.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ConnectionError } from "../connection/ConnectionError.ts"
import * as Memory from "../wire/internal/memory.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import * as Contract from "./internal/contract.ts"
import type { TypeInfo } from "./internal/control.ts"
import { declareDynamic, declareObject } from "./internal/declareObject.ts"
import type { Args, Checked, Handlers, HostServices, Methods, MissingSelf, NoExtra, Proxy } from "./internal/grammar.ts"
import * as Implementation from "./internal/implementation.ts"
import { inProcess, limited } from "./internal/inProcess.ts"
import * as Leases from "./internal/leases.ts"
import { checkId, checkMethod } from "./internal/names.ts"
import type { AnyObject, CheckedObject, Instance, ObjectClass, ObjectOptions, ObjectSchema } from "./internal/object.ts"
import type * as RemoteClient from "./RemoteClient.ts"
import type * as RemoteServer from "./RemoteServer.ts"

export type {
  Args,
  ErrorSchema,
  Handlers,
  MethodOptions,
  Methods,
  PayloadSchema,
  Proxy,
  SuccessSchema
} from "./internal/grammar.ts"

export type {
  AnyObject,
  Instance,
  ObjectClass,
  ObjectHandler,
  ObjectMethods,
  ObjectOptions,
  ObjectSchema
} from "./internal/object.ts"

const TypeId = "~effect-multiprocessing/Remote"

// -----------------------------------------------------------------------------
// Modules
// -----------------------------------------------------------------------------

/**
 * What a module must export for a host to run it: a Layer that needs nothing.
 *
 * **Example** (The end of an implementation's file)
 *
 * ```ts
 * export default layer satisfies Remote.Module
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Module = Layer.Layer<never, any, never>

/**
 * Where an implementation is found: a file's URL, the name of an export, and at the type level what it implements.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ModuleRef<in A> {
  readonly url: URL
  readonly export: string
  readonly "~implements": (_: A) => void
}

/**
 * Points at a module's Layer: with its type checked where it is used, or at another export than `default`.
 *
 * **When to use**
 *
 * Use with `typeof import(...)`, which is erased, to let the compiler see that a module implements the services it is
 * asked for; or with `export` to keep unrelated implementations in one file, of which only the named one is built.
 *
 * **Gotchas**
 *
 * A function that is declared with the type of its own implementation would go round in a circle ("implicitly has type
 * 'any'"): annotate the Layer there, `const layer: Layer.Layer<Remote.Handler<"app/countWords">> = ...`. A service's
 * module can be checked where it is hosted, without an annotation.
 *
 * **Example** (A checked module, one of several exports, and both)
 *
 * ```ts
 * const url = new URL("./words.live.ts", import.meta.url)
 * const words = Remote.module<typeof import("./words.live.ts")>(url)
 * const tools = Remote.module(url, { export: "counting" })
 * const both = Remote.module<typeof import("./words.live.ts"), "counting">(url, { export: "counting" })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const module: {
  (url: URL, options?: { readonly export?: string | undefined }): ModuleRef<any>
  <M extends { readonly default: Module }>(url: URL): ModuleRef<Layer.Success<M["default"]>>
  <M extends { readonly [K in Name]: Module }, Name extends string>(
    url: URL,
    options: { readonly export: Name }
  ): ModuleRef<Layer.Success<M[Name]>>
} = (url: URL, options?: { readonly export?: string | undefined }): ModuleRef<any> => ({
  url,
  export: options?.export ?? "default",
  "~implements": () => {}
})

/** @internal */
export const moduleRef = (target: URL | ModuleRef<any>): ModuleRef<any> =>
  target instanceof URL ? module(target) : target

// -----------------------------------------------------------------------------
// Bytes
// -----------------------------------------------------------------------------

/**
 * Gives the memory of bytes that came from another process back, so that the next ones are read into it.
 *
 * **When to use**
 *
 * Where many large values (256 KiB and more) pass through and are done with soon: a result that was written to a file, a
 * payload that was hashed or is answered with. Fresh memory for each, and the garbage collector's work for it, cost two
 * to four times as much as the transfer itself.
 *
 * **Details**
 *
 * The bytes become empty, as a transferred `ArrayBuffer` does: whoever has kept a view of them finds nothing in it, and
 * never what arrived later. The payload of a call stays until the call has been answered and the answer has left, so a
 * handler may give it back first and answer with a part of it.
 *
 * It does nothing to bytes that did not come from another process, that are small, or that arrived together with others
 * in one value.
 *
 * **Gotchas**
 *
 * Bytes that another call of yours still sends must not be given back before that call has been answered.
 *
 * **Example** (A handler and a caller who are done with bytes)
 *
 * ```ts
 * const HasherLive = Hasher.toLayer({
 *   hash: ({ file }) => Effect.ensuring(sha256(file), Remote.giveBack(file))
 * })
 *
 * const program = Effect.gen(function*() {
 *   const image = yield* camera.picture()
 *   yield* fs.writeFile("picture.png", image)
 *   yield* Remote.giveBack(image)
 * })
 * ```
 *
 * @stability unstable
 * @category utils
 * @since 0.1.0
 */
export const giveBack = (bytes: Uint8Array): Effect.Effect<void> => Effect.sync(() => Memory.giveBack(bytes))

// -----------------------------------------------------------------------------
// Functions
// -----------------------------------------------------------------------------

/**
 * Identifies the handler of a function in a Context. A program that uses `fn.call` has it in its requirements.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Handler<in out Id extends string> {
  readonly _: unique symbol
  readonly id: Id
}

/**
 * Any function declaration.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface AnyFn {
  readonly [TypeId]: "Fn"
  readonly id: string
  readonly module: URL | ModuleRef<any>
  readonly payload: Schema.Top
  readonly success: Schema.Top
  readonly error: Schema.Top
  readonly stream: boolean
}

/**
 * A typed function that can run in another process.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Fn<
  Id extends string,
  P extends Schema.Top,
  S extends Schema.Top,
  E extends Schema.Top,
  St extends boolean
> extends AnyFn {
  readonly id: Id
  readonly payload: P
  readonly success: S
  readonly error: E
  readonly stream: St
  /** Calls the handler wherever the Layer that is provided says: in this process or in a child. */
  readonly call: (...args: Args<P>) => FnResult<this, RemoteError, FnServices<this> | Handler<Id>>
  /** The Layer that implements this function. Each call has a Scope of its own. */
  readonly toLayer: <R = never>(
    handler: (payload: P["Type"]) => FnResult<this, RemoteError, R>
  ) => Layer.Layer<Handler<Id>, never, Exclude<R, Scope.Scope> | FnServerServices<this>>
}

type FnResult<F extends AnyFn, E, R> = F["stream"] extends true
  ? Stream.Stream<F["success"]["Type"], F["error"]["Type"] | E, R>
  : Effect.Effect<F["success"]["Type"], F["error"]["Type"] | E, R>

/**
 * The services that a caller of a function must provide for its Schemas.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type FnServices<F extends AnyFn> =
  | F["payload"]["EncodingServices"]
  | F["success"]["DecodingServices"]
  | F["error"]["DecodingServices"]

type FnServerServices<F extends AnyFn> = Exclude<
  | F["payload"]["DecodingServices"]
  | F["success"]["EncodingServices"]
  | F["error"]["EncodingServices"],
  Scope.Scope
>

/**
 * Declares a typed function that can run in another process.
 *
 * **When to use**
 *
 * For work that is started, runs once and ends: `Process.start`. For several methods that share state use `Service`.
 *
 * **Details**
 *
 * - `id` names the function on the wire: up to 256 visible characters without white space. It is unique in the module
 *   that implements it, and stable over versions that talk to each other.
 * - `module` is the URL of the file whose default export is a Layer that implements it (`fn.toLayer`), or
 *   `Remote.module(url, { export })`.
 *
 * - `payload`, `success`, `error`, `stream`, `timeout` and `idempotent` are those of `MethodOptions`.
 *
 * **Gotchas**
 *
 * Build the URL with `import.meta.url`: a plain relative path would mean something else in the child.
 *
 * An id that cannot be one throws a `TypeError` where the function is declared.
 *
 * **Example** (A contract and its implementation)
 *
 * ```ts
 * // words.ts
 * export const countWords = Remote.fn("app/countWords", {
 *   module: new URL("./words.live.ts", import.meta.url),
 *   payload: { text: Schema.String },
 *   success: Schema.Int
 * })
 *
 * // words.live.ts
 * export default countWords.toLayer(({ text }) => Effect.succeed(text.split(/\s+/).length)) satisfies Remote.Module
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const fn: <
  const Id extends string,
  P extends Schema.Top | Schema.Struct.Fields = Schema.Void,
  S extends Schema.Top = Schema.Void,
  E extends Schema.Top = Schema.Never,
  St extends true = never
>(id: Id, options: {
  readonly module: URL | ModuleRef<Handler<Id>>
  readonly payload?: P
  readonly success?: S
  readonly error?: E
  readonly stream?: St
  readonly timeout?: Duration.Input
  readonly idempotent?: boolean
}) => Fn<
  Id,
  P extends Schema.Top ? P : P extends Schema.Struct.Fields ? Schema.Struct<P> : never,
  S,
  E,
  [St] extends [never] ? false : true
> = (
  id: string,
  options: Contract.Options & { readonly module: URL | ModuleRef<any> }
): any => {
  checkId("Remote.fn", id)
  const contract = Contract.make(id, options)
  const declaration: Implementation.Declaration = { kind: "fn", id, contracts: { [id]: contract } }
  const key = Implementation.fnKey(id)
  return {
    [TypeId]: "Fn",
    [Implementation.DeclarationId]: declaration,
    id,
    module: options.module,
    payload: contract.payload,
    success: contract.success,
    error: contract.error,
    stream: contract.stream,
    toLayer: (handler: Implementation.Handler) =>
      Layer.effectContext(Effect.map(Effect.context<never>(), (context) => {
        const implementation = Implementation.make(declaration, { [id]: handler }, context)
        return Context.add(Implementation.mark(declaration), key, implementation)
      })),
    call: inProcess(contract, (payload) =>
      Effect.map(key, (implementation) => {
        const answer = implementation.call(id, payload)
        return Implementation.isHere(implementation) ? limited(contract, answer) : answer
      }))
  }
}

// -----------------------------------------------------------------------------
// Services
// -----------------------------------------------------------------------------

/**
 * A typed service with one instance a host. The class is its Context key, and the proxy is the service.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, M extends Methods>
  extends Context.ServiceClass<Self, Id, Proxy<M>>
{
  readonly [TypeId]: "Service"
  readonly methods: M
  /**
   * The Layer that implements this service: from an object of handlers, or from an Effect that makes one and whose
   * Scope is the Layer's. Each call has a Scope of its own.
   */
  readonly toLayer: <H extends Handlers<M>, E = never, R = never>(
    build: (H & NoExtra<H, M>) | Effect.Effect<H & NoExtra<H, M>, E, R>
  ) => Layer.Layer<Self, E, Exclude<R, Scope.Scope> | HostServices<H, M>>
}

/**
 * Any service declaration.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface AnyService extends Context.Key<any, any> {
  readonly [TypeId]: "Service"
  readonly methods: Methods
}

/**
 * Declares a typed service: several methods on one instance a host.
 *
 * **When to use**
 *
 * For methods that share state or set-up: a database, a model in memory, a parser. The class is an ordinary Context
 * service: `yield* Thumbnailer` is the same program whether the Layer runs it here (`Thumbnailer.toLayer`) or in
 * children (`ProcessLayer.make`).
 *
 * **Details**
 *
 * - `id` is the key of the service in a Context and names it on the wire, as a function's does.
 * - A method is called with its payload, or with nothing if all of it may be left out; constructor defaults are filled
 *   in, and a class may be given as its plain fields.
 * - Wherever it runs, a call fails with what the method declares or with a `RemoteError`: a payload that does not fit
 *   fails as `EncodeFailed` before the handler runs, a handler that dies as `RemoteDefect`.
 * - A proxy is an implementation: `Thumbnailer.toLayer(Thumbnailer)` is a gateway, and
 *   `Layer.effect(Thumbnailer, Effect.map(Thumbnailer, (t) => ({ ...t, resize })))` a decorated service, which a host
 *   serves as it was decorated.
 *
 * **Gotchas**
 *
 * A method cannot have a name that means something to every object or Effect (`then`, `constructor`, `toJSON`, `pipe`
 * and the like), begin with `_` or contain `/`. The compiler says so, and where types were bypassed a `TypeError` is
 * thrown where the service is declared.
 *
 * Within one process nothing is encoded, so an answer that breaks its own Schema is noticed only when the service has
 * moved to another one.
 *
 * **Example** (A contract, an implementation and a use)
 *
 * ```ts
 * class Thumbnailer extends Remote.Service<Thumbnailer>()("app/Thumbnailer", {
 *   resize: { payload: { image: Schema.Uint8Array, width: Schema.Int }, success: Schema.Uint8Array },
 *   progress: { success: Schema.Number, stream: true }
 * }) {}
 *
 * const ThumbnailerLive = Thumbnailer.toLayer({
 *   resize: ({ image, width }) => Effect.succeed(image.slice(0, width)),
 *   progress: () => Stream.make(0.5, 1)
 * })
 *
 * const program = Effect.flatMap(Thumbnailer, (t) => t.resize({ image: new Uint8Array(9), width: 3 }))
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const Service: <Self = never>() => <const Id extends string, const M extends Methods>(
  id: Id,
  methods: M & Checked<M>
) => [Self] extends [never] ? MissingSelf<"Remote.Service"> : ServiceClass<Self, Id, M> =
  () => (id: string, methods: Methods): any => {
    checkId("Remote.Service", id)
    const contracts: Record<string, Contract.Contract> = Object.create(null)
    for (const [name, options] of Object.entries(methods)) {
      checkMethod("Remote.Service", id, name)
      contracts[name] = Contract.make(`${id}/${name}`, options)
    }
    const declaration = Implementation.declare({ kind: "service", id, contracts })
    const key = Context.Service<any, any>()(id)
    return Object.assign(key, {
      [TypeId]: "Service",
      [Implementation.DeclarationId]: declaration,
      methods,
      toLayer: (build: Implementation.Handlers | Effect.Effect<Implementation.Handlers, unknown, unknown>) =>
        Layer.effectContext(Effect.gen(function*() {
          const context = yield* Effect.context<never>()
          const handlers = Effect.isEffect(build) ? yield* build as Effect.Effect<Implementation.Handlers> : build
          const implementation = Implementation.make(declaration, handlers, context)
          const shape = Implementation.proxy(
            declaration,
            (name, contract) =>
              inProcess(contract, (payload) => Effect.succeed(limited(contract, implementation.call(name, payload))))
          )
          Implementation.attach(shape, implementation)
          return Context.add(Implementation.mark(declaration), key, shape)
        }))
    })
  }

// -----------------------------------------------------------------------------
// Objects
// -----------------------------------------------------------------------------

const Object_: <Self = never>() => <const Id extends string, const O extends ObjectOptions>(
  id: Id,
  options: CheckedObject<O>
) => [Self] extends [never] ? MissingSelf<"Remote.Object"> : ObjectClass<Self, Id, O> =
  () => (id: string, options: ObjectOptions): any => declareObject(id, options)

export {
  /**
   * Declares a class of objects that live in a manager and are used through proxies, from any process.
   *
   * **When to use**
   *
   * For what several processes share: a counter, a cache, a rate limiter, a room of a game. Of a `Service` a host has
   * one instance; of an object there are as many as are created, and each ends with its last lease.
   *
   * **Details**
   *
   * - `payload` and `error` are the constructor's, `methods` are as a service's. A method cannot be `idempotent`: an
   *   object is in one process only.
   * - The class is the type of its proxies: they are instances of it, with the methods that its body may add. It is also
   *   the Context key of a shared proxy, which `layer` provides.
   * - A proxy belongs to a Scope, and is a lease of the object until that closes. `schema` lets proxies travel in
   *   messages: who receives one has a lease of its own. When a process ends, however it does, so do its leases.
   * - The last lease ends the object: the Scope of its constructor closes.
   *
   * **Gotchas**
   *
   * A handler that keeps a proxy which it was called with must `retain` it into the instance's Scope: the proxy that it
   * was given ends with the call. Objects that hold proxies of each other are never the last to let go.
   *
   * A class that has proxies of itself in its methods needs an annotation there:
   * `Schema.suspend((): Remote.ObjectSchema<Node> => Node.schema)`.
   *
   * **Example** (A counter: its contract, its implementation, its use)
   *
   * ```ts
   * class Counter extends Remote.Object<Counter>()("app/Counter", {
   *   payload: { initial: Schema.Int },
   *   methods: { add: { payload: { by: Schema.Int }, success: Schema.Int } }
   * }) {}
   *
   * const CounterLive = Counter.toLayer(({ initial }) =>
   *   Effect.gen(function*() {
   *     const count = yield* Ref.make(initial)
   *     return { add: ({ by }) => Ref.updateAndGet(count, (n) => n + by) }
   *   })
   * )
   *
   * const program = Effect.gen(function*() {
   *   const counter = yield* Counter.create({ initial: 40 })
   *   return yield* counter.add({ by: 2 })
   * })
   * ```
   *
   * @stability unstable
   * @category constructors
   * @since 0.1.0
   */
  Object_ as Object
}

/**
 * A second lease of a proxy's object, for as long as this Scope is open.
 *
 * **When to use**
 *
 * In a handler that keeps a proxy beyond the call it came with: `Scope.provide(Remote.retain(node), instanceScope)`,
 * where `instanceScope` is what `Effect.scope` was in the constructor.
 *
 * **Details**
 *
 * Fails with `ObjectGone` if the proxy's own Scope has closed.
 *
 * @stability unstable
 * @category utils
 * @since 0.1.0
 */
export const retain: <Self extends Instance<string>>(proxy: Self) => Effect.Effect<Self, RemoteError, Scope.Scope> =
  Leases.retain

/**
 * A proxy of an object whose contract is known only by its manager's description: payloads and results are plain data,
 * as they travel.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface DynamicProxy extends Instance<string> {
  readonly call: (method: string, payload?: unknown) => Effect.Effect<unknown, unknown>
  readonly stream: (method: string, payload?: unknown) => Stream.Stream<unknown, unknown>
}

/**
 * A class of objects made of a manager's description of it.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface DynamicClass extends AnyObject {
  readonly options: {
    readonly payload: typeof Schema.Unknown
    readonly error: typeof Schema.Unknown
    readonly methods: {}
  }
  readonly schema: ObjectSchema<DynamicProxy>
}

/**
 * Makes a class of what a manager's `describe` says of a type, for tools that have no contract.
 *
 * **When to use**
 *
 * In inspectors, shells and bridges. A program that knows what it wants imports the contract.
 *
 * **Details**
 *
 * Nothing is checked on this side; the manager does. What it does not have fails with `UnknownMethod`, and what has
 * changed since it was described with `ContractMismatch`. Proxies in results are not followed.
 *
 * **Example** (Whatever the manager has, by name)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const manager = yield* Manager.Manager
 *   const { types } = yield* manager.describe
 *   const Counter = Remote.dynamic(types.find(({ type }) => type === "app/Counter")!)
 *   const counter = yield* manager.create(Counter, { initial: 40 })
 *   return yield* counter.call("add", { by: 2 })
 * })
 * ```
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const dynamic = (type: TypeDescription): DynamicClass => declareDynamic(type) as DynamicClass

/**
 * What a manager says of a type that it has.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type TypeDescription = typeof TypeInfo.Type

// -----------------------------------------------------------------------------
// Both
// -----------------------------------------------------------------------------

/**
 * Any declaration that a host can run.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Any = AnyService | AnyFn

/**
 * What the Layer of a declaration provides, wherever it runs: of a service its class, of a function its `Handler`.
 *
 * @stability unstable
 * @category utility types
 * @since 0.1.0
 */
export type Provided<D> = D extends AnyService ? D["Identifier"] : D extends AnyFn ? Handler<D["id"]> : never

// -----------------------------------------------------------------------------
// At an address
// -----------------------------------------------------------------------------

/**
 * Serves services at an address: `RemoteServer.layer`, which is loaded when the Layer is built, so that a child that only
 * declares does not load what it does not use.
 *
 * **When to use**
 *
 * For services that programs use which are not children of this one. `RemoteServer` has the options, the address, and
 * the services of clients.
 *
 * **Example** (A program that serves)
 *
 * ```ts
 * const Served = Remote.serve({ address: "/run/numbers.sock", services: [Numbers], authKey })
 *
 * Layer.launch(Served).pipe(Effect.provide(NumbersLive), NodeRuntime.runMain)
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const serve = <const S extends readonly [Any, ...Array<Any>]>(
  options: RemoteServer.Options<S>
): Layer.Layer<RemoteServer.RemoteServer, ConnectionError, Provided<S[number]>> =>
  Layer.unwrap(Effect.map(Effect.promise(() => import("./RemoteServer.ts")), ({ layer }) => layer(options)))

/**
 * Provides services that are served at an address: `RemoteClient.layer`, which is loaded when the Layer is built.
 *
 * **When to use**
 *
 * Instead of the Layer of their implementation, here or in a child: the program that uses them stays the same.
 * `RemoteClient` has the options, the state of the connection, and what becomes of calls when it breaks.
 *
 * **Example** (The program of the README, at an address)
 *
 * ```ts
 * const NumbersThere = Remote.connect({ address: "/run/numbers.sock", services: [Numbers], authKey })
 *
 * program.pipe(Effect.provide(NumbersThere), NodeRuntime.runMain)
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const connect = <
  const S extends readonly [Any, ...Array<Any>],
  const C extends ReadonlyArray<Any> = readonly []
>(
  options: RemoteClient.Options<S, C>
): Layer.Layer<Provided<S[number]>, ConnectionError, Provided<C[number]>> =>
  Layer.unwrap(Effect.map(Effect.promise(() => import("./RemoteClient.ts")), ({ layer }) => layer(options)))
