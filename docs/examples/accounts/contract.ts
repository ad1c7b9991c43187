/** Two kinds of objects, of two managers: accounts, and what is written down of them. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export class Ledger extends Remote.Object<Ledger>()("bank/Ledger", {
  methods: {
    write: { payload: { line: Schema.String } },
    lines: { success: Schema.String, stream: true }
  }
}) {}

export class Overdrawn extends Schema.TaggedError<Overdrawn>()("Overdrawn", { missing: Schema.Int }) {}

export class Account extends Remote.Object<Account>()("bank/Account", {
  payload: { owner: Schema.String, ledger: Ledger.schema },
  methods: {
    deposit: { payload: { amount: Schema.Int }, success: Schema.Int },
    withdraw: { payload: { amount: Schema.Int }, success: Schema.Int, error: Overdrawn },
    ledger: { success: Ledger.schema }
  }
}) {}
