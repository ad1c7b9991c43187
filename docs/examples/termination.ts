/**
 * A program that ends in order: by itself, by Ctrl-C, by `kill`, or when its terminal is closed.
 *
 *     node docs/examples/termination.ts
 *     node docs/examples/termination.ts wait    # then press Ctrl-C, once; `echo $?` says 130
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Finalizer from "effect-multiprocessing/Finalizer"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ponder } from "./words/contract.ts"

/** A child that outlives the program's own Scopes: the exit ends it. */
const Thinker = Layer.effectDiscard(Process.start(ponder, { name: "thinker" }))

const program = Effect.gen(function*() {
  // Before the children end, and after. Each runs at most once, whatever the others do.
  yield* Finalizer.register(Console.log("first: no more work is taken"), { exitPriority: 10 })
  yield* Finalizer.register(Console.log("last: the lock file is removed"), { exitPriority: -10 })

  // What can be done sooner is done by hand, and not again.
  const early = yield* Finalizer.register(Console.log("early: by hand"), { exitPriority: 0 })
  yield* early.run

  yield* Effect.addFinalizer(() => Console.log("the program's own Scope"))
  yield* Console.log("up")
  if (process.argv[2] === "wait") yield* Effect.never
}).pipe(Effect.scoped)

const Exit = Finalizer.layer({
  deadline: "8 seconds",
  onReport: ({ children, signal }) =>
    Console.log(
      `${Option.getOrElse(signal, () => "no signal")}: ` +
        children.map(({ late, name }) => `${name} ended ${late ? "by force" : "in order"}`).join(", ")
    )
})

program.pipe(
  // Inside of what has children: it ends before them.
  Effect.provide(Exit),
  Effect.provide(Thinker),
  Effect.provide(ProcessLayer.spawn),
  NodeRuntime.runMain({ teardown: Finalizer.teardown })
)
