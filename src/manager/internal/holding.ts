/** What a client has of an object under a number of its own, from the question to the end. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { contracts } from "../../remote/internal/control.ts"
import * as Proxies from "../../remote/internal/proxies.ts"
import { RemoteError } from "../../wire/RemoteError.ts"

export interface Holding<A> {
  readonly answer: A
  readonly number: number
  readonly release: () => void
  /** never ends well: fails when the session has ended, and so nothing is held any more */
  readonly lost: Effect.Effect<never, RemoteError>
}

/** The answer to a wait that took as long as it may, in milliseconds; without it, as long as it takes. */
export const Timeout = Schema.optionalKey(Schema.Number)

/** As `Timeout` travels. */
export const within = (timeout: Duration.Input | undefined): { readonly timeout?: number } => {
  if (timeout === undefined) return {}
  const millis = Duration.toMillis(timeout)
  return millis === Number.POSITIVE_INFINITY ? {} : { timeout: Math.max(0, millis) }
}

/** As `Timeout` travels where nothing said is not as long as it takes. */
export const exactly = (timeout: Duration.Input | undefined): { readonly timeout?: number } =>
  timeout === undefined ? {} : { timeout: Math.max(0, Duration.toMillis(timeout)) }

/** as `Effect.uninterruptibleMask` gives it to those who wait */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Asks for something that is held under a number until that is released. Where nobody hears the answer it is released at
 * once: an interruption has been answered by then, so that nothing crosses it any more. To be called uninterruptibly.
 */
export const hold = <A, E, R>(
  proxy: object,
  restore: Restore,
  ask: (number: number) => Effect.Effect<A, E, R>,
  undo: (at: Proxies.ManagerSession, number: number) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<Holding<A>, E | RemoteError, R> =>
  Effect.flatMap(Proxies.living(proxy), ({ at }) => {
    const { session } = at
    const number = at.number()
    const release = () => session.release(number)
    const lost = Effect.flatMap(session.closed, (reason) => Effect.fail(new RemoteError({ reason })))
    return restore(ask(number)).pipe(
      Effect.onError(() => Effect.andThen(undo(at, number), Effect.sync(release))),
      Effect.map((answer) => ({ answer, number, release, lost }))
    )
  })

/**
 * Asks for something that is for good once it has been heard of. Where nobody hears the answer, the manager has it again.
 * To be called uninterruptibly.
 */
export const claim = <A, E, R>(
  proxy: object,
  restore: Restore,
  ask: (number: number) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | RemoteError, R> =>
  Effect.map(
    hold(proxy, restore, ask, ({ session }, number) =>
      Effect.ignore(session.call(contracts.abandon.method, number) as Effect.Effect<unknown, unknown>)),
    ({ answer, release }) => {
      release()
      return answer
    }
  )
