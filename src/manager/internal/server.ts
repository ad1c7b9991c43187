/**
 * What a manager answers: the same objects for all of its clients, each of whom is attended for itself.
 *
 *     clients' sessions -> Attendant (what each holds) -> ObjectTable (what lives, and why) -> instances
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { holdsProxies } from "../../remote/internal/carried.ts"
import type { Contract } from "../../remote/internal/contract.ts"
import { contracts, declaration as control, type Ref } from "../../remote/internal/control.ts"
import * as Implementation from "../../remote/internal/implementation.ts"
import { gone } from "../../remote/internal/proxies.ts"
import * as CallSpan from "../../wire/internal/callSpan.ts"
import * as Method from "../../wire/Method.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import { Attendant } from "./attendant.ts"
import type { Behaviour, BuiltIn } from "./builtIn.ts"
import { describe } from "./describe.ts"
import { type Instance, noTicket, ObjectTable } from "./objectTable.ts"
import * as Place from "./place.ts"

/** What a session with a client is made with. */
export interface Attended {
  readonly serve: ReadonlyArray<Method.Served>
  readonly onRelease: (numbers: ReadonlyArray<number>) => void
  /** the client is gone; again does nothing */
  readonly ended: () => void
}

/** A class of objects, however it is implemented. */
export interface Type {
  readonly declaration: Implementation.ObjectDeclaration
  readonly services: Context.Context<never> | undefined
  readonly make: (payload: unknown, own: Place.Own) => Effect.Effect<Behaviour, unknown>
}

export interface Options {
  /** new for every start */
  readonly id: string
  /** where clients reach it, once that is known; empty until then */
  readonly address: () => string
  readonly builtIns: ReadonlyArray<BuiltIn>
  /** milliseconds */
  readonly ticketExpiry: number
}

export class Server {
  readonly table: ObjectTable
  /** ids that more than one declaration claims */
  readonly duplicates: ReadonlyArray<string>
  private readonly options: Options
  private readonly types: ReadonlyArray<Type>
  private readonly attendants = new Set<Attendant>()
  private readonly fns: ReadonlyMap<string, Implementation.Implementation>
  /** in which it runs, and its module's */
  readonly services: Context.Context<never>

  constructor(
    options: Options,
    table: ObjectTable,
    { duplicates, implementations, objects }: Implementation.Found,
    services: Context.Context<never>
  ) {
    this.options = options
    this.table = table
    this.services = services
    this.fns = implementations
    const own = options.builtIns.map(({ declaration }) => declaration.id)
    this.duplicates = [...duplicates, ...own.filter((id) => objects.has(id))]
    this.types = [
      ...Array.from(objects.values(), ofUser),
      ...options.builtIns.map((builtIn) => ofLibrary(builtIn))
    ]
  }

  // ---------------------------------------------------------------------------------------------- clients

  attend(name: string): Attended {
    const attendant = new Attendant(name, this.table)
    this.attendants.add(attendant)
    return {
      serve: [...this.controls(attendant), ...this.types.flatMap((type) => this.served(type, attendant))],
      onRelease: (numbers) => attendant.release(numbers),
      ended: () => {
        this.attendants.delete(attendant)
        attendant.end()
      }
    }
  }

  private controls(attendant: Attendant): Array<Method.Served> {
    const { table } = this
    const controls: Record<keyof typeof contracts, (payload: any) => Effect.Effect<unknown, RemoteError>> = {
      about: () => Effect.succeed({ manager: this.options.id, address: this.options.address() }),
      ticket: (number: number) => {
        const instance = attendant.instance(number)
        return instance === undefined ? nothingLeased(control.id, number) : Effect.succeed(table.issue(instance))
      },
      redeem: ({ as, ...ref }: { readonly type: string; readonly ticket: number; readonly as: number }) => {
        const instance = table.redeem(ref, "leases")
        if (instance === undefined) return Effect.fail(gone(ref, noTicket))
        return attendant.lease(as, instance) ? Effect.succeed(instance.id) : notFree(instance.type, as)
      },
      retain: ({ as, lease }: { readonly lease: number; readonly as: number }) => {
        const instance = attendant.instance(lease)
        if (instance === undefined) return nothingLeased(control.id, lease)
        table.count(instance, "leases")
        return attendant.lease(as, instance) ? Effect.void : notFree(instance.type, as)
      },
      abandon: (number: number) => Effect.sync(() => attendant.abandon(number)),
      numberOfObjects: () => Effect.succeed(table.instances.size),
      debugInfo: () => Effect.sync(() => this.debugInfo()),
      describe: () =>
        Effect.sync(() => describe({ manager: this.options.id, address: this.options.address() }, this.types))
    }
    return Object.entries(contracts).map(([name, { method }]) => ({
      method,
      handle: controls[name as keyof typeof contracts]
    }))
  }

  private served(type: Type, attendant: Attendant): Array<Method.Served> {
    const { contracts, creation } = type.declaration
    const services = type.services ?? this.services
    const method = ({ method }: Contract) =>
      type.services === undefined ? method : Method.provide(method, type.services)
    return [
      {
        method: method(creation),
        handle: (payload) => {
          const [number, input] = payload as [number, unknown]
          return CallSpan.serve(creation.id, services, this.create(type, input, attendant, number))
        }
      },
      ...Object.entries(contracts).map(([name, contract]): Method.Served => ({
        method: method(contract),
        handle: (payload) => {
          const [number, input] = payload as [number, unknown]
          const instance = attendant.instance(number)
          if (instance === undefined || instance.type !== type.declaration.id) {
            const nothing = nothingLeased(type.declaration.id, number)
            return contract.stream ? Stream.fromEffect(nothing) : nothing
          }
          return CallSpan.serve(contract.id, services, this.call(instance, name, contract, input, attendant))
        }
      }))
    ]
  }

