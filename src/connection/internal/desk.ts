/**
 * Where things are fetched that were promised in messages, each once.
 *
 *     holder --- a message with a ticket ---> receiver
 *       |                                        |
 *       '-- desk's socket <-- claim --- grant -->'
 *
 * Whoever has the ticket has the thing: a digest of its token says which one is meant, another shows that the receiver
 * knows the token, and a third, which comes with the thing, that the holder does. Neither sends the token itself. Plain
 * digests do: it is random, has one length, and is good once, so that there is nothing to guess, to append or to repeat.
 * The socket is made for the first of them, in a folder of this user's.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { hash, randomBytes, timingSafeEqual } from "node:crypto"
import * as Path from "node:path"
import * as OwnFolder from "../../guard/internal/ownFolder.ts"
import * as RealTime from "../../wire/internal/realTime.ts"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import type * as Address from "../Address.ts"
import { ClaimRefused, ConnectionError, type ConnectionErrorReason, HandshakeTimeout } from "../ConnectionError.ts"
import * as Doorway from "./doorway.ts"
import type { Link } from "./link.ts"
import { strangersLimit } from "./options.ts"

/** What a message holds. */
export interface Ticket {
  readonly path: string
  readonly token: Uint8Array
}

/** What waits to be fetched. */
export interface Item {
  /**
   * Gives it to somebody who has shown its token, with the grant as a message; all in one step, after which it is not
   * here any more. What is to be waited for if that is not possible at the moment: then it is asked again.
   */
  readonly give: (link: Link, grant: Uint8Array) => Effect.Effect<void> | undefined
  /** Nobody has fetched it, and nobody will. */
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

/** milliseconds that it may take to fetch something */
export const deadline = 10_000

/** bytes of a token, as hard to guess as any key */
const tokenSize = 32

const digestSize = 32

/** connections that are kept for further claims; beyond that the one that was not used for the longest time is closed */
const mostKept = 256

const digest = (what: string, token: Uint8Array): Buffer =>
  hash("sha256", Buffer.concat([Buffer.from(what), token]), "buffer")

/** Says which thing is meant. */
const nameOf = (token: Uint8Array): Buffer => digest("", token)

/** Asks for a thing, and shows that its token is known: one message. */
export const claimOf = (token: Uint8Array): Uint8Array => Buffer.concat([nameOf(token), digest("claim", token)])

const grantOf = (token: Uint8Array): Buffer => digest("grant", token)

/** The answer to whoever asks for what is not there. Nothing has a grant like this. */
const refusal = Buffer.alloc(digestSize)

/** What an answer says: `"forged"` is of somebody who does not know the token. */
export const meaningOf = (answer: Uint8Array, token: Uint8Array): "granted" | "refused" | "forged" =>
  answer.length !== digestSize
    ? "forged"
    : timingSafeEqual(answer, grantOf(token))
    ? "granted"
    : refusal.equals(answer)
    ? "refused"
    : "forged"

export const closedDetail = "its Layer has ended"
export const goneDetail = "its holder is gone"
export const refusedDetail = "it was claimed before, or not in time"
export const forgedDetail = "whoever answers there does not know the token"

interface Entry extends Item {
  readonly name: string
  readonly proof: Uint8Array
  readonly grant: Uint8Array
  readonly stopWaiting: () => void
}

/** The end of the Scope forgets all that waits. */
export const make = Effect.fnUntraced(function*(): Effect.fn.Return<Desk, never, Scope.Scope> {
  const scope = yield* Effect.scope
  /** by the digest of their token, in hexadecimal digits */
  const entries = new Map<string, Entry>()
  /** with what they came in */
  const firstClaims = new WeakMap<Link, Uint8Array>()
  /** who may claim more, the one that did so last at the end */
  const kept = new Set<Link>()
  let isOpen = true
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isOpen = false
      for (const link of kept) link.destroy()
      for (const { forget, stopWaiting } of entries.values()) {
        stopWaiting()
        forget()
      }
      entries.clear()
    })
  )
  const run = yield* FiberSet.makeRuntime<never>()

  /** Of what is not there: nothing that anybody could know has this digest, and it takes as long to say so. */
  const nobodys = randomBytes(digestSize)
  const claimed = (claim: Uint8Array): Entry | undefined => {
    if (claim.length !== 2 * digestSize) return undefined
    const entry = entries.get(Buffer.from(claim.subarray(0, digestSize)).toString("hex"))
    return timingSafeEqual(claim.subarray(digestSize), entry?.proof ?? nobodys) ? entry : undefined
  }
  const refuse = (link: Link) => Effect.andThen(link.sendBytes(refusal), link.flush)

  const known = Effect.fnUntraced(function*(link: Link) {
    const claim = yield* link.receiveBytes()
    if (claimed(claim) === undefined) {
      yield* refuse(link)
      return yield* Effect.fail(
        new ConnectionError({ reason: new ClaimRefused({ peer: link.peer, detail: refusedDetail }) })
      )
    }
    firstClaims.set(link, claim)
  })

  const answer = (link: Link, claim: Uint8Array): Effect.Effect<void, ConnectionError> =>
    Effect.suspend(() => {
      const entry = claimed(claim)
      if (entry === undefined) return refuse(link)
      const room = entry.give(link, entry.grant)
      if (room !== undefined) return Effect.andThen(room, answer(link, claim))
      entries.delete(entry.name)
      entry.stopWaiting()
      return Effect.void
    })

  const keep = (link: Link): void => {
    kept.delete(link)
    kept.add(link)
    if (kept.size <= mostKept) return
    const [oldest] = kept
    oldest!.destroy()
  }

  const attend = Effect.fnUntraced(function*(link: Link, first: Uint8Array) {
    for (let claim = first;; claim = yield* link.receiveBytes()) {
      yield* answer(link, claim)
      // A thing may need the connection for itself.
      if (!link.isOpen) return
      keep(link)
    }
  })

  const welcome = (link: Link): void => {
    const fiber = run(Effect.ignore(attend(link, firstClaims.get(link)!)))
    link.whenClosed(() => {
      kept.delete(link)
      fiber.interruptUnsafe()
    })
  }

  // A process that only fetches needs no socket.
  let door: Doorway.Doorway | undefined
  const oneAtATime = yield* Semaphore.make(1)
  const openedDoor = Effect.suspend(() =>
    door !== undefined ?
      Effect.succeed(door) :
      Doorway.open({ authKey: "none", timeout: deadline, limit: strangersLimit }, { known, welcome }).pipe(
        Scope.provide(scope),
        Effect.tap((made) => Effect.sync(() => door = made))
      )
  ).pipe(Effect.uninterruptible, oneAtATime.withPermits(1))

  const closed = new ConnectionError({ reason: new ClaimRefused({ peer: "this process", detail: closedDetail }) })
  const put = (path: string) => (item: Item, expiry: number): Ticket => {
    const token = randomBytes(tokenSize)
    const name = nameOf(token).toString("hex")
    const stopWaiting = RunningTime.after(expiry, () => {
      entries.delete(name)
      item.forget()
    })
    entries.set(name, { ...item, name, proof: digest("claim", token), grant: grantOf(token), stopWaiting })
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

/** how a connection ends of whoever had nothing to give */
const saysNo = new Set<string>(["EndOfStream", "ConnectionBroken", "Truncated"])

/**
 * Claims a thing over a connection to the desk, once that is there. Fails if the thing is not there any more, or nobody
 * answers who knows its token; closing the connection is up to the caller.
 */
export const show = (
  { token }: Ticket,
  link: Link,
  connected: Effect.Effect<void, ConnectionError>
): Effect.Effect<void, ConnectionError> => {
  const fail = (reason: ConnectionErrorReason) => Effect.fail(new ConnectionError({ reason }))
  const { peer } = link
  const refused = (detail: string) => fail(new ClaimRefused({ peer, detail }))
  const shown = Effect.gen(function*() {
    yield* connected
    yield* link.sendBytes(claimOf(token))
    const meaning = meaningOf(yield* link.receiveBytes(), token)
    if (meaning !== "granted") yield* refused(meaning === "refused" ? refusedDetail : forgedDetail)
  }).pipe(Effect.catchIf(({ reason }) => saysNo.has(reason._tag), () => refused(goneDetail)))
  return Effect.flatMap(
    RealTime.within(shown, deadline),
    Option.match({ onNone: () => fail(new HandshakeTimeout({ peer, timeout: deadline })), onSome: Effect.succeed })
  )
}

/** Why a path is none that a desk of this user's can have: a message must not make this process knock anywhere else. */
export const strange = (path: string): string | undefined => {
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
