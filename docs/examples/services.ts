/**
 * One program, three Layers: its service in this process, in a child, and in a child behind a decorator. The program
 * does not know which.
 *
 *     node docs/examples/services.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Passwords } from "./passwords/contract.ts"
import PasswordsLive from "./passwords/live.ts"

const program = Effect.gen(function*() {
  const { hash, verify } = yield* Passwords
  const stored = yield* hash({ password: "correct horse battery staple" })
  const right = yield* verify({ password: "correct horse battery staple", hash: stored })
  const wrong = yield* verify({ password: "Tr0ub4dor&3", hash: stored })
  return `the right password is ${right}, a wrong one ${wrong}`
})

const InAChild = ProcessLayer.make({
  module: new URL("./passwords/live.ts", import.meta.url),
  services: [Passwords]
})

/** Asks the next child when one dies. Hashing twice does no harm. */
const again = <A, E, R>(call: Effect.Effect<A, E | RemoteError, R>) =>
  Effect.catchReason(
    call,
    "RemoteError",
    "ProcessExited",
    ({ signal }) => Effect.andThen(Console.log(`  a child was ended by ${signal}: again`), call)
  )

/** A service made of a service. */
const Resilient = Layer.effect(
  Passwords,
  Effect.map(Passwords, (passwords) => ({
    ...passwords,
    hash: (payload) => again(passwords.hash(payload)),
    verify: (payload) => again(passwords.verify(payload))
  }))
)

/** The program, while its process is killed. */
const disturbed = Effect.gen(function*() {
  const killIt = Effect.map(Process.activeChildren, ([child]) => process.kill(child.pid, "SIGKILL"))
  // the first call is on its way when the kill comes
  const [answer] = yield* Effect.all([program, Effect.andThen(Effect.yieldNow, killIt)], { concurrency: 2 })
  return answer
})

const main = Effect.gen(function*() {
  yield* Console.log(`in this process: ${yield* Effect.provide(program, PasswordsLive)}`)
  yield* Console.log(`in a child: ${yield* Effect.provide(program, InAChild)}`)
  yield* Console.log(`behind a decorator: ${yield* Effect.provide(disturbed, Layer.provide(Resilient, InAChild))}`)
})

main.pipe(Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
