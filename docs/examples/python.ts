/**
 * A Python program at the other end: it connects with `multiprocessing.connection`, and answers questions in JSON.
 *
 *     node docs/examples/python.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Address from "effect-multiprocessing/Address"
import * as Authentication from "effect-multiprocessing/Authentication"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Listener from "effect-multiprocessing/Listener"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import { Answer, Question } from "./python/contract.ts"

const statistician = fileURLToPath(new URL("./python/statistician.py", import.meta.url))

/** Runs the Python program to its end, which should be a good one. */
const python = (address: string, key: string) =>
  Effect.callback<void, Error>((resume) => {
    const child = spawn("python3", [statistician, address], {
      env: { ...process.env, APP_AUTHKEY: key },
      stdio: ["ignore", "inherit", "inherit"]
    })
    child.once("error", (error) => resume(Effect.fail(error)))
    child.once("exit", (code, signal) =>
      resume(code === 0 ? Effect.void : Effect.fail(new Error(`Python has ended with ${code ?? signal}`))))
    return Effect.sync(() =>
      child.kill()
    )
  })

const ask = (listener: Listener.Listener["Service"]) =>
  Effect.scoped(Effect.gen(function*() {
    const connection = yield* listener.accept
    for (const numbers of [[1, 2, 3, 4], [1, 2, 3, 4, 10], []]) {
      yield* connection.send(Question, { numbers }, { format: "json" })
      const answer = yield* connection.receive(Answer, { format: "json" })
      yield* Console.log(
        answer._tag === "Summary"
          ? `of ${numbers.join(", ")}: mean ${answer.mean}, median ${answer.median}`
          : `of nothing: ${answer.why}`
      )
    }
    // The connection is closed with the Scope, and Python hears of it as an EOFError.
  }))

const program = Effect.gen(function*() {
  // Both sides have the same key. This one is made here; two programs that do not start each other read it from their
  // configuration: AuthKey.config("APP_AUTHKEY").
  const key = randomBytes(32).toString("hex")
  const authKey = yield* Effect.fromResult(AuthKey.fromHex(key))

  // CPython 3.12 and newer need no policy.
  const listener = yield* Listener.make({ authKey, policy: Authentication.legacy })
  yield* Effect.all([ask(listener), python(Address.format(listener.address), key)], { concurrency: "unbounded" })
  yield* Console.log("Python has ended, too")
}).pipe(Effect.scoped)

const isMissing = (error: Error) => "code" in error && error.code === "ENOENT"

program.pipe(
  Effect.catchIf(isMissing, () => Console.log("there is no python3 on this machine: nothing was asked")),
  NodeRuntime.runMain
)
