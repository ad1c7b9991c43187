/** What `Remote.Object` makes of its options. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { RemoteError, UnknownMethod } from "../../wire/RemoteError.ts"
import type { Session } from "../../wire/Session.ts"
import { ManagerError, NotRegistered } from "../ManagerError.ts"
import * as Contract from "./contract.ts"
import { type MethodInfo, Ref, type TypeInfo } from "./control.ts"
import * as Implementation from "./implementation.ts"
import { Leases } from "./leases.ts"
import { checkId, checkMethod, objectPrefix } from "./names.ts"
import { Manager, type ObjectOptions } from "./object.ts"
import * as Proxies from "./proxies.ts"

export const declareObject = (id: string, options: ObjectOptions): object => {
  checkId("Remote.Object", id)
  const contracts: Record<string, Contract.Contract> = Object.create(null)
  for (const [name, method] of Object.entries(options.methods)) {
    checkMethod("Remote.Object", id, name)
    contracts[name] = Contract.ofObject(`${id}/${name}`, method)
  }
  const creation = Contract.ofObject(constructorOf(id), { payload: options.payload, error: options.error })
  const declaration: Implementation.ObjectDeclaration = { kind: "object", id, contracts, creation }
  const Base = classOf(declaration, options)
  for (const [name, contract] of Object.entries(contracts)) {
    const call = caller(contract)
    Object.defineProperty(Base.prototype, name, {
      get() {
        return (input?: unknown) => call(this, input)
      }
    })
  }
  const implementationKey = Implementation.objectKey(id)
  return Object.assign(Base, {
    toLayer: (build: (payload: unknown) => Effect.Effect<Implementation.Handlers, unknown, any>) =>
      Layer.effectContext(Effect.map(Effect.context<never>(), (context) => {
        const implementation = Implementation.makeObject(declaration, build, context)
        return Context.add(Implementation.mark(declaration), implementationKey, implementation)
      }))
  })
}

/** A class of which only is known what a manager says of it: its methods take and give what travels. */
export const declareDynamic = ({ create, methods, type: id }: typeof TypeInfo.Type): object => {
  const plain = (name: string, { fingerprint, stream }: typeof MethodInfo.Type) =>
    Contract.ofObject(
      name,
      { payload: Schema.Unknown, success: Schema.Unknown, error: Schema.Unknown, stream },
      fingerprint
    )
  const contracts: Record<string, Contract.Contract> = Object.create(null)
  const callers = new Map<string, ReturnType<typeof caller>>()
  for (const method of methods) {
    const contract = contracts[method.name] = plain(`${id}/${method.name}`, method)
    callers.set(method.name, caller(contract))
  }
  const creation = plain(constructorOf(id), create)
  const options = { payload: Schema.Unknown, error: Schema.Unknown, methods: {} }
  const Base = classOf({ kind: "object", id, contracts, creation }, options)
  const find = (method: string) => callers.get(method) ?? unknownCaller(`${id}/${method}`)
  Object.assign(Base.prototype, {
    call(method: string, payload?: unknown) {
      return contracts[method]?.stream === true ? unknownCaller(`${id}/${method}`)() : find(method)(this, payload)
    },
    stream(method: string, payload?: unknown) {
      return contracts[method]?.stream === true
        ? find(method)(this, payload)
        : Stream.fromEffect(unknownCaller(`${id}/${method}`)())
    }
  })
  return Base
}

const constructorOf = (id: string): string => `${id}/constructor`

const unknownCaller = (method: string) => () =>
  Effect.fail(new RemoteError({ reason: new UnknownMethod({ method, peer: "its description" }) }))

