/** One call of a crew: who answers it, how long it may take, and whether another is asked when that one dies. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Contract } from "../../remote/internal/contract.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import { CallTimeout, RemoteError } from "../../wire/RemoteError.ts"
import type { Crew, Member } from "./crew.ts"

type Key = string | number | undefined

/** A call that kills whoever runs it must not go on to kill them all. */
const mostMoves = 2

export const call = (
  crew: Crew,
  contract: Contract,
  payload: unknown,
  key: Key
): Effect.Effect<unknown, unknown, any> => {
  const { idempotent, method, timeout } = contract
  if (timeout === undefined && !idempotent) {
    return Effect.flatMap(crew.pick(method.id, key), (member) => member.call(method, payload))
  }
  return Effect.suspend(() => {
    const dispatch = new Dispatch(crew, contract, key)
    const attempt = Effect.flatMap(dispatch.pick, (member) => member.call(method, payload, dispatch.limit))
    const called: typeof attempt = idempotent
      ? Effect.catchIf(attempt, (error) => dispatch.mayMove(error), () => called)
      : attempt
    return called
  })
}

export const stream = (
  crew: Crew,
  contract: Contract,
  payload: unknown,
  key: Key
): Stream.Stream<unknown, unknown, any> => {
  const { idempotent, method } = contract
  return Stream.suspend(() => {
    const dispatch = new Dispatch(crew, contract, key)
    const attempt = Stream.unwrap(
      Effect.map(dispatch.pick, (member) => member.stream(method, payload, dispatch.limit))
    )
    if (!idempotent) return attempt
    let begun = false
    const noted = Stream.onFirst(attempt, () =>
      Effect.sync(() => {
        begun = true
      }))
    const streamed: typeof attempt = Stream.catchIf(
      noted,
      (error) => !begun && dispatch.mayMove(error),
      () => streamed
    )
    return streamed
  })
}

class Dispatch {
  readonly limit: { readonly timeout: number; readonly since: number } | undefined
  /** Who is asked next; waits for a replacement no longer than the call may take. */
  readonly pick: Effect.Effect<Member, RemoteError>
  private member: Member | undefined
  private moves = 0

  constructor(crew: Crew, { method: { id: method }, timeout }: Contract, key: Key) {
    const limit = this.limit = timeout === undefined ? undefined : { timeout, since: performance.now() }
    const picked = crew.pick(method, key)
    const inTime = limit === undefined ? picked : Effect.suspend(() =>
      Effect.flatMap(
        RealTime.within(picked, Math.max(0, limit.since + limit.timeout - performance.now())),
        Option.match({
          onNone: () => Effect.fail(new RemoteError({ reason: new CallTimeout({ method, timeout: limit.timeout }) })),
          onSome: Effect.succeed
        })
      )
    )
    this.pick = Effect.tap(inTime, (member) =>
      Effect.sync(() => {
        this.member = member
      }))
  }

  /** Whether it failed because who was asked has died, and may be asked of another. */
  mayMove(error: unknown): boolean {
    if (!(error instanceof RemoteError) || error.reason._tag === "SessionClosed") return false
    if (this.member === undefined || this.member.session.isOpen()) return false
    return this.member.forced() || this.moves++ < mostMoves
  }
}
