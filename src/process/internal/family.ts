/** The processes that this one has started, by whichever Spawner, and theirs. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Answer } from "../../guard/internal/reception.ts"
import * as CurrentProcess from "../../wire/internal/currentProcess.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import * as BuiltIns from "./builtIns.ts"
import type { Life } from "./child.ts"

/** The children of a Spawner. */
interface Family {
  /** those that have been launched and not been ended, ready or not */
  readonly lives: Set<Life>
  /** no more are started */
  closed: boolean
}

const families = new Set<Family>()

/** A Spawner's children are among those of this process until the Scope closes. */
export const join: Effect.Effect<Family, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const family: Family = { lives: new Set(), closed: false }
    families.add(family)
    return family
  }),
  (family) => Effect.sync(() => families.delete(family))
)

/** All that have been started and not ended. */
export const lives = (): ReadonlyArray<Life> => Array.from(families, ({ lives }) => [...lives]).flat()

/** Those of them whose process runs. */
export const running = (): ReadonlyArray<Life> => lives().filter(({ launched }) => launched.exited() === undefined)

/** There will be no others. */
export const close = (): void => {
  for (const family of families) family.closed = true
}

/** what the library has asked of them, and they have not answered */
export const questions = (): number => lives().reduce((sum, { child }) => sum + (child?.ask.open() ?? 0), 0)

/** milliseconds that a tree has to answer, unless it is said */
export const defaultTimeout = 1_000

/** of the time that this process has to answer, what its children have */
const share = 0.75

/** This process and its descendants, as far as they answer within so many milliseconds. */
export const kin = (timeout: number): Effect.Effect<BuiltIns.Kin> =>
  Effect.suspend(() => {
    const { name, pid } = CurrentProcess.get()
    return Effect.map(
      Effect.forEach(running(), (life) => kinOf(life, timeout * share), { concurrency: "unbounded" }),
      (children) => ({ pid, name, state: "ready", calls: 0, children: children.flatMap(Option.toArray) })
    )
  })

/** None if it ends meanwhile. */
const kinOf = (life: Life, timeout: number): Effect.Effect<Option.Option<BuiltIns.Kin>> =>
  Effect.suspend(() => {
    const { child, launched: { exited, name, pid } } = life
    const seen = { pid, name, state: life.state(), calls: child?.calls() ?? 0 }
    if (child === undefined || seen.state !== "ready") return Effect.succeedSome<BuiltIns.Kin>(seen)
    return Effect.map(
      RealTime.within(Effect.option(child.ask(BuiltIns.kin, { timeout })), timeout),
      (asked): Option.Option<BuiltIns.Kin> => {
        if (exited() !== undefined) return Option.none()
        const state = life.state()
        const answer = Option.flatten(asked)
        return Option.some(
          Option.isSome(answer)
            ? { ...seen, state, children: answer.value.children }
            : { ...seen, state: state === "ready" ? "unresponsive" : state }
        )
      }
    )
  })

/** What asks for it at the socket of the run directory. */
export const word = "kin"

export const answer: Answer = (signal) =>
  Effect.runPromise(Effect.map(kin(defaultTimeout), (kin) => JSON.stringify(kin)), { signal })
