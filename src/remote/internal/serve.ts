/** A listening address, and a session for each of its clients. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as Address from "../../connection/Address.ts"
import { ConnectionError, ServerFull } from "../../connection/ConnectionError.ts"
import * as Doorway from "../../connection/internal/doorway.ts"
import type { Link } from "../../connection/internal/link.ts"
import type * as Listener from "../../connection/Listener.ts"
import type { Served } from "../../wire/Method.ts"
import * as Session from "../../wire/Session.ts"
import * as Caller from "./caller.ts"
import * as Greeting from "./greeting.ts"
import * as Settings from "./settings.ts"

export interface Options extends Listener.Options, Settings.Common {
  readonly maxClients?: number | undefined
  readonly calls?: number | undefined
  /** default a new one */
  readonly epoch?: string | undefined
}

export interface Serving {
  readonly address: Address.Address
  readonly epoch: string
  /** those whose session has begun and not ended, finalizers included */
  readonly clients: () => number
}

/** What the session with one client is made with. */
export interface Attended {
  readonly serve: ReadonlyArray<Served>
  readonly onRelease?: (numbers: ReadonlyArray<number>) => void
  /** the client is gone, whatever its handlers still do */
  readonly ended?: () => void
}

const defaultTimeout = 10_000

export const open = Effect.fnUntraced(function*(
  options: Options,
  attend: (peer: string) => Attended
): Effect.fn.Return<Serving, ConnectionError, Scope.Scope> {
  const { calls, maxClients = Number.POSITIVE_INFINITY } = options
  yield* Settings.check(options)
  const doorway = yield* Doorway.open({ ...options, limit: Settings.beginningLimit })
  const context = yield* Effect.context<never>()
  const { address } = doorway
  const name = Address.format(address)
  const epoch = options.epoch ?? randomUUID()
  const timeout = Settings.millis(options.timeout, defaultTimeout)
  const refused = options.onRefused ?? ((error) => Effect.logDebug(error.message))
  const shared = {
    epoch,
    window: calls === undefined ? undefined : { calls },
    ...Settings.sessionOptions(
      address,
      options,
      (message) => void Effect.runForkWith(context)(Effect.logWarning(message))
    )
  } satisfies Partial<Session.Options>

  let count = 0
  const receive = Effect.fnUntraced(function*(link: Link) {
    if (count >= maxClients) return yield* Greeting.within(link.peer, timeout, full(link))
    yield* Effect.acquireRelease(Effect.sync(() => count++), () => Effect.sync(() => count--))
    yield* Greeting.within(link.peer, timeout, Greeting.answer(link))
    const caller = new Caller.Caller()
    const { ended = nothing, onRelease, serve } = attend(link.peer)
    yield* Effect.addFinalizer(() => Effect.sync(ended))
    const session = yield* Session.make({
      ...shared,
      serve,
      onRelease,
      transport: link.toTransport(),
      context: Context.make(Caller.current, caller)
    })
    caller.opened(session)
    // So that the client asks nothing more of this server, and knows why its calls are interrupted.
    yield* Effect.addFinalizer(() => session.isOpen() ? session.requestClose(shared.closeTimeout) : Effect.void)
    const fail = (reason: Parameters<typeof Greeting.reasonOf>[0]) =>
      Effect.fail(new ConnectionError({ reason: Greeting.reasonOf(reason, link.peer) }))
    yield* Greeting.within(link.peer, timeout, Effect.catch(Effect.asVoid(session.ready), ({ reason }) => fail(reason)))
    const reason = yield* session.closed
    ended()
    if (reason._tag === "ProtocolViolation") return yield* fail(reason)
  })
  const full = (link: Link) => {
    const reason = new ServerFull({ address: name, limit: maxClients })
    return Greeting.refuse(link, reason)
  }

  const fibers = yield* FiberSet.make()
  const next = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const own = yield* Scope.make()
      const link = yield* Effect.onError(restore(Scope.provide(doorway.accept, own)), (cause) =>
        Scope.close(own, Exit.failCause(cause)))
      const attended = Effect.onExit(Effect.interruptible(Scope.provide(receive(link), own)), (exit) =>
        Scope.close(own, exit))
      yield* FiberSet.run(fibers, Effect.catch(attended, refused))
    })
  )
  // Ends before the clients do: nobody comes in while they leave.
  yield* Effect.forkScoped(Effect.ignore(Effect.forever(next)))
  return { address, epoch, clients: () => count }
})

const nothing = (): void => {}
