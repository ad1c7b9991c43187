/**
 * Processes in which objects live that many others use.
 *
 * A manager runs the implementations of `Remote.Object` classes, and has objects of its own kinds that every program
 * needs: lists, maps, queues, locks and the like. Its clients hold proxies, which are leases: what a client has not
 * given back when it ends, in whatever way it does, is given back for it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as Address from "../connection/Address.ts"
import type { ConnectOptions as ConnectionOptions } from "../connection/Connection.ts"
import { ConnectionError } from "../connection/ConnectionError.ts"
import { type HostOptions, resolve } from "../process/internal/options.ts"
import type { ProcessError } from "../process/ProcessError.ts"
import * as Spawner from "../process/Spawner.ts"
import * as Contract from "../remote/internal/contract.ts"
import * as Control from "../remote/internal/control.ts"
import * as Implementation from "../remote/internal/implementation.ts"
import * as Line from "../remote/internal/line.ts"
import * as Managers from "../remote/internal/managers.ts"
import { Manager } from "../remote/internal/object.ts"
import type { ManagerSession } from "../remote/internal/proxies.ts"
import * as Settings from "../remote/internal/settings.ts"
import { InvalidOption, ManagerError, NotOwner } from "../remote/ManagerError.ts"
import * as Remote from "../remote/Remote.ts"
import * as RemoteClient from "../remote/RemoteClient.ts"
import type { AuthKey } from "../wire/AuthKey.ts"
import * as CurrentProcess from "../wire/internal/currentProcess.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import * as ChildHost from "./internal/childHost.ts"
import * as Client from "./internal/client.ts"
import * as Hosted from "./internal/hosted.ts"
import * as Listening from "./internal/listening.ts"

export { Manager } from "../remote/internal/object.ts"
export type { ListenOptions } from "./internal/listening.ts"

// -----------------------------------------------------------------------------
// In a process of its own
// -----------------------------------------------------------------------------

/**
 * What a manager's module must export: a Layer that needs nothing, or the manager that it is for.
 *
 * **Example** (The end of an implementation's file)
 *
 * ```ts
 * export default layer satisfies Manager.Module
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Module = Layer.Layer<never, any, Manager>

/**
 * What has to be done in a manager before anybody else can reach it: a function that its module implements, called once.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Initializer<F extends Remote.AnyFn> {
  readonly fn: F
  readonly payload: F["payload"]["~type.make.in"]
}

/**
 * How a manager is started in a process of its own: where it can be reached, how its child is started and ended, and
 * what it runs.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options<F extends Remote.AnyFn = never>
  extends Omit<Listening.ListenOptions, "closeTimeout">, HostOptions
{
  /** whose default export implements the objects, or a `Remote.module`; default none: only objects of this library */
  readonly module?: URL | Remote.ModuleRef<any> | undefined
  /** called in the manager before it can be reached; it has the time that its declaration gives it, `timeout` */
  readonly initialize?: Initializer<F> | undefined
  /** how long a proxy in a message waits for its receiver; then it is gone. Infinite: for ever. Default 1 minute */
  readonly ticketTimeout?: Duration.Input | undefined
}

const defaultTicketTimeout = 60_000

