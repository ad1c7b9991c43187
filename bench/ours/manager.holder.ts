/** Says how many MiB more it and a manager have when it holds so many proxies. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import type * as Address from "effect-multiprocessing/Address"
import * as Manager from "effect-multiprocessing/Manager"
import * as RemoteValue from "effect-multiprocessing/RemoteValue"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { privateMiB } from "../privateMiB.ts"
import { authKey } from "./connection.contract.ts"

const [address, count] = process.argv.slice(2).map((text) => JSON.parse(text)) as [Address.Address, number]

const program = Effect.gen(function*() {
  const { pid } = yield* (yield* Manager.Manager).describe
  const both = Effect.zipWith(privateMiB(process.pid), privateMiB(pid), (ours, its) => ours + its)
  yield* RemoteValue.make(Schema.Int, 0)
  const before = yield* both
  for (let n = 0; n < count; n++) yield* RemoteValue.make(Schema.Int, n)
  yield* Console.log(String((yield* both) - before))
}).pipe(Effect.scoped, Effect.provide(Manager.connect({ address, authKey })))

NodeRuntime.runMain(program)
