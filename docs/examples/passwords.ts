/**
 * Work that blocks, in this process and on another core: how often could the program do something else meanwhile?
 *
 *     node docs/examples/passwords.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Passwords } from "./passwords/contract.ts"
import PasswordsLive from "./passwords/live.ts"

const program = Effect.gen(function*() {
  const passwords = yield* Passwords
  let ticks = 0
  const clock = yield* Effect.forkChild(
    Effect.forever(Effect.andThen(Effect.sleep("5 millis"), Effect.sync(() => ticks++)))
  )
  for (let i = 0; i < 8; i++) yield* passwords.hash({ password: `secret ${i}` })
  yield* Fiber.interrupt(clock)
  yield* Console.log(`hashed 8 passwords; meanwhile the clock ticked ${ticks} times`)
})

const PasswordsOnAnotherCore = ProcessLayer.make({
  module: new URL("./passwords/live.ts", import.meta.url),
  services: [Passwords]
}).pipe(Layer.provide(ProcessLayer.spawn))

const main = Effect.gen(function*() {
  yield* Effect.provide(program, PasswordsLive)
  yield* Effect.provide(program, PasswordsOnAnotherCore)
})

NodeRuntime.runMain(main)
