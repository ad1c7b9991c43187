/** The span of a process's life, from its launch to its exit, where a tracer is installed. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import * as Path from "node:path"
import * as CallSpan from "../../wire/internal/callSpan.ts"
import { ProcessExited } from "../../wire/RemoteError.ts"

export interface LifeSpan {
  /** in which the child is: its own, or else its starter's */
  readonly span: Tracer.AnySpan | undefined
  /** Ends it; what comes later changes nothing. */
  readonly end: (end: ProcessExited | { readonly _tag: string }) => Effect.Effect<void>
  readonly launched: (pid: number) => void
}

export const open = (label: string, name: string, execPath: string): Effect.Effect<LifeSpan> =>
  Effect.withFiber((fiber) =>
    CallSpan.isTraced(fiber)
      ? Effect.map(
        Effect.makeSpan(`spawn ${label}`, {
          attributes: {
            "process.executable.name": Path.basename(execPath),
            "effect_multiprocessing.process.name": name
          }
        }),
        of
      )
      : Effect.succeed({ span: fiber.cache.span, end: () => Effect.void, launched: () => {} })
  )

const of = (span: Tracer.Span): LifeSpan => ({
  span,
  launched: (pid) => span.attribute("process.pid", pid),
  end: (end) =>
    Effect.map(Clock.currentTimeNanos, (now) => {
      if (span.status._tag === "Ended") return
      const exited = end instanceof ProcessExited
      if (exited) span.attribute("process.exit.code", end.exitCode)
      const orderly = exited && end.exitCode === 0
      if (!orderly) span.attribute("error.type", exited ? end.signal ?? String(end.exitCode) : end._tag)
      span.end(now, orderly ? Exit.void : Exit.fail(end))
    })
})
