/** The client whose call a handler answers, so that the handler can call it back. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Session } from "../../wire/Session.ts"
import { type Member, memberOf, type Members } from "./dispatch.ts"
import { hosted } from "./hosted.ts"
import type { Declaration } from "./implementation.ts"

export class Caller {
  /** completes before the session runs its first handler's second step; the first may run while it is being made */
  private readonly member = Deferred.makeUnsafe<Member>()
  private readonly members: Members = { pick: () => Deferred.await(this.member) }
  private readonly shapes = new WeakMap<Declaration, unknown>()

  opened(session: Session): void {
    Deferred.doneUnsafe(this.member, Exit.succeed(memberOf(session, () => false, () => {})))
  }

  /** What the client serves of a declaration. */
  shapeOf(declaration: Declaration): unknown {
    let shape = this.shapes.get(declaration)
    if (shape === undefined) this.shapes.set(declaration, shape = hosted(declaration, this.members)[1])
    return shape
  }
}

/** Within a handler, of the session that called it. */
export const current: Context.Reference<Caller | undefined> = Context.Reference(
  "effect-multiprocessing/RemoteServer/Caller",
  { defaultValue: (): Caller | undefined => undefined }
)

export const get: Effect.Effect<Caller | undefined> = current