/** The module of a manager that has none of its own. */
const emptyModule = new URL(`./internal/empty${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url)

/**
 * Starts a manager in a process of its own, for as long as the Scope is open.
 *
 * **When to use**
 *
 * For what several processes share, as CPython's `SyncManager`. The processes that this one starts can use it as they
 * are, since they share its key.
 *
 * **Details**
 *
 * The Layer is there when the module's Layer has been built, the initializer has run, and the address can be reached.
 * Its process leads a group of its own and ignores SIGINT, so that Ctrl-C does not end it before its clients.
 *
 * When the Scope closes, or by `shutdown`, the manager is asked to end: its clients are told, what runs is interrupted,
 * its objects end, then its Layer. After `closeTimeout` (5 seconds) it gets SIGTERM, after `killTimeout` (2 more) SIGKILL.
 * Its address can be used again at once.
 *
 * If it dies, calls of its objects fail with `ProcessExited` here and with `Disconnected` at other clients. It is not
 * started again: what was in it is lost.
 *
 * Fails with a `ProcessError` if it cannot be started, with a `ConnectionError` if it cannot listen, and with what the
 * initializer fails with.
 *
 * **Example** (A counter that several processes count with)
 *
 * ```ts
 * const Counters = Manager.layer({ module: new URL("./counter.live.ts", import.meta.url) })
 *
 * const program = Effect.gen(function*() {
 *   const counter = yield* Counter.create({ initial: 0 })
 *   yield* (yield* Worker).countWith({ counter })
 *   return yield* counter.get()
 * })
 *
 * program.pipe(Effect.scoped, Effect.provide(Counters), Effect.provide(ProcessLayer.spawn))
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer = <F extends Remote.AnyFn = never>(
  options: Options<F> = {}
): Layer.Layer<
  Manager,
  ProcessError | ConnectionError | ManagerError | RemoteError | ([F] extends [never] ? never : F["error"]["Type"]),
  Spawner.Spawner | ([F] extends [never] ? never : Remote.FnServices<F>)
> => Layer.effect(Manager, start(options) as Effect.Effect<Manager["Service"], any, any>)

const start = Effect.fnUntraced(function*(options: Options<any>) {
  const spawner = yield* Spawner.Spawner
  const { initialize, module = emptyModule, ticketTimeout, ...others } = options
  const millis = yield* positive("ticketTimeout", ticketTimeout)
  const resolved = yield* resolve(options)
  yield* Settings.check(others)
  const fn = initialize === undefined ? undefined : Implementation.declarationOf(initialize.fn)
  const child = yield* spawner.start(
    {
      module: Remote.moduleRef(module),
      mode: "serve",
      host: {
        path: ChildHost.path,
        options: { ticketTimeout: Number.isFinite(millis) ? millis : undefined } satisfies ChildHost.Options
      },
      label: "Manager",
      wants: fn === undefined ? [] : [fn]
    },
    resolved
  )
  const { session } = child
  if (initialize !== undefined) {
    const contract = fn!.contracts[fn!.id]!
    const { method, timeout } = contract
    const payload = yield* Contract.constructForWire(contract)(initialize.payload)
    yield* session.call(method, payload, timeout === undefined ? undefined : { timeout })
  }
  const listened = yield* session.call(ChildHost.listen.method, ChildHost.toListen(others)).pipe(
    Effect.mapError((error) => error as ConnectionError["reason"] | RemoteError),
    Effect.mapError((error) => error._tag === "RemoteError" ? error : new ConnectionError({ reason: error }))
  ) as Effect.Effect<string, ConnectionError | RemoteError>
  const address = yield* Effect.fromResult(Address.fromInput(listened))
  const at = yield* Managers.identified(session, listened)
  return yield* Client.make({
    id: at.manager,
    name: `${child.name} (pid ${child.pid})`,
    address: () => address,
    reach: Effect.succeed(at),
    shutdown: child.stop
  })
})

// -----------------------------------------------------------------------------
// In this process
// -----------------------------------------------------------------------------

/**
 * How a manager is served by this process.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ServeOptions<E, R> extends Listening.ListenOptions {
  /** implements the objects; it may use the manager that it is for. Default: only objects of this library */
  readonly layer?: Layer.Layer<never, E, R> | undefined
  /** `false`: only this process can use it. Default `true` */
  readonly listen?: boolean | undefined
  /** how long a proxy in a message waits for its receiver; then it is gone. Infinite: for ever. Default 1 minute */
  readonly ticketTimeout?: Duration.Input | undefined
}

