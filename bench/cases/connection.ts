/** Messages and calls between processes that are not parent and child, over an authenticated Unix socket. */
import * as Effect from "effect/Effect"
import { among, type Case, openAll } from "../harness.ts"
import { connection as ours, fresh } from "../ours/connection.ts"
import { cpythonConnection, cpythonFresh } from "../peers/cpython.ts"
import { socketHandshake, socketHandshakeFresh } from "../peers/socketHandshake.ts"
import type { Beginner, Talker } from "../talker.ts"

const MiB = 1 << 20

export const connection: Case = Effect.fnUntraced(function*(quick) {
  const few = quick ? 20 : 500
  const several = 10 * few
  const warm = <A extends Beginner, E, R>(beginner: Effect.Effect<A, E, R>) =>
    Effect.tap(
      beginner,
      ({ handshakes, tiny }) => quick ? Effect.void : Effect.andThen(handshakes(4 * several, 1), tiny(4 * several, 1))
    )
  const us = yield* warm(ours)
  const peers = yield* openAll({ CPython: warm(cpythonConnection) })
  const floors = yield* openAll({ "node:net": warm(socketHandshake) })
  const rounds = quick ? 1 : 9
  const carrying = among<Talker>(us, peers, rounds)
  const contest = among<Beginner>(us, peers, rounds, floors)
  const beginning = among<Beginner>(fresh, { CPython: cpythonFresh }, quick ? 1 : 5, {
    "node:net": socketHandshakeFresh
  })
  const perSecond = (count: number) => (millis: number) => count / (millis / 1000)
  const many = quick ? 2_000 : 100_000
  const echoes = quick ? 4 : 30
  const handshakes = (count: number, inFlight: number) => ({ handshakes }: Beginner) =>
    Effect.map(handshakes(count, inFlight), perSecond(count))
  const calls = (count: number) => ({ tiny }: Beginner) => Effect.map(tiny(count, 1), (millis) => 1000 * millis / count)
  return [
    carrying(
      { name: "16 bytes, one way", unit: "messages/s", better: "higher" },
      ({ oneWay }) => Effect.map(oneWay(16)(many), perSecond(many))
    ),
    carrying(
      { name: "echo of 1 MiB", unit: "ms", better: "lower" },
      ({ echo }) => Effect.map(echo(MiB)(echoes, 1), (millis) => millis / echoes)
    ),
    contest(
      { name: `handshakes, one after another, ${several}`, unit: "handshakes/s", better: "higher" },
      handshakes(several, 1)
    ),
    contest(
      { name: `handshakes, one after another, ${few}`, unit: "handshakes/s", better: "higher" },
      handshakes(few, 1)
    ),
    beginning(
      { name: `handshakes, one after another, the first ${few}`, unit: "handshakes/s", better: "higher" },
      handshakes(few, 1)
    ),
    contest(
      { name: `handshakes, 64 at a time, ${several}`, unit: "handshakes/s", better: "higher" },
      handshakes(several, 64)
    ),
    contest(
      { name: `calls at an address, one after another, ${several}`, unit: "us", better: "lower" },
      calls(several)
    ),
    contest({ name: `calls at an address, one after another, ${few}`, unit: "us", better: "lower" }, calls(few)),
    beginning(
      { name: `calls at an address, one after another, the first ${few}`, unit: "us", better: "lower" },
      calls(few)
    )
  ]
})
