/** A manager as its clients see it, wherever it is. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Address from "../../connection/Address.ts"
import { contracts } from "../../remote/internal/control.ts"
import * as DeclareObject from "../../remote/internal/declareObject.ts"
import * as Managers from "../../remote/internal/managers.ts"
import type { Manager } from "../../remote/internal/object.ts"
import type { ManagerSession } from "../../remote/internal/proxies.ts"
import { ManagerClosed, ManagerError } from "../../remote/ManagerError.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"

export interface Options {
  /** new for every start of the manager */
  readonly id: string
  /** how errors name it */
  readonly name: string
  readonly address: () => Address.Address | undefined
  /** the session that is asked now */
  readonly reach: Effect.Effect<ManagerSession, RemoteError>
  /** ends it; once, and never failing */
  readonly shutdown: Effect.Effect<void, ManagerError>
}

/** The service, for as long as the Scope is open. Messages that name the manager find it by the same session. */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  Manager["Service"],
  never,
  Scope.Scope
> {
  const { address, id, name } = options
  let closed = false
  const close = Effect.sync(() => {
    closed = true
  })
  const reach = Effect.suspend((): Effect.Effect<ManagerSession, ManagerError | RemoteError> =>
    closed ? Effect.fail(new ManagerError({ reason: new ManagerClosed({ manager: name }) })) : options.reach
  )
  yield* Managers.register(id, options.reach)
  yield* Effect.addFinalizer(() => close)
  const ask = <A>({ method }: { readonly method: Parameters<ManagerSession["session"]["call"]>[0] }) =>
    Effect.flatMap(reach, ({ session }) => session.call(method, undefined) as Effect.Effect<A, RemoteError>)
  return {
    id,
    get address() {
      return address()
    },
    create: (object, ...[payload]: ReadonlyArray<any>) =>
      Effect.flatMap(reach, (at) => DeclareObject.create(at, object, name, payload)) as any,
    numberOfObjects: ask(contracts.numberOfObjects),
    debugInfo: ask(contracts.debugInfo),
    describe: ask(contracts.describe),
    shutdown: Effect.andThen(close, options.shutdown)
  }
})
