/** Says how many MiB more it and a manager have when it holds so many proxies. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import type * as Address from "effect-multiprocessing/Address"
import * as Manager from "effect-multiprocessing/Manager"
import * as RemoteValue from "effect-multiprocessing/RemoteValue"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { idleMiB } from "../privateMiB.ts"
import { authKey } from "./connection.contract.ts"

const [address, count, quick] = process.argv.slice(2).map((text) => JSON.parse(text)) as [
  Address.Address,
  number,
  boolean
]

const program = Effect.gen(function*() {
  const { pid } = yield* (yield* Manager.Manager).describe
  const both = idleMiB([process.pid, pid], quick)
  const hold = Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => RemoteValue.make(Schema.Int, n))
  // What the work takes once, whatever it is for, is no proxy's: code that was compiled, a heap that is larger.
  yield* hold
  const before = yield* both
  yield* hold
  yield* Console.log(String((yield* both) - before))
}).pipe(Effect.scoped, Effect.provide(Manager.connect({ address, authKey })))

NodeRuntime.runMain(program)
