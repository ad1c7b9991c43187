/** Messages and calls between processes that are not parent and child, over an authenticated Unix socket. */
import * as Effect from "effect/Effect"
import { among, type Case, openAll } from "../harness.ts"
import { connection as ours } from "../ours/connection.ts"
import { cpythonConnection } from "../peers/cpython.ts"
import type { Talker } from "../talker.ts"

const MiB = 1 << 20

export const connection: Case = Effect.fnUntraced(function*(quick) {
  const us = yield* ours
  const contest = among<Talker>(us, yield* openAll({ CPython: cpythonConnection }), quick ? 1 : 9)
  const perSecond = (count: number) => (millis: number) => count / (millis / 1000)
  const many = quick ? 2_000 : 100_000
  const few = quick ? 20 : 5_000
  const echoes = quick ? 4 : 30
  return [
    contest(
      { name: "16 bytes, one way", unit: "messages/s", better: "higher" },
      ({ oneWay }) => Effect.map(oneWay(16)(many), perSecond(many))
    ),
    contest(
      { name: "echo of 1 MiB", unit: "ms", better: "lower" },
      ({ echo }) => Effect.map(echo(MiB)(echoes, 1), (millis) => millis / echoes)
    ),
    ...([[1, "one after another"], [64, "64 at a time"]] as const).map(([inFlight, shown]) =>
      contest(
        { name: `handshakes, ${shown}`, unit: "handshakes/s", better: "higher" },
        ({ handshakes }) => Effect.map(handshakes(few, inFlight), perSecond(few))
      )
    ),
    contest(
      { name: "calls at an address, one after another", unit: "us", better: "lower" },
      ({ tiny }) => Effect.map(tiny(few, 1), (millis) => 1000 * millis / few)
    )
  ]
})
