import type * as Manager from "effect-multiprocessing/Manager"
import * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { Account, Overdrawn } from "./contract.ts"

export default Account.toLayer(({ ledger: given, owner }) =>
  Effect.gen(function*() {
    // Kept beyond this call: a lease of the account's own, in the manager of the ledgers.
    const ledger = yield* Remote.retain(given)
    let balance = 0
    const change = (amount: number) => {
      balance += amount
      return Effect.as(ledger.write({ line: `${owner}: ${amount}` }), balance)
    }
    return {
      deposit: ({ amount }) => change(amount),
      withdraw: ({ amount }) =>
        amount > balance ? Effect.fail(new Overdrawn({ missing: amount - balance })) : change(-amount),
      ledger: () => Effect.succeed(ledger)
    }
  })
) satisfies Manager.Module
