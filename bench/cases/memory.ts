/** What a worker costs that has answered a call and waits for the next one: memory that it shares with nobody. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Case, Measure } from "../harness.ts"
import * as Ours from "../ours/index.ts"
import { childProcess } from "../peers/childProcess.ts"
import { cpythonPipe } from "../peers/cpython.ts"
import { idleNode } from "../peers/emptyNode.ts"
import { pools } from "../peers/pools.ts"
import { rpc } from "../peers/rpc.ts"
import { privateMiB } from "../privateMiB.ts"
import type { Solution } from "../worker.ts"

const idle = (solution: Solution): Measure =>
  Effect.gen(function*() {
    const { pid, tiny } = yield* solution
    if (tiny !== undefined) yield* tiny(1, 1)
    return yield* privateMiB(yield* pid!)
  })

export const memory: Case = Effect.fnUntraced(function*(quick) {
  if (process.platform !== "linux") {
    yield* Console.error("memory is left out: only Linux says what a process shares with nobody")
    return []
  }
  const spawner = yield* Ours.spawner
  const peers = {
    child_process: childProcess("json"),
    ...rpc,
    "tinypool, process": pools["tinypool, process"],
    "CPython, spawn": cpythonPipe
  }
  return [{
    name: "an idle worker",
    unit: "MiB",
    better: "lower",
    rounds: quick ? 1 : 5,
    ours: idle(Effect.provide(Ours.child, spawner)),
    peers: Object.fromEntries(Object.entries(peers).map(([name, solution]) => [name, idle(solution)])),
    floors: { "node -e": idle(idleNode) }
  }]
})
