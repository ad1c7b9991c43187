/** A child that is a manager: it serves its parent over the inherited socket, and others at an address. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as Address from "../../connection/Address.ts"
import { ConnectionErrorReason } from "../../connection/ConnectionError.ts"
import { type Host, Refused } from "../../process/internal/host.ts"
import * as Contract from "../../remote/internal/contract.ts"
import { served } from "../../remote/internal/served.ts"
import { ManagerError, NotOwner } from "../../remote/ManagerError.ts"
import type { AuthKey } from "../../wire/AuthKey.ts"
import * as AuthKeys from "../../wire/internal/authKey.ts"
import * as CurrentProcess from "../../wire/internal/currentProcess.ts"
import * as Hosted from "./hosted.ts"
import * as Listening from "./listening.ts"

/** Where it is found, for a `Work`. */
export const path = "manager/internal/childHost"

export interface Options {
  /** milliseconds; absent: none */
  readonly ticketTimeout: number | undefined
}

/** Asked by the parent alone, once what must be there before others come is there. */
export const listen = Contract.make("effect-multiprocessing/Manager/listen", {
  payload: Schema.Struct({
    authKey: Schema.UndefinedOr(Schema.Union([Schema.Uint8Array, Schema.Literal("none")])),
    /** the others of `ListenOptions`, as plain data */
    others: Schema.Unknown
  }),
  success: Schema.String,
  error: ConnectionErrorReason,
  quiet: true
})

/** Options as they travel, to a child that shares the key anyway. */
export const toListen = (
  { address, authKey, closeTimeout, pingInterval, timeout, ...others }: Listening.ListenOptions
) => {
  const millis = (duration: Duration.Input | undefined) =>
    duration === undefined ? undefined : Duration.toMillis(duration)
  return {
    authKey: keyToBytes(authKey),
    others: {
      ...others,
      address: address === undefined || typeof address === "string" ? address : Address.format(address),
      closeTimeout: millis(closeTimeout),
      pingInterval: millis(pingInterval),
      timeout: millis(timeout)
    }
  }
}

const keyToBytes = (key: AuthKey | "none" | undefined) =>
  key === undefined || key === "none" ? key : AuthKeys.unsafeBytes(key)

export const host: Host = Effect.fnUntraced(function*(layer, { host, wants }) {
  // Ctrl-C in a terminal is for the program, whose Scope ends its manager after those that use it.
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGINT", ignore)),
    () => Effect.sync(() => process.removeListener("SIGINT", ignore))
  )
  const scope = yield* Effect.scope
  const id = randomUUID()
  const { name, parent } = CurrentProcess.get()
  let address: Address.Address | undefined
  const { server } = yield* Hosted.make({
    id,
    name,
    address: () => address,
    ticketTimeout: (host!.options as Options).ticketTimeout ?? Number.POSITIVE_INFINITY,
    shutdown: Effect.fail(new ManagerError({ reason: new NotOwner({ manager: name }) }))
  }, layer)
  const [duplicate] = server.duplicates
  if (duplicate !== undefined) return yield* Effect.fail(new Refused({ _tag: "DuplicateId", id: duplicate }))
  const missing = wants.filter((id) => server.fn(id) === undefined)
  if (missing.length > 0) return yield* Effect.fail(new Refused({ _tag: "NotImplemented", missing }))
  const { onRelease, serve } = server.attend(`${parent!.name} (pid ${parent!.pid}), its parent`)
  const opened = Effect.fnUntraced(function*({ authKey, others }: {
    readonly authKey: Uint8Array | "none" | undefined
    readonly others: Listening.ListenOptions
  }) {
    const key = authKey === undefined || authKey === "none" ? authKey : AuthKeys.make(authKey)
    const serving = yield* Listening.open(server, id, { ...others, authKey: key })
    address = serving.address
    return Address.format(address)
  })
  return {
    serve: [
      ...serve,
      {
        method: listen.method,
        handle: (payload: any) => Effect.mapError(Scope.provide(opened(payload), scope), ({ reason }) => reason)
      },
      ...wants.flatMap((id) => served(server.fn(id)!))
    ],
    onRelease,
    context: Context.empty()
  }
})

const ignore = (): void => {}
