/** Proxies of conditions. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Leases } from "../../remote/internal/leases.ts"
import { ManagerError } from "../../remote/ManagerError.ts"
import * as Remote from "../../remote/Remote.ts"
import type { RemoteCondition } from "../RemoteCondition.ts"
import { SyncError } from "../SyncError.ts"
import * as Acquire from "./acquire.ts"
import { Stored } from "./builtIn.ts"
import * as Holding from "./holding.ts"
import type { Lock, RLock } from "./lock.ts"
import { mutexMethods } from "./lockContract.ts"
import * as Owners from "./owners.ts"

/** One lock for several conditions; the condition keeps it. */
export const Shared = Schema.Struct({ identity: Schema.String, stored: Stored })

export const Sleep = Schema.Struct({
  /** under which the client has its wait, until it has heard how that ended */
  number: Schema.Int,
  owners: Schema.Array(Schema.String),
  timeout: Holding.Timeout
})

export type Sleep = typeof Sleep.Type

export const Wake = Schema.Struct({
  owners: Schema.Array(Schema.String),
  /** no more than so many */
  count: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
})

export type Wake = typeof Wake.Type

const wait = (condition: Condition, timeout: Duration.Input | undefined) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Owners.current, (owners) =>
      Effect.map(
        Holding.hold(
          condition,
          restore,
          (number) => condition.sleep({ number, owners, ...Holding.within(timeout) }),
          (_, number) => Effect.ignore(condition.regain({ number }))
        ),
        ({ answer, release }) => {
          release()
          return answer
        }
      ))
  )

const waitFor = <E, R>(
  condition: Condition,
  predicate: Effect.Effect<boolean, E, R>,
  timeout: Duration.Input | undefined
) =>
  Effect.suspend(() => {
    const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + Duration.toMillis(timeout)
    return Effect.gen(function*() {
      while (!(yield* predicate)) {
        const left = end - performance.now()
        if (left <= 0) return false
        yield* wait(condition, left)
      }
      return true
    })
  })

const notify = (condition: Condition, count: { readonly count?: number }) =>
  Effect.flatMap(Owners.current, (owners) => condition.wake({ owners, ...count }))

export class Condition extends Remote.Object<Condition>()("effect-multiprocessing/Condition", {
  payload: { lock: Schema.optionalKey(Shared) },
  error: ManagerError,
  methods: {
    ...mutexMethods,
    sleep: { payload: Sleep, success: Schema.Boolean, error: SyncError },
    /** the lock again, for a wait whose end its client has not heard of */
    regain: { payload: { number: Schema.Int } },
    wake: { payload: Wake, success: Schema.Int, error: SyncError }
  }
}) implements RemoteCondition {
  get acquire() {
    return Acquire.acquire(this)
  }
  get tryAcquire() {
    return (timeout: Duration.Input = 0) => Acquire.tryAcquire(this, timeout)
  }
  get withLock() {
    return Acquire.withLock(this)
  }
  get isLocked() {
    return this.locked()
  }
  get wait() {
    return (timeout?: Duration.Input) => wait(this, timeout)
  }
  get waitFor() {
    return <E, R>(predicate: Effect.Effect<boolean, E, R>, timeout?: Duration.Input) =>
      waitFor(this, predicate, timeout)
  }
  get notify() {
    return (count = 1) => notify(this, { count })
  }
  get notifyAll() {
    return notify(this, {})
  }
}

export const make = (lock: Lock | RLock | undefined) =>
  lock === undefined ? Condition.create() : Effect.gen(function*() {
    const identity = yield* lock.identity()
    const ref = yield* Effect.flatMap(Leases, ({ give }) => give(lock))
    return yield* Condition.create({ lock: { identity, stored: { bytes: new Uint8Array(), proxies: [ref] } } })
  })