/** What every class of objects has, whoever declares it. */
const classOf = (declaration: Implementation.ObjectDeclaration, options: ObjectOptions): any => {
  const { id } = declaration
  const Base = Context.Service<any, any>()(id)
  const schemas = new WeakMap<object, Schema.Top>()
  Object.defineProperties(Base, {
    // The class that a user makes of it: proxies are instances of that one, with its own methods.
    schema: {
      get() {
        let schema = schemas.get(this)
        if (schema === undefined) schemas.set(this, schema = schemaOf(id, this.prototype))
        return schema
      }
    },
    create: {
      get() {
        return (...args: ReadonlyArray<unknown>) =>
          Effect.flatMap(Manager, (manager) => (manager.create as any)(this, ...args))
      }
    },
    layer: {
      get() {
        return (...args: ReadonlyArray<unknown>) => Layer.effect(this, this.create(...args))
      }
    }
  })
  return Object.assign(Base, {
    "~effect-multiprocessing/Remote": "Object",
    [Implementation.DeclarationId]: declaration,
    options
  })
}

/** One method of all proxies of a class. */
const caller = (contract: Contract.Contract) => {
  const { stream, timeout } = contract
  const complete = Contract.constructForWire(contract)
  const limit = () => timeout === undefined ? undefined : { timeout }
  const ready = <A, E>(
    use: (session: Session, payload: readonly [number, unknown]) => Effect.Effect<A, E, any>,
    proxy: object,
    input: unknown
  ): Effect.Effect<A, E | RemoteError, any> => {
    const lease = Proxies.leaseOf(proxy)
    if (lease === undefined || lease.ended) return Proxies.notLiving(lease)
    const payload = complete(input)
    // what is there at once costs no step of the fiber: these are the calls that there are many of
    return Exit.isExit(payload) && Exit.isSuccess(payload)
      ? use(lease.at.session, [lease.number, payload.value])
      : Effect.flatMap(payload, (payload) => use(lease.at.session, [lease.number, payload]))
  }
  const call = (proxy: object, input: unknown) =>
    ready((session, payload) => session.call(contract.method, payload, limit()), proxy, input)
  const open = (proxy: object, input: unknown) =>
    ready((session, payload) => Effect.succeed(session.stream(contract.method, payload, limit())), proxy, input)
  // Bound, as in Client.call.
  return stream
    ? (proxy: object, input: unknown) => Stream.unwrap(Effect.suspend(open.bind(undefined, proxy, input)))
    : (proxy: object, input: unknown) => Effect.suspend(call.bind(undefined, proxy, input))
}

/** The constructor, asked of a manager: the object's first lease is under a number of ours before it is there. */
export const create = (
  at: Proxies.ManagerSession,
  object: { readonly prototype: object },
  name: string,
  input: unknown
): Effect.Effect<object, unknown, any> => {
  const { creation, id } = Implementation.declarationOf(object) as Implementation.ObjectDeclaration
  return Effect.flatMap(Contract.constructForWire(creation)(input), (payload) => {
    const leased = Proxies.hold(at, id, (number) => at.session.call(creation.method, [number, payload]))
    return Effect.catchIf(
      Effect.map(leased, (lease) => Proxies.make(object.prototype, lease)),
      isUnknown,
      () => Effect.fail(new ManagerError({ reason: new NotRegistered({ manager: name, type: id }) }))
    )
  })
}

const isUnknown = (error: unknown): boolean => error instanceof RemoteError && error.reason instanceof UnknownMethod

const schemaOf = (id: string, prototype: object): Schema.Top =>
  // The literal tells one class from another in a union of them.
  Schema.Struct({ ...Ref.fields, type: Schema.Literal(id) }).pipe(
    Schema.decodeTo(
      Schema.declare<object>(
        (value): value is object =>
          typeof value === "object" && value !== null && Object.prototype.isPrototypeOf.call(prototype, value) &&
          Proxies.leaseOf(value) !== undefined,
        { expected: id, representation: { id: `${objectPrefix}${id}`, payload: null } }
      ),
      SchemaTransformation.transformEffect<object, Ref, Scope.Scope>({
        decode: (ref) => Effect.orDie(Effect.flatMap(Leases, (leases) => leases.take(prototype, id, ref))),
        encode: (proxy) => Effect.orDie(Effect.flatMap(Leases, (leases) => leases.give(proxy)))
      })
    )
  )
