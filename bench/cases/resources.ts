/** Bytes and sockets that are handed to a process that is there already. */
import * as Native from "effect-multiprocessing/Native"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { among, type Case, openAll } from "../harness.ts"
import * as Ours from "../ours/resources.ts"
import { childProcessPorter } from "../peers/childProcess.ts"
import { cpythonHandles, cpythonPorter } from "../peers/cpython.ts"
import type { Porter } from "../porter.ts"

const MiB = 1 << 20

/** What of ours this machine can do; for what it cannot a line. */
const ours: Effect.Effect<Porter, unknown, Scope.Scope> = Effect.gen(function*() {
  const { descriptors, sharedMemory } = yield* Native.capabilities
  const leftOut = (what: string, why: string) => Effect.as(Console.error(`${what} is left out: ${why}`), {})
  return {
    ...yield* Ours.sent,
    ...yield* sharedMemory.available ? Ours.segments : leftOut("Shared memory", sharedMemory.why),
    ...yield* descriptors.available ? Ours.sockets : leftOut("Passing sockets", descriptors.why)
  }
})

export const resources: Case = Effect.fnUntraced(function*(quick) {
  const us = yield* ours
  const peers = yield* openAll<Porter>({
    child_process: childProcessPorter,
    CPython: cpythonPorter,
    "CPython, send_handle": cpythonHandles
  })
  const contest = (rounds: number) => among(us, peers, quick ? 1 : rounds)
  const bytes = (
    how: "sent" | "kept" | "fresh",
    name: string,
    size: number,
    rounds: number,
    count: number,
    parts = 1
  ) =>
    us[how] === undefined ? [] : [
      contest(rounds)(
        { name, unit: "ms", better: "lower" },
        ({ [how]: echo }) => echo && Effect.map(echo(size / parts)(count * parts, 1), (millis) => millis / count)
      )
    ]
  const sockets = (name: string, inFlight: number, count: number) =>
    us.sockets === undefined ? [] : [
      contest(9)(
        { name, unit: "sockets/s", better: "higher" },
        ({ sockets }) => sockets && Effect.map(sockets(count, inFlight), (millis) => count / (millis / 1000))
      )
    ]
  const few = quick ? 10 : 300
  const many = quick ? 20 : 500
  const large = [
    ...bytes("sent", "16 MiB by wire", 16 * MiB, 9, 5),
    ...bytes("kept", "16 MiB by shared memory", 16 * MiB, 9, 5),
    ...bytes("fresh", "16 MiB by fresh shared memory", 16 * MiB, 9, 5),
    // more than one of our messages can have, by what else is in it
    ...bytes("sent", "256 MiB by wire, in two messages", 256 * MiB, 5, 1, 2),
    ...bytes("kept", "256 MiB by shared memory", 256 * MiB, 5, 1)
  ]
  return [
    ...bytes("sent", "1 MiB by wire", MiB, 9, few),
    ...bytes("kept", "1 MiB by shared memory", MiB, 9, few),
    ...(quick ? bytes("fresh", "1 MiB by fresh shared memory", MiB, 1, 5) : large),
    ...sockets("sockets, one after another", 1, many),
    ...sockets("sockets, 16 at a time", 16, many)
  ]
})