/**
 * Serves a manager in this process, for as long as the Scope is open.
 *
 * **When to use**
 *
 * In a program that is nothing but a server of objects; or for tests, with `listen: false`.
 *
 * **Details**
 *
 * This process uses it without a socket, and otherwise as any client does: values are copied, proxies are leases.
 *
 * When the Scope closes, or by `shutdown`, clients are told, what runs for them is interrupted, objects end, then the
 * Layer. An object of it may call `shutdown` too: its call is interrupted.
 *
 * Fails with a `ConnectionError` if it cannot listen, and with a `ManagerError` (`InvalidOption`) if two declarations of
 * the Layer have the same id.
 *
 * **Example** (A server of counters)
 *
 * ```ts
 * const Counters = Manager.serve({ layer: CounterLive, address: "/run/counters.sock", authKey })
 *
 * Layer.launch(Counters).pipe(NodeRuntime.runMain)
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const serve = <E = never, R = never>(
  options: ServeOptions<E, R> = {}
): Layer.Layer<Manager, E | ConnectionError | ManagerError, Exclude<R, Manager>> =>
  Layer.effect(Manager, serveHere(options))

const serveHere = Effect.fnUntraced(function*<E, R>(
  options: ServeOptions<E, R>
): Effect.fn.Return<
  Manager["Service"],
  E | ConnectionError | ManagerError,
  Exclude<R, Manager> | Scope.Scope
> {
  const { layer = Layer.empty, listen = true, ticketTimeout: timeout, ...others } = options
  const ticketTimeout = yield* positive("ticketTimeout", timeout)
  const own = yield* Scope.make()
  // In a fiber of its own: an object of this manager may ask for it, and is then interrupted by it.
  const ending = yield* Effect.cached(Effect.forkDetach(Effect.uninterruptible(Scope.close(own, Exit.void))))
  const end = Effect.flatMap(Effect.uninterruptible(ending), Fiber.join)
  yield* Effect.addFinalizer(() => end)
  const id = randomUUID()
  let address: Address.Address | undefined
  const { manager, server } = yield* Scope.provide(
    Hosted.make<E, R>({
      id,
      name: `the manager of process ${process.pid}`,
      address: () => address,
      ticketTimeout,
      shutdown: end
    }, layer as Layer.Layer<never, E, R>),
    own
  )
  const [duplicate] = server.duplicates
  if (duplicate !== undefined) {
    return yield* Effect.fail(invalid("layer", `two declarations have the id "${duplicate}"`))
  }
  if (listen) address = (yield* Scope.provide(Listening.open(server, id, others), own)).address
  return manager
})

// -----------------------------------------------------------------------------
// Elsewhere
// -----------------------------------------------------------------------------

/**
 * How a manager is reached that somebody else has started. What is not said here is as for `Connection.connect`.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface ConnectOptions extends
  Omit<ConnectionOptions, "authKey">,
  Pick<
    RemoteClient.Options<[]>,
    "limit" | "retry" | "waitTimeout" | "interruptTimeout" | "pingInterval"
  >
{
  readonly address: Address.Input
  /** default the key of this process, which its descendants share */
  readonly authKey?: AuthKey | "none" | undefined
  /**
   * when to try again after a connection was lost; the first try is at once. `false`: never. Default
   * `RemoteClient.reconnection`, which has no end
   */
  readonly reconnect?: Schedule.Schedule<unknown, ConnectionError> | false | undefined
}

