/** Sockets and servers on their way to another process of the family, as handles of Node.js; see handleRelay.ts. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Relay from "../../process/internal/handleRelay.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import { NotShareable, type ResourceError, SharingFailed, TicketRefused } from "../ResourceError.ts"
import type { Ticket } from "../ResourceSharer.ts"
import { because, fail } from "./because.ts"
import type { Carrier, Put } from "./carrier.ts"

/** milliseconds that the root may take to answer */
const deadline = 10_000

const late = `no answer within ${deadline} ms`

const peer = "the first process of the family"

export const onlySockets = "without koffi only sockets and servers travel"

export const make = Effect.fnUntraced(function*(expiry: number): Effect.fn.Return<
  Pick<Carrier, "claim" | "opened"> & { readonly pending: Effect.Effect<number> },
  never,
  Scope.Scope
> {
  const holder = randomBytes(8).toString("hex")
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      Relay.ask({ do: "forget", holder }, undefined, () => {})
    })
  )
  const asked = (question: Relay.Question): Effect.Effect<Option.Option<Relay.Answer>> =>
    RealTime.within(
      Effect.callback((resume) => {
        const takeBack = Relay.ask(question, undefined, (answer) => resume(Effect.succeed(answer)))
        return Effect.sync(takeBack)
      }),
      deadline
    )

  const put: Put = ({ handle, leaves, name }) => {
    if (handle === undefined) {
      return fail(new NotShareable({ resource: name, detail: onlySockets }))
    }
    const token = randomBytes(32)
    const answered = Deferred.makeUnsafe<Relay.Answer>()
    Relay.ask(
      { do: "park", token: token.toString("hex"), holder, expiry },
      { handle: handle(), owned: leaves },
      (answer) => Deferred.doneUnsafe(answered, Exit.succeed(answer))
    )
    return Effect.flatMap(RealTime.within(Deferred.await(answered), deadline), (answer) => {
      const { refused, root }: Relay.Answer = Option.getOrElse(answer, () => ({ refused: late }))
      return root === undefined
        ? fail(new SharingFailed({ detail: refused! }))
        : Effect.succeed({ root, token: new Uint8Array(token) })
    })
  }

  const claim = (ticket: Ticket): Effect.Effect<Relay.Handle, ResourceError> => {
    const refuse = (detail: string) => because(new TicketRefused({ peer, detail }))
    if (!("root" in ticket)) return Effect.fail(refuse("it is a descriptor, which only `ResourceSharer.layer` fetches"))
    const token = Buffer.from(ticket.token).toString("hex")
    return Effect.uninterruptibleMask((restore) => {
      let arrived: Relay.Passed | undefined
      const claimed = Effect.callback<Relay.Handle, ResourceError>((resume) => {
        const takeBack = Relay.ask({ do: "claim", root: ticket.root, token }, undefined, (answer, passed) => {
          arrived = passed
          if (passed === undefined) resume(Effect.fail(refuse(answer.refused!)))
          else if (passed.owned) resume(Effect.succeed(passed.handle))
          else resume(Effect.fail(refuse("without koffi a process cannot receive what it has itself")))
        })
        return Effect.sync(takeBack)
      })
      const inTime = Effect.flatMap(
        RealTime.within(claimed, deadline),
        Option.match({ onNone: () => Effect.fail(refuse(late)), onSome: Effect.succeed })
      )
      return Effect.onExit(restore(inTime), (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit) && arrived?.owned === true) arrived.handle.close()
        }))
    })
  }

  return {
    opened: Effect.succeed(put),
    claim,
    // of who cannot reach the root nothing is parked there any more
    pending: Effect.map(asked({ do: "count", holder }), (answer) => Option.getOrUndefined(answer)?.waiting ?? 0)
  }
})
