/** Objects that live in another process, used by a client at its address, an authenticated Unix socket. */
import * as Effect from "effect/Effect"
import { among, type Case, type Contest, openAll } from "../harness.ts"
import type { Keeper } from "../keeper.ts"
import * as Ours from "../ours/manager.ts"
import { cpythonIdle, cpythonKeeper } from "../peers/cpython.ts"

export const manager: Case = Effect.fnUntraced(function*(quick) {
  const us = yield* Ours.manager
  const contest = among<Keeper>(us, yield* openAll({ CPython: cpythonKeeper }), quick ? 1 : 9)
  const few = quick ? 100 : 1_000
  const some = quick ? 100 : 5_000
  const many = quick ? 1_000 : 20_000
  const oneByOne = (name: string, what: keyof Keeper, count: number) =>
    contest(
      { name: `${name}, one after another`, unit: "us", better: "lower" },
      ({ [what]: echo }) => Effect.map(echo(count, 1), (millis) => 1000 * millis / count)
    )
  const inFlight = (name: string, what: keyof Keeper, width: number, count: number) =>
    contest(
      { name: `${name}, ${width} in flight`, unit: "a second", better: "higher" },
      ({ [what]: echo }) => Effect.map(echo(count, width), (millis) => count / (millis / 1000))
    )
  const idle: Contest = {
    name: "a thousand idle proxies",
    unit: "MiB",
    better: "lower",
    rounds: quick ? 1 : 3,
    ...idleOf(quick ? 500 : 5_000, quick)
  }
  return [
    oneByOne("get of a value", "get", some),
    inFlight("get of a value", "get", 8, many),
    inFlight("get of a value", "get", 64, many),
    oneByOne("create and release", "created", few),
    inFlight("create and release", "created", 64, few),
    oneByOne("put and get of a queue", "pairs", some),
    inFlight("put and get of a queue", "pairs", 64, many),
    ...(process.platform === "linux" ? [idle] : [])
  ]
})

/** Many, and beside as many, so that what comes with the first does not count. */
const idleOf = (count: number, quick: boolean): Pick<Contest, "ours" | "peers" | "floors"> => {
  const perThousand = (mebibytes: number) => mebibytes * 1000 / count
  return {
    ours: Effect.map(Ours.idle(count, quick), perThousand),
    peers: { CPython: Effect.map(cpythonIdle(count, quick), perThousand) },
    floors: {}
  }
}
