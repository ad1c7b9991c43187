import type * as Manager from "effect-multiprocessing/Manager"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Ledger } from "./contract.ts"

export default Ledger.toLayer(() =>
  Effect.sync(() => {
    const lines: Array<string> = []
    return {
      write: ({ line }) => Effect.sync(() => void lines.push(line)),
      lines: () => Stream.fromIterable(lines)
    }
  })
) satisfies Manager.Module
