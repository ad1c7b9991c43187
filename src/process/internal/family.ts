/** The processes that this one has started, by whichever Spawner, and theirs. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as CurrentProcess from "../../wire/internal/currentProcess.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import * as BuiltIns from "./builtIns.ts"
import type { Life } from "./child.ts"

const families = new Set<ReadonlySet<Life>>()

/** A Spawner's children are among those of this process until the Scope closes. */
export const join = (lives: ReadonlySet<Life>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      families.add(lives)
    }),
    () => Effect.sync(() => families.delete(lives))
  )

/** All that have been started and not ended. */
export const lives = (): ReadonlyArray<Life> => Array.from(families, (lives) => [...lives]).flat()

/** what the library has asked of them, and they have not answered */
export const questions = (): number => lives().reduce((sum, { child }) => sum + (child?.ask.open() ?? 0), 0)

/** of the time that this process has to answer, what its children have */
const share = 0.75

/** This process and its descendants, as far as they answer within so many milliseconds. */
export const kin = (timeout: number): Effect.Effect<BuiltIns.Kin> =>
  Effect.suspend(() => {
    const { name, pid } = CurrentProcess.get()
    return Effect.map(
      Effect.forEach(lives(), (life) => kinOf(life, timeout * share), { concurrency: "unbounded" }),
      (children) => ({ pid, name, state: "ready", calls: 0, children })
    )
  })

const kinOf = (life: Life, timeout: number): Effect.Effect<BuiltIns.Kin> =>
  Effect.suspend(() => {
    const { child, launched: { name, pid } } = life
    const seen = { pid, name, state: life.state(), calls: child?.calls() ?? 0, children: undefined }
    if (child === undefined || seen.state !== "ready") return Effect.succeed<BuiltIns.Kin>(seen)
    return RealTime.within(Effect.option(child.ask(BuiltIns.kin, { timeout })), timeout).pipe(
      Effect.map(Option.flatten),
      Effect.map(Option.match({
        onNone: (): BuiltIns.Kin => ({ ...seen, state: life.state() === "ready" ? "unresponsive" : life.state() }),
        onSome: ({ children }) => ({ ...seen, state: life.state(), children })
      }))
    )
  })
