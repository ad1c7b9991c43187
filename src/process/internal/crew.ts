/** A fixed number of children that host the same, each in a place of its own; who dies is replaced in its place. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Scope from "effect/Scope"
import { type Member, memberOf, type Members } from "../../remote/internal/dispatch.ts"
import { RemoteError, SessionClosed, Unavailable } from "../../wire/RemoteError.ts"
import type { ProcessError } from "../ProcessError.ts"
import * as Spawner from "../Spawner.ts"
import type { Child, Work } from "./child.ts"
import type { Resolved } from "./options.ts"

/** `pick`: the member for a key, or the one with the least to do, in turn; waits while its replacement starts. */
export type Crew = Members

interface Place {
  member: Member | undefined
  /** completes when there is a member again, or with why there will be none */
  next: Deferred.Deferred<Member, string>
}

export const make = Effect.fnUntraced(function*(options: {
  readonly work: Work
  readonly child: Resolved
  readonly size: number
}): Effect.fn.Return<Crew, ProcessError, Spawner.Spawner | Scope.Scope> {
  const spawner = yield* Spawner.Spawner
  const scope = yield* Effect.scope
  // Closed last, after the keepers, who would replace children that only end; and all of them at once.
  const children = yield* Scope.fork(scope, "parallel")
  const places = Array.from({ length: options.size }, (): Place => ({
    member: undefined,
    next: Deferred.makeUnsafe()
  }))

  const start = Effect.gen(function*() {
    const own = yield* Scope.fork(children)
    const child = yield* Scope.provide(spawner.start(options.work, options.child), own).pipe(
      Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void)
    )
    return { child, own }
  })

  /** As soon as it is seen that a member is lost, by its keeper or by a call, its place waits for the next one. */
  const occupant = (place: Place): Member | undefined => {
    if (place.member?.session.isOpen() === false) {
      place.member = undefined
      place.next = Deferred.makeUnsafe()
    }
    return place.member
  }

  /** Keeps a place filled: a child that has done something before it died is worth another one. */
  const keep = (place: Place, child: Child, own: Scope.Closeable, replaceable: boolean): Effect.Effect<void> =>
    Effect.gen(function*() {
      let answered = false
      const member = memberOf(child.session, child.forced, () => answered = true)
      place.member = member
      Deferred.doneUnsafe(place.next, Exit.succeed(member))
      yield* child.session.closed
      occupant(place)
      const exited = yield* child.exit
      yield* Scope.close(own, Exit.void)
      // One that was killed for what it was asked is not one that cannot live.
      if (!replaceable && !answered && !child.forced()) {
        return giveUp(place, `its replacement died too: ${exited.message}`)
      }
      return yield* Effect.matchEffect(start, {
        onSuccess: (replacement) => keep(place, replacement.child, replacement.own, false),
        onFailure: (error) => Effect.sync(() => giveUp(place, `no replacement could be started: ${error.message}`))
      })
    })

  const giveUp = (place: Place, why: string): void => {
    Deferred.doneUnsafe(place.next, Exit.fail(why))
  }

  const started = yield* Effect.forEach(places, () => start, { concurrency: "unbounded" })
  yield* Effect.forEach(started, ({ child, own }, i) => Effect.forkIn(keep(places[i]!, child, own, true), scope), {
    discard: true
  })
  yield* Effect.forEach(places, (place) => Deferred.await(place.next), { discard: true }).pipe(Effect.ignore)

  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      for (const { next } of places) Deferred.doneUnsafe(next, Exit.fail("closed"))
    })
  )
  const peer = options.child.name ?? options.work.wants[0]!.id
  const closedError = new RemoteError({ reason: new SessionClosed({ peer }) })
  const waitFor = (method: string, next: Effect.Effect<Member, string>) =>
    Effect.mapError(
      next,
      (detail) => closed ? closedError : new RemoteError({ reason: new Unavailable({ method, detail }) })
    )

  let turn = 0
  return {
    pick: (method, key) =>
      Effect.suspend(() => {
        if (closed) return Effect.fail(closedError)
        if (key !== undefined) {
          const place = places[Math.abs(Hash.hash(key)) % places.length]!
          const member = occupant(place)
          return member === undefined ? waitFor(method, Deferred.await(place.next)) : Effect.succeed(member)
        }
        let best: Member | undefined
        turn++
        for (let i = 0; i < places.length; i++) {
          const member = occupant(places[(turn + i) % places.length]!)
          if (member !== undefined && (best === undefined || member.session.inFlight() < best.session.inFlight())) {
            best = member
          }
        }
        // The first place that is filled again; when none will be, the last one says why.
        return best === undefined
          ? waitFor(method, Effect.raceAll(places.map(({ next }) => Deferred.await(next))))
          : Effect.succeed(best)
      })
  }
})
