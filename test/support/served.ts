/** Servers and clients of test/fixtures/served. */
import * as Address from "effect-multiprocessing/Address"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import type { ConnectionError, ConnectionErrorReason } from "effect-multiprocessing/ConnectionError"
import * as RemoteClient from "effect-multiprocessing/RemoteClient"
import { RemoteError, type RemoteErrorReason } from "effect-multiprocessing/RemoteError"
import * as RemoteServer from "effect-multiprocessing/RemoteServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { square, squares, Work } from "../fixtures/served/contract.ts"
import live from "../fixtures/served/live.ts"
import { ca, certificate } from "./certificates.ts"
import { startIn } from "./owned.ts"

export const hex = "5a".repeat(32)
export const key = Result.getOrThrow(AuthKey.fromHex(hex))

export const kinds = ["unix", "tcp", "tls"] as const
export type Kind = typeof kinds[number]

const listens = (kind: Kind) =>
  kind === "unix" ? {} : kind === "tcp" ? { address: Address.tcp(0) } : {
    address: Address.tcp(0),
    tls: certificate("listener")
  }

const dials = (kind: Kind) => kind === "tls" ? { tls: { ca } } : {}

const services = [Work, square, squares] as const

/** The implementations, once for all the servers of a test: what they count survives a server. */
export const implementations = Layer.build(live)

type Implementations = Effect.Success<typeof implementations>

/** A server that may be closed before the test ends, and whom it has refused. */
export const server = Effect.fnUntraced(function*(
  kind: Kind = "unix",
  options: Partial<RemoteServer.Options<typeof services>> = {},
  given?: Implementations
) {
  const context = given ?? (yield* implementations)
  const refused: Array<ConnectionErrorReason> = []
  const own = yield* Scope.fork(yield* Effect.scope)
  const made = yield* RemoteServer.make({
    ...listens(kind),
    authKey: key,
    services,
    onRefused: ({ reason }) => Effect.sync(() => void refused.push(reason)),
    ...options
  }).pipe(Effect.provideContext(Context.add(context, Scope.Scope, own)))
  return { ...made, kind, refused, close: Scope.close(own, Exit.void) }
})

/** A server in a process of its own. */
export const serverProcess = Effect.fnUntraced(function*(
  options: Omit<Partial<RemoteServer.Options<typeof services>>, "authKey" | "services"> = {}
) {
  const program = yield* startIn("served", "server", JSON.stringify({ hex, ...options }))
  const { address, epoch } = JSON.parse(yield* program.line) as {
    readonly address: Address.Address
    readonly epoch: string
  }
  return { ...program, address, epoch }
})

/** A client in a process of its own, which has made so many calls that never end. */
export const clientProcess = (address: Address.Address, calls: number) =>
  Effect.tap(startIn("served", "client", JSON.stringify({ hex, address, calls })), ({ line }) => line)

/** A client that may be closed before the test ends. */
export const client = Effect.fnUntraced(function*(
  { address, kind = "unix" }: { readonly address: Address.Address; readonly kind?: Kind },
  options: Partial<RemoteClient.Options<typeof services>> = {}
) {
  const own = yield* Scope.fork(yield* Effect.scope)
  const made = yield* Scope.provide(
    RemoteClient.make({ ...dials(kind), address, authKey: key, services, ...options }),
    own
  )
  const work = Context.get(made.context, Work)
  return {
    ...made,
    work,
    close: Scope.close(own, Exit.void),
    /** runs what calls functions */
    run: <A, E>(effect: Effect.Effect<A, E, typeof made.context extends Context.Context<infer P> ? P : never>) =>
      Effect.provideContext(effect, made.context)
  }
})

/** Why a call was not answered. */
export const reasonOf = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<RemoteErrorReason, A, R> =>
  Effect.flatMap(
    Effect.flip(call),
    (error) => error instanceof RemoteError ? Effect.succeed(error.reason) : Effect.die(error)
  )

/** Why there is no connection. */
export const refusal = <A, R>(
  effect: Effect.Effect<A, ConnectionError, R>
): Effect.Effect<ConnectionErrorReason, A, R> => Effect.map(Effect.flip(effect), ({ reason }) => reason)
