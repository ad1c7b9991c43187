/** The floor of all that is started: a Node.js that does nothing, from its start to its end. */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as W from "../worker.ts"
import * as Child from "./child.ts"

const start = (script: string) => () =>
  ChildProcess.spawn(process.execPath, ["-e", script], { stdio: ["pipe", "ignore", "inherit"], detached: true })

export const emptyNode = W.timed(
  Effect.flatMap(Child.scoped(start("0"), (child) => child.kill()), (child) =>
    Effect.promise(async () => {
      if (child.exitCode === null) await once(child, "exit")
    }))
)

/** One that waits. */
export const idleNode: W.Solution = Effect.map(
  Child.scoped(start("process.stdin.resume()"), (child) => child.stdin.end()),
  (child) => ({ pid: Effect.succeed(child.pid!) })
)
