/** One call: who answers it, how long it may take, and whether another is asked when that one is lost. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as RealTime from "../../wire/internal/realTime.ts"
import { CallTimeout, RemoteError } from "../../wire/RemoteError.ts"
import type { Session } from "../../wire/Session.ts"
import type { Contract } from "./contract.ts"

/** What decides who answers. */
export type Key = string | number | undefined

/** Who can be asked: a child, or a server by one of its connections. */
export interface Member {
  readonly session: Session
  /** whether it was ended because of another call */
  readonly forced: () => boolean
  readonly call: Session["call"]
  readonly stream: Session["stream"]
}

/** Those of whom one is asked. */
export interface Members {
  /** Who is asked next; waits while there is nobody, and fails when nobody will come. */
  readonly pick: (method: string, key: Key) => Effect.Effect<Member, RemoteError>
}

/** Tells of the first answer of a session, and wraps calls no longer than until then. */
export const memberOf = (session: Session, forced: () => boolean, note: () => void): Member => {
  let noted = false
  const answered = Effect.sync(() => {
    noted = true
    note()
  })
  return {
    session,
    forced,
    call: (method, payload, options) => {
      const call = session.call(method, payload, options)
      return noted ? call : Effect.tap(call, answered)
    },
    stream: (method, payload, options) => {
      const stream = session.stream(method, payload, options)
      return noted ? stream : Stream.onFirst(stream, () => answered)
    }
  }
}

/** A call that ends whoever runs it must not go on to end them all. */
const mostMoves = 2

export const call = (
  members: Members,
  contract: Contract,
  payload: unknown,
  key: Key
): Effect.Effect<unknown, unknown, any> => {
  const { idempotent, method, timeout } = contract
  if (timeout === undefined && !idempotent) {
    return Effect.flatMap(members.pick(method.id, key), (member) => member.call(method, payload))
  }
  return Effect.suspend(() => {
    const dispatch = new Dispatch(members, contract, key)
    const attempt = Effect.flatMap(dispatch.pick, (member) => member.call(method, payload, dispatch.limit))
    const called: typeof attempt = idempotent
      ? Effect.catchIf(attempt, (error) => dispatch.mayMove(error), () => called)
      : attempt
    return called
  })
}

export const stream = (
  members: Members,
  contract: Contract,
  payload: unknown,
  key: Key
): Stream.Stream<unknown, unknown, any> => {
  const { idempotent, method } = contract
  return Stream.suspend(() => {
    const dispatch = new Dispatch(members, contract, key)
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
  /** Who is asked next; waits for somebody no longer than the call may take. */
  readonly pick: Effect.Effect<Member, RemoteError>
  private member: Member | undefined
  private moves = 0

  constructor(members: Members, { method: { id: method }, timeout }: Contract, key: Key) {
    const limit = this.limit = timeout === undefined ? undefined : { timeout, since: performance.now() }
    const picked = members.pick(method, key)
    const inTime = limit === undefined ? picked : Effect.suspend(() =>
      Effect.flatMap(
        RealTime.within(picked, Math.max(0, limit.since + limit.timeout - performance.now())),
        Option.match({
          onNone: () => Effect.fail(new RemoteError({ reason: new CallTimeout({ method, timeout: limit.timeout }) })),
          onSome: Effect.succeed
        })
      )
    )
    this.pick = Effect.suspend(() => {
      this.member = undefined
      return Effect.map(inTime, (member) => this.member = member)
    })
  }

  /** Whether it failed because who was asked is lost, and may be asked of another. */
  mayMove(error: unknown): boolean {
    if (!(error instanceof RemoteError)) return false
    if (this.member === undefined || this.member.session.isOpen()) return false
    return this.member.forced() || this.moves++ < mostMoves
  }
}
