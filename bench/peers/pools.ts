/** piscina and tinypool, pools of one worker. Threads share memory with us; what they cost cannot be told apart. */
import * as Effect from "effect/Effect"
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import { echoes, type Solution } from "../worker.ts"
import * as Child from "./child.ts"

const filename = Child.file("./pools.worker.ts")

/** as many as we have in flight */
const concurrentTasksPerWorker = 1000

const piscina: Solution = Effect.acquireRelease(
  Effect.sync(() => new Piscina({ filename, minThreads: 1, maxThreads: 1, concurrentTasksPerWorker })),
  (pool) => Effect.promise(() => pool.destroy())
).pipe(Effect.map((pool) => echoes((payload) => pool.run(payload))))

const tinypool = (runtime: "worker_threads" | "child_process"): Solution =>
  Effect.acquireRelease(
    Effect.sync(() =>
      new Tinypool({
        filename,
        runtime,
        minThreads: 1,
        maxThreads: 1,
        concurrentTasksPerWorker,
        serialization: "advanced"
      })
    ),
    (pool) => Effect.promise(() => pool.destroy())
  ).pipe(Effect.map((pool) =>
    Object.assign(echoes((payload) => pool.run(payload)), {
      pid: Effect.tryPromise(async () => Number(await pool.run(undefined, { name: "pid" })))
    })
  ))

export const pools = {
  "piscina, thread": piscina,
  "tinypool, thread": tinypool("worker_threads"),
  "tinypool, process": tinypool("child_process")
}
