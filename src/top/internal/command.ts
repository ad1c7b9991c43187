/**
 *     npx effect-multiprocessing top [PID] [--interval SECONDS] [--once] [--json]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Terminal from "effect/Terminal"
import { readFileSync } from "node:fs"
import * as Programs from "../../process/internal/programs.ts"
import type { Tree } from "../../process/Process.ts"
import * as Render from "./render.ts"

const find = (trees: ReadonlyArray<Tree>, pid: number): Tree | undefined => {
  for (const tree of trees) {
    const found = tree.pid === pid ? tree : find(tree.children, pid)
    if (found !== undefined) return found
  }
  return undefined
}

/** All programs, or the one process that is watched with what is below it; none when that is not there. */
const look = (watched: Option.Option<number>): Effect.Effect<ReadonlyArray<Tree>> =>
  Effect.map(Programs.trees, (trees) => {
    if (Option.isNone(watched)) return trees
    const found = find(trees, watched.value)
    return found === undefined ? [] : [found]
  })

const noSuch = (pid: number) =>
  new CliError.UserError({
    cause: undefined,
    userMessage: `${pid} is no process of a program of yours that has started children with effect-multiprocessing`
  })

const escape = "\u001b["

/** A screen of its own, which goes with the Scope and leaves what was there before. */
const screen = Effect.acquireRelease(
  Effect.flatMap(Terminal.Terminal, ({ display }) => display(`${escape}?1049h${escape}?25l`)),
  () => Effect.flatMap(Terminal.Terminal, ({ display }) => Effect.ignore(display(`${escape}?25h${escape}?1049l`)))
)

/** Ends with a key that says so: q, or what ends every program. */
const leaving = Effect.gen(function*() {
  const keys = yield* (yield* Terminal.Terminal).readInput
  const take: Effect.Effect<void> = Queue.take(keys).pipe(
    Effect.flatMap(({ key }) => key.name === "q" ? Effect.void : take),
    Effect.ignore
  )
  yield* take
})

const summary = (trees: ReadonlyArray<Tree>): string => {
  const programs = trees.length === 1 ? "1 program" : `${trees.length} programs`
  return `effect-multiprocessing top: ${programs}, ${Render.count(trees)} processes; memory in MiB; q ends`
}

/** Ends when the process that is watched does. */
const watch = (first: ReadonlyArray<Tree>, watched: Option.Option<number>, interval: number) =>
  Effect.gen(function*() {
    const terminal = yield* Terminal.Terminal
    let before: Render.Before = new Map()
    let trees = first
    for (;;) {
      const size = { columns: yield* terminal.columns, rows: yield* terminal.rows }
      const lines = Render.fit([summary(trees), "", ...Render.table(trees, before)], size)
      yield* terminal.display(
        `${escape}H${lines.map((line) => `${line}${escape}K`).join("\n")}${escape}J`
      )
      before = Render.remember(trees)
      yield* Effect.sleep(interval * 1000)
      trees = yield* look(watched)
      if (Option.isSome(watched) && trees.length === 0) return `${watched.value} has ended`
    }
  })

const top = Command.make("top", {
  pid: Argument.Int("pid").pipe(
    Argument.withDescription("A process: it and what is below it is shown, until it ends"),
    Argument.optional
  ),
  interval: Flag.Finite("interval").pipe(
    Flag.withDescription("Seconds between two looks, at least 0.1"),
    Flag.withAlias("d"),
    Flag.withDefault(1),
    Flag.filter((seconds) => seconds >= 0.1 && seconds <= 86_400, () => "seconds, from 0.1 to 86400")
  ),
  once: Flag.Boolean("once").pipe(
    Flag.withDescription("One snapshot; the same where the output is no terminal"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("One snapshot, as a JSON array of `Process.Tree`"),
    Flag.withDefault(false)
  )
}, ({ interval, json, once, pid }) =>
  Effect.gen(function*() {
    const trees = yield* look(pid)
    if (Option.isSome(pid) && trees.length === 0) return yield* noSuch(pid.value)
    if (json) return yield* Console.log(JSON.stringify(trees, undefined, 2))
    if (once || !process.stdout.isTTY) return yield* Console.log(Render.table(trees, new Map()).join("\n"))
    const last = yield* Effect.scoped(
      Effect.andThen(screen, Effect.raceFirst(watch(trees, pid, interval), leaving))
    )
    if (last !== undefined) yield* Console.log(last)
  })).pipe(
    Command.withDescription("Shows the programs of yours that have started processes, live, and their trees")
  )

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"))

export const main = Command.make("effect-multiprocessing").pipe(
  Command.withDescription("Tools for programs that use effect-multiprocessing"),
  Command.withSubcommands([top]),
  Command.run({ version }),
  Effect.provide(NodeServices.layer)
)
