/**
 * A TCP server gets a new version while it is busy, and not one connection is lost.
 *
 *     node docs/examples/upgrade.ts
 *
 * It needs `npm install koffi`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Native from "effect-multiprocessing/Native"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Net from "node:net"
import { createInterface } from "node:readline"
import { Front } from "./upgrade/contract.ts"

/** connections in all, those of them that do not wait for the upgrade, and the answers after which it happens */
const [clients, whileUpgrading, upgradeAfter] = [300, 200, 100]

/** A process that accepts, with its workers. */
const start = Effect.fnUntraced(function*(version: number) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const module = new URL("./upgrade/front.ts", import.meta.url)
  const layer = ProcessLayer.make({ module, services: [Front], argv: [String(version)] })
  const context = yield* Layer.buildWithScope(Layer.fresh(layer), scope)
  return { ...Context.get(context, Front), end: Scope.close(scope, Exit.void) }
})

/** A client: asks one line at a time. */
const connect = (port: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => Net.connect(port, "127.0.0.1")),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket) => {
      const lines = createInterface(socket)[Symbol.asyncIterator]()
      return (question: string) =>
        Effect.promise(async () => {
          socket.write(`${question}\n`)
          const { value } = await lines.next()
          return String(value)
        })
    }
  )

const upgrade = Effect.gen(function*() {
  const old = yield* start(1)
  const next = yield* start(2)
  const port = yield* old.listen()

  const answers: Array<string> = []
  const [isBusy, isUpgraded] = [yield* Latch.make(), yield* Latch.make()]
  const client = Effect.fnUntraced(function*(n: number) {
    if (n >= whileUpgrading) yield* isUpgraded.await
    const ask = yield* connect(port)
    answers.push(yield* ask(String(n)))
    if (answers.length === upgradeAfter) yield* isBusy.open
  }, Effect.scoped)
  const all = yield* Effect.forkChild(
    Effect.forEach(Array.from({ length: clients }, (_, n) => n), client, { concurrency: 16 })
  )

  const retired = yield* Effect.scoped(Effect.gen(function*() {
    const ask = yield* connect(port)
    yield* Console.log(yield* ask("a long conversation,"))
    yield* isBusy.await
    yield* next.takeOver({ server: yield* old.handOver() })
    const retired = yield* Effect.forkChild(old.retire())
    yield* isUpgraded.open
    yield* Console.log(yield* ask("and still"))
    return retired
  }))
  const byOld = yield* Fiber.join(retired)
  yield* old.end
  yield* Fiber.join(all)

  yield* Effect.scoped(Effect.gen(function*() {
    const ask = yield* connect(port)
    yield* Console.log(yield* ask("a new one,"))
  }))
  const byNext = yield* next.retire()
  const answered = new Set(answers.flatMap((answer) => /^(\d+) from version [12]$/.exec(answer)?.[1] ?? []))
  yield* Console.log(`${answered.size} of ${clients} were answered meanwhile`)
  yield* Console.log(`${byOld + byNext} were accepted, by both: ${byOld > 0 && byNext > 0}`)
})

Effect.gen(function*() {
  const { descriptors } = yield* Native.capabilities
  if (!descriptors.available) return yield* Console.log(descriptors.why)
  yield* upgrade.pipe(Effect.scoped, Effect.provide(ProcessLayer.spawn))
}).pipe(NodeRuntime.runMain)
