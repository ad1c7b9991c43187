/** Proxies of semaphores. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Remote from "../../remote/Remote.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { RemoteBoundedSemaphore } from "../RemoteBoundedSemaphore.ts"
import type { Patience, RemoteSemaphore } from "../RemoteSemaphore.ts"
import { SyncError } from "../SyncError.ts"
import * as Holding from "./holding.ts"

const Permits = Schema.Int.check(Schema.isGreaterThan(0))

export const Obtain = Schema.Struct({
  /** under which the client will have them */
  number: Schema.Int,
  permits: Permits,
  timeout: Holding.Timeout,
  /** for good, once the client has heard of it */
  taken: Schema.optionalKey(Schema.Boolean)
})

export type Obtain = typeof Obtain.Type

const obtain = { payload: Obtain, success: Schema.Boolean } as const
const giveBack = { payload: { permits: Permits } } as const
const count = { success: Schema.Int } as const
const payload = { permits: Schema.Int } as const

interface Obtainable<E> {
  readonly obtain: (payload: Obtain) => Effect.Effect<boolean, E | RemoteError>
}

const ask = <E>(semaphore: Obtainable<E>, permits: number, options: Omit<Obtain, "number" | "permits"> = {}) =>
(
  number: number
) => semaphore.obtain({ number, permits, ...options })

const tryAcquire = <E>(
  semaphore: Obtainable<E>,
  permits: number,
  patience: Patience
): Effect.Effect<boolean, E | RemoteError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (scope) =>
      Effect.flatMap(
        Holding.hold(semaphore, restore, ask(semaphore, permits, Holding.within(patience.timeout))),
        ({ answer, release }) =>
          answer ? Effect.as(Scope.addFinalizer(scope, Effect.sync(release)), true) : Effect.succeed(false)
      ))
  )

const patient: Patience = { timeout: Infinity }

const withPermits =
  <Error>(semaphore: Obtainable<Error>, permits: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Error | RemoteError, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Holding.hold(semaphore, restore, ask(semaphore, permits)),
        ({ lost, release }) => Effect.ensuring(restore(Effect.raceFirst(effect, lost)), Effect.sync(release))
      )
    )

const tryTake = <E>(
  semaphore: Obtainable<E>,
  permits: number,
  patience: Patience
): Effect.Effect<boolean, E | RemoteError> =>
  Effect.uninterruptibleMask((restore) =>
    Holding.claim(semaphore, restore, ask(semaphore, permits, { ...Holding.within(patience.timeout), taken: true }))
  )

const atOnce: Patience = { timeout: 0 }

export class Semaphore extends Remote.Object<Semaphore>()("effect-multiprocessing/Semaphore", {
  payload,
  methods: { obtain, giveBack, count }
}) implements RemoteSemaphore {
  get acquire() {
    return (permits = 1) => Effect.asVoid(tryAcquire(this, permits, patient))
  }
  get tryAcquire() {
    return (permits = 1, patience = atOnce) => tryAcquire(this, permits, patience)
  }
  get withPermits() {
    return (permits: number) => withPermits(this, permits)
  }
  get withPermit() {
    return withPermits(this, 1)
  }
  get take() {
    return (permits = 1) => Effect.asVoid(tryTake(this, permits, patient))
  }
  get tryTake() {
    return (permits = 1, patience = atOnce) => tryTake(this, permits, patience)
  }
  get release() {
    return (permits = 1) => this.giveBack({ permits })
  }
  get available() {
    return this.count()
  }
}

export class BoundedSemaphore extends Remote.Object<BoundedSemaphore>()("effect-multiprocessing/BoundedSemaphore", {
  payload,
  methods: { obtain: { ...obtain, error: SyncError }, giveBack: { ...giveBack, error: SyncError }, count }
}) implements RemoteBoundedSemaphore {
  get acquire() {
    return (permits = 1) => Effect.asVoid(tryAcquire(this, permits, patient))
  }
  get tryAcquire() {
    return (permits = 1, patience = atOnce) => tryAcquire(this, permits, patience)
  }
  get withPermits() {
    return (permits: number) => withPermits(this, permits)
  }
  get withPermit() {
    return withPermits(this, 1)
  }
  get take() {
    return (permits = 1) => Effect.asVoid(tryTake(this, permits, patient))
  }
  get tryTake() {
    return (permits = 1, patience = atOnce) => tryTake(this, permits, patience)
  }
  get release() {
    return (permits = 1) => this.giveBack({ permits })
  }
  get available() {
    return this.count()
  }
}