  /** An object lives as long as any of its calls, and a call until its answer has been encoded. */
  private call(
    instance: Instance,
    name: string,
    contract: Contract,
    input: unknown,
    attendant: Attendant
  ): Implementation.Answer {
    const { table } = this
    const answer = instance.behaviour.call(name, input, attendant)
    // It costs no fiber, unless proxies in it have to become tickets.
    if (Exit.isExit(answer) && !answersWithProxies(contract)) return answer
    table.count(instance, "calls")
    const counted = Effect.addFinalizer(() => Effect.sync(() => table.discount(instance, "calls")))
    return Stream.isStream(answer)
      ? Stream.concat(Stream.fromEffectDrain(counted), answer)
      : Effect.andThen(counted, answer)
  }

  private create(
    type: Type,
    input: unknown,
    attendant: Attendant,
    number: number
  ): Effect.Effect<unknown, unknown> {
    if (!attendant.begin(number)) return notFree(type.declaration.id, number)
    const made = this.make(type, input, "leases")
    const finish = (exit: Exit.Exit<Instance, unknown>): Exit.Exit<void, unknown> => {
      const wanted = attendant.finish(number)
      if (Exit.isFailure(exit)) return exit
      if (wanted) attendant.lease(number, exit.value)
      else this.table.discount(exit.value, "leases")
      return Exit.void
    }
    const exit = atOnce(made)
    return exit !== undefined
      ? finish(exit)
      : Effect.uninterruptibleMask((restore) => Effect.flatMap(Effect.exit(restore(made)), finish))
  }

  /** A new object, with one of what it counts. */
  make(type: Type, input: unknown, first: "leases" | "tickets"): Effect.Effect<Instance, unknown> {
    const scope = Scope.makeUnsafe()
    const made = type.make(input, { scope, server: this })
    const add = (behaviour: Behaviour) => this.table.add({ type: type.declaration.id, behaviour, scope }, first)
    const exit = atOnce(made)
    if (exit !== undefined && Exit.isSuccess(exit)) return Exit.succeed(add(exit.value))
    return Effect.uninterruptibleMask((restore) =>
      Effect.map(
        Effect.onExit(restore(made), (exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void),
        add
      )
    )
  }

  // ---------------------------------------------------------------------------------------------- for its objects

  /** A ticket for a new object. */
  createStored(builtIn: BuiltIn, payload: unknown): Effect.Effect<Ref, unknown> {
    return Effect.map(this.make(ofLibrary(builtIn), payload, "leases"), (instance) => {
      const ref = this.refer(instance)
      this.table.discount(instance, "leases")
      return ref
    })
  }

  refer(instance: Instance): Ref {
    const { address, id } = this.options
    return { type: instance.type, manager: id, address: address(), ticket: this.table.issue(instance) }
  }

  get id(): string {
    return this.options.id
  }

  owns(ref: Ref): boolean {
    return ref.manager === this.id
  }

  fn(id: string): Implementation.Implementation | undefined {
    return this.fns.get(id)
  }

  private debugInfo() {
    const holders = new Map<Instance, Record<string, number>>()
    for (const attendant of this.attendants) {
      for (const instance of attendant.leases()) {
        const counts = holders.get(instance) ?? {}
        counts[attendant.name] = (counts[attendant.name] ?? 0) + 1
        holders.set(instance, counts)
      }
    }
    return Array.from(this.table.instances.values(), (instance) => ({
      id: instance.id,
      type: instance.type,
      leases: instance.leases,
      tickets: instance.tickets,
      stored: instance.stored,
      calls: instance.calls,
      holders: holders.get(instance) ?? {},
      summary: instance.behaviour.summary()
    }))
  }
}

const withProxies = new WeakMap<Contract, boolean>()

const answersWithProxies = (contract: Contract): boolean => {
  let known = withProxies.get(contract)
  if (known === undefined) {
    withProxies.set(contract, known = holdsProxies(contract.success) || holdsProxies(contract.error))
  }
  return known
}

/** What needs no fiber, as what it is. */
const atOnce = <A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> | undefined =>
  Exit.isExit(effect) ? effect as Exit.Exit<A, E> : undefined

const nothingLeased = (type: string, number: number): Effect.Effect<never, RemoteError> =>
  Effect.fail(gone({ type }, `nothing is leased to this client as ${number}`))

const notFree = (type: string, number: number): Effect.Effect<never, RemoteError> =>
  Effect.fail(gone({ type }, `this client has used ${number} already, or is gone`))

const ofUser = ({ construct, declaration, services }: Implementation.ObjectImplementation): Type => ({
  declaration,
  services,
  make: (payload, { scope }) =>
    Effect.map(Scope.provide(construct(payload), scope), (call) => ({ call, summary: nothingToSay }))
})

const nothingToSay = (): string => ""

const ofLibrary = ({ declaration, make }: BuiltIn): Type => ({
  declaration,
  services: undefined,
  make: (payload, own) => make(payload, Place.make(own))
})

/** Builds a module's Layer, which may use the manager that it is for, and serves its objects. */
export const make = Effect.fnUntraced(function*<E, R>(
  options: Options,
  layer: Layer.Layer<never, E, R>
): Effect.fn.Return<Server, E, R | Scope.Scope> {
  // The objects end before what they were made with.
  const context = yield* Layer.build(layer)
  const table = yield* ObjectTable.make(options.ticketExpiry)
  const services = Context.merge(yield* Effect.context<never>(), context)
  return new Server(options, table, Implementation.find(context as Context.Context<never>), services)
})
