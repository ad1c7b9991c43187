/** The program does not know where its service is: one Layer says so. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Numbers } from "./factors/contract.ts"

const program = Effect.gen(function*() {
  const { factor } = yield* Numbers
  const numbers = [600851475143, 112272535095293, 1099726899285419, 100000980001501]
  const factors = yield* Effect.forEach(numbers, (n) => factor({ n }), { concurrency: "unbounded" })
  yield* Effect.forEach(factors, (primes, i) => Console.log(`${numbers[i]} = ${primes.join(" * ")}`))
})

const NumbersOnTwoCores = ProcessLayer.make({
  module: new URL("./factors/live.ts", import.meta.url),
  services: [Numbers],
  size: 2
})

program.pipe(Effect.provide(NumbersOnTwoCores), Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
