import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Session } from "../../wire/Session.ts"
import type { BuiltIn } from "./builtIns.ts"

/** Asks a child what the library answers there. */
export interface Ask {
  /**
   * Whoever does not want to wait any longer leaves the question with the child: to interrupt it would give a busy child
   * `forceAfter` to let go of it. Of a question that is shared a child has at most one, however often it is asked.
   */
  <Payload, Success>(question: BuiltIn<Payload, Success>, payload: Payload): Effect.Effect<Success, RemoteError>
  /** questions that have no answer yet */
  readonly open: () => number
}

export const make = (session: Session): Ask => {
  const shared = new Map<string, Fiber.Fiber<any, any>>()
  let open = 0
  const put = (question: BuiltIn<any, any>, payload: unknown) => {
    const asked = Effect.suspend(() => {
      open++
      // the library's own Schemas need no services
      return session.call(question.method, payload) as Effect.Effect<any, RemoteError>
    })
    const answered = Effect.sync(() => {
      open--
      if (question.shared) shared.delete(question.name)
    })
    const fiber = Effect.forkDetach(Effect.ensuring(asked, answered))
    return question.shared ? Effect.tap(fiber, (fiber) => Effect.sync(() => shared.set(question.name, fiber))) : fiber
  }
  const ask = (question: BuiltIn<any, any>, payload: unknown): Effect.Effect<any, RemoteError> =>
    Effect.suspend(() => {
      const asked = question.shared ? shared.get(question.name) : undefined
      return Effect.flatMap(asked === undefined ? put(question, payload) : Effect.succeed(asked), Fiber.join)
    })
  return Object.assign(ask, { open: () => open })
}
