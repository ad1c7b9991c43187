/**
 * Where things are fetched that were promised in messages, each once.
 *
 *     holder --- a message with a ticket ---> receiver
 *       |                                        |
 *       '-- desk's socket <-- digest, handshake --'
 *
 * Whoever has the ticket has the thing: its token is the key of the handshake, in which both sides show that they know
 * it and neither sends it. A digest of the token says which thing is meant. The socket is made for the first of them, in
 * a folder of this user's.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { createHash, randomBytes } from "node:crypto"
import * as Path from "node:path"
import * as OwnFolder from "../../guard/internal/ownFolder.ts"
import * as AuthKeys from "../../wire/internal/authKey.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import type * as Address from "../Address.ts"
import { ClaimRefused, ConnectionError, type ConnectionErrorReason, HandshakeTimeout } from "../ConnectionError.ts"
import * as Doorway from "./doorway.ts"
import { authenticate, type Role } from "./handshake.ts"
import type { Link } from "./link.ts"

/** What a message holds. */
export interface Ticket {
  readonly path: string
  readonly token: Uint8Array
}

/** What waits to be fetched; either of these happens, once. */
export interface Item {
  /** Somebody has shown its token, and is told that it is here. */
  readonly collect: (link: Link) => void
  /** Nobody will. */
  readonly forget: () => void
}

export interface Desk {
  /** how many things wait */
  readonly waiting: () => number
  /**
   * Opens it, and gives what promises a thing, which waits for so many milliseconds: to be called at once, since the desk
   * may be closed later.
   */
  readonly opened: Effect.Effect<(item: Item, expiry: number) => Ticket, ConnectionError>
}

/** milliseconds that it may take to fetch something, the handshake included */
const deadline = 10_000

/** bytes of a token, as hard to guess as any key */
const tokenSize = 32

const granted = Uint8Array.of(1)
const refused = Uint8Array.of(0)

const digestOf = (token: Uint8Array): Buffer => createHash("sha256").update(token).digest()

/** The end of the Scope forgets all that waits. */
export const make = Effect.fnUntraced(function*(): Effect.fn.Return<Desk, never, Scope.Scope> {
  const scope = yield* Effect.scope
  /** by the digest of their token, in hexadecimal digits */
  const entries = new Map<string, Item & { readonly token: Uint8Array; readonly stopWaiting: () => void }>()
  /** which of them somebody has shown the token of */
  const wanted = new WeakMap<Link, string>()
  let isOpen = true
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isOpen = false
      for (const { forget, stopWaiting } of entries.values()) {
        stopWaiting()
        forget()
      }
      entries.clear()
    })
  )

  const known = Effect.fnUntraced(function*(link: Link) {
    const name = Buffer.from(yield* link.receiveBytes()).toString("hex")
    // Who asks for what is not there is not told so: nothing that it could know answers to a random key.
    const token = entries.get(name)?.token ?? randomBytes(tokenSize)
    yield* authenticate(link, "listener", AuthKeys.make(token), {})
    wanted.set(link, name)
  })
  const welcome = (link: Link): void => {
    const name = wanted.get(link)!
    const entry = entries.get(name)
    if (entry === undefined) {
      // Somebody else was faster, by a handshake's length.
      return void Effect.runFork(Effect.andThen(Effect.ignore(link.sendBytes(refused)), link.close))
    }
    entries.delete(name)
    entry.stopWaiting()
    Effect.runSync(Effect.ignore(link.sendBytes(granted)))
    entry.collect(link)
  }

  // A process that only fetches needs no socket.
  let door: Doorway.Doorway | undefined
  const oneAtATime = yield* Semaphore.make(1)
  const openedDoor = Effect.suspend(() =>
    door !== undefined ?
      Effect.succeed(door) :
      Doorway.open({ authKey: "none", timeout: deadline }, { known, welcome }).pipe(
        Scope.provide(scope),
        Effect.tap((made) => Effect.sync(() => door = made))
      )
  ).pipe(Effect.uninterruptible, oneAtATime.withPermits(1))

  const closed = new ConnectionError({ reason: new ClaimRefused({ peer: "this process", detail: closedDetail }) })
  const put = (path: string) => (item: Item, expiry: number): Ticket => {
    const token = randomBytes(tokenSize)
    const name = digestOf(token).toString("hex")
    const stopWaiting = RunningTime.after(expiry, () => {
      entries.delete(name)
      item.forget()
    })
    entries.set(name, { ...item, token, stopWaiting })
    return { path, token: new Uint8Array(token) }
  }
  return {
    waiting: () => entries.size,
    opened: Effect.flatMap(
      Effect.suspend(() => isOpen ? openedDoor : Effect.fail(closed)),
      ({ address }) => isOpen ? Effect.succeed(put((address as typeof Address.Unix.Type).path)) : Effect.fail(closed)
    )
  }
})

export const closedDetail = "its Layer has ended"

/** what the handshake ends with where nobody has such a thing */
const saysNo = new Set<string>(["AuthenticationFailed", "EndOfStream", "ConnectionBroken", "Truncated"])

/**
 * Shows the token over a connection to the desk, once that is there. Fails if the thing is not there any more, or
 * nobody answers; closing the connection is up to the caller.
 */
export const show = (
  { token }: Ticket,
  link: Link,
  connected: Effect.Effect<void, ConnectionError>,
  role: Exclude<Role, "listener">
): Effect.Effect<void, ConnectionError> => {
  const fail = (reason: ConnectionErrorReason) => Effect.fail(new ConnectionError({ reason }))
  const { peer } = link
  const shown = Effect.gen(function*() {
    yield* connected
    yield* link.sendBytes(digestOf(token))
    yield* authenticate(link, role, AuthKeys.make(token), {})
    return (yield* link.receiveBytes())[0] === granted[0]
  }).pipe(Effect.catchIf(({ reason }) => saysNo.has(reason._tag), () => Effect.succeed(false)))
  return Effect.flatMap(RealTime.within(shown, deadline), (answer) =>
    Option.isNone(answer)
      ? fail(new HandshakeTimeout({ peer, timeout: deadline }))
      : answer.value
      ? Effect.void
      : fail(new ClaimRefused({ peer, detail: "it was claimed before, or not in time" })))
}

/** Why a path is none that a desk of this user's can have: a message must not make this process knock anywhere else. */
export const strange = ({ path }: Ticket): string | undefined => {
  const base = Path.dirname(Path.dirname(path))
  if (Path.normalize(path) !== path || !Path.isAbsolute(path) || Path.basename(base) !== `emp-${OwnFolder.uid()}`) {
    return "the path is not one of this user's"
  }
  try {
    return OwnFolder.refusal(base)
  } catch (error) {
    return (error as NodeJS.ErrnoException).message
  }
}
