/** Two managers at two addresses, in processes of their own; objects of the one hold proxies of the other. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Manager from "effect-multiprocessing/Manager"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Account, Ledger } from "./accounts/contract.ts"

const started = (file: string, address?: string) =>
  Effect.map(
    Layer.build(Manager.layer({ module: new URL(file, import.meta.url), address })),
    (context) => Context.get(context, Manager.Manager)
  )

Effect.gen(function*() {
  const ledgers = yield* started("./accounts/ledgers.live.ts")
  const accounts = yield* started("./accounts/accounts.live.ts", "tcp://127.0.0.1:0")

  // This program lets go of the ledger: the account holds it from now on.
  const own = yield* Scope.make()
  const account = yield* Effect.scoped(Effect.gen(function*() {
    const ledger = yield* ledgers.create(Ledger)
    return yield* Scope.provide(accounts.create(Account, { owner: "ann", ledger }), own)
  }))
  yield* account.deposit({ amount: 70 })
  yield* account.withdraw({ amount: 50 })
  const { missing } = yield* Effect.flip(Effect.catchTag(account.withdraw({ amount: 50 }), "RemoteError", Effect.die))
  yield* Console.log(`ann has ${missing} too little`)

  // It comes back through the other manager, and is asked where it is.
  yield* Effect.scoped(Effect.gen(function*() {
    const ledger = yield* account.ledger()
    yield* Stream.runForEach(ledger.lines(), (line) => Console.log(line))
  }))
  yield* Console.log(`ledgers: ${yield* ledgers.numberOfObjects}`)

  yield* Scope.close(own, yield* Effect.exit(Effect.void))
  yield* Effect.repeat(ledgers.numberOfObjects, { until: (n) => n === 0 })
  yield* Console.log("ledgers: 0")
}).pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn), NodeRuntime.runMain)
