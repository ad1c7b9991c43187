/** How it is answered: an ordinary Layer. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { NotPositive, Numbers } from "./contract.ts"

export default Numbers.toLayer({
  factor: ({ n }) => n < 1 ? Effect.fail(new NotPositive({ n })) : Effect.sync(() => primeFactors(n))
}) satisfies Remote.Module

const primeFactors = (n: number): Array<number> => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return [d, ...primeFactors(n / d)]
  return n === 1 ? [] : [n]
}