/**
 * Connects to a manager at an address, for as long as the Scope is open.
 *
 * **Details**
 *
 * With the connection end the leases that were made over it: when it is lost, its proxies fail with `Disconnected` and
 * then with `ObjectGone`. New objects are created over the next connection; the one of a manager that has been started
 * again has none of the old.
 *
 * Fails with a `ConnectionError`: with `NotServed` if there is no manager at the address.
 *
 * **Example** (A client of the counters)
 *
 * ```ts
 * const Counters = Manager.connect({ address: "/run/counters.sock", authKey })
 *
 * Effect.scoped(Counter.create({ initial: 0 })).pipe(Effect.provide(Counters))
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const connect = (options: ConnectOptions): Layer.Layer<Manager, ConnectionError | RemoteError> =>
  Layer.effect(Manager, connectTo(options))

const connectTo = Effect.fnUntraced(function*(options: ConnectOptions): Effect.fn.Return<
  Manager["Service"],
  ConnectionError | RemoteError,
  Scope.Scope
> {
  const { authKey = CurrentProcess.get().authKey, reconnect = RemoteClient.reconnection } = options
  const address = yield* Effect.fromResult(Address.fromInput(options.address))
  const name = Address.format(address)
  const line = yield* Line.make(
    {
      ...options,
      authKey,
      address,
      reconnect: reconnect === false ? undefined : reconnect
    },
    [Control.declaration],
    []
  )
  const scope = yield* Effect.scope
  let current: ManagerSession | undefined
  const reach: Managers.Reach = Effect.gen(function*() {
    const { session } = yield* line.pick(Control.declaration.id, undefined)
    if (current?.session === session) return current
    const at = yield* Managers.identified(session, name)
    // Messages name the new start of a manager; the first is registered by who is made of it.
    if (current !== undefined && at.manager !== current.manager) {
      yield* Scope.provide(Managers.register(at.manager, reach), scope)
    }
    return current = at
  })
  return yield* Client.make({
    id: (yield* reach).manager,
    name: `the manager at ${name}`,
    address: () => address,
    reach,
    shutdown: Effect.fail(new ManagerError({ reason: new NotOwner({ manager: name }) }))
  })
})

// -----------------------------------------------------------------------------
// Credentials
// -----------------------------------------------------------------------------

/**
 * How to show oneself to the manager at an address.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Credential extends Omit<ConnectionOptions, "retry"> {
  readonly address: Address.Input
}

/**
 * Says which key opens which address, for proxies that arrive from managers that this process is not connected to.
 *
 * **When to use**
 *
 * Where proxies of managers with other keys, or behind TLS, come in messages. Without it an address is tried with the key
 * of this process, which is right for all managers of its parents, children and siblings.
 *
 * **Details**
 *
 * Provide it to what receives: the program that calls, or the Layer that a host builds. Containers of a manager, which
 * receive what is stored in them, have those that its module gives: merge it with the module's Layer. Addresses are
 * compared as they are written in proxies, which is as their sender reaches them. Keys never travel.
 *
 * **Example** (A manager of another program)
 *
 * ```ts
 * const Credentials = Manager.credentials([{ address: "unix:/run/counters.sock", authKey: countersKey }])
 *
 * program.pipe(Effect.provide(Credentials))
 * ```
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const credentials = (list: ReadonlyArray<Credential>): Layer.Layer<never, ConnectionError> =>
  Layer.unwrap(Effect.map(
    Effect.forEach(
      list,
      (credential) =>
        Effect.map(
          Effect.fromResult(Address.fromInput(credential.address)),
          (address) => [Address.format(address), credential] as const
        )
    ),
    (pairs) => {
      const byAddress = new Map<string, Credential>(pairs)
      return Layer.succeed(Managers.Credentials, {
        find: (address) => byAddress.get(Address.format(address)) ?? { authKey: CurrentProcess.get().authKey }
      })
    }
  ))

/** Milliseconds, also where the types were bypassed. */
const positive = (
  option: string,
  duration: Duration.Input = defaultTicketTimeout
): Effect.Effect<number, ManagerError> => {
  const millis = Option.map(Duration.fromInput(duration), Duration.toMillis)
  return Option.isSome(millis) && millis.value > 0
    ? Effect.succeed(millis.value)
    : Effect.fail(invalid(option, `${String(duration)} is no positive duration`))
}

const invalid = (option: string, detail: string): ManagerError =>
  new ManagerError({ reason: new InvalidOption({ option, detail }) })
