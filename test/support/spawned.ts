import { it } from "@effect/vitest"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A test with real children, in real time. */
export const spawned = <A, E>(
  name: string,
  test: Effect.Effect<A, E, Spawner | Scope.Scope>,
  timeout?: number
): void => {
  it.live(name, () => Effect.scoped(test).pipe(Effect.provide(ProcessLayer.spawn)), timeout)
}

/** A folder that goes with the Scope. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "emp-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Runs with another temporary folder. */
export const within = <A, E, R>(tmp: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const before = process.env.TMPDIR
      process.env.TMPDIR = tmp
      return before
    }),
    () => effect,
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete process.env.TMPDIR
        else process.env.TMPDIR = before
      })
  )

/** What is left in the temporary folder of programs that have ended, besides what their children have compiled. */
export const leftBehind = (temporary: string): ReadonlyArray<string> =>
  readdirSync(temporary)
    .flatMap((base) => readdirSync(join(temporary, base)))
    .filter((name) => name !== "cache")

/** How often a test repeats what a race might break: a few times in the suite, many in `npm run test:soak`. */
export const rounds = <A = number>(suite: A, soak: A): A => process.env.SOAK === undefined ? suite : soak
