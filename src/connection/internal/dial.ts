/** Connects to a listener, and shows that this side has the key. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import * as Address from "../Address.ts"
import { ConnectionError, type ConnectionErrorReason, HandshakeTimeout } from "../ConnectionError.ts"
import { FrameReader } from "./frameReader.ts"
import { Handshake } from "./handshake.ts"
import { Link } from "./link.ts"
import * as Open from "./open.ts"
import { type Resolved, strangersLimit } from "./options.ts"
import * as OwnAddresses from "./ownAddresses.ts"
import * as Secure from "./secure.ts"

/** Completes when both sides have shown the key; nothing is left of a connection that fails or is interrupted. */
export const dial = (resolved: Resolved, secure: Secure.Dial | undefined): Effect.Effect<Link, ConnectionError> =>
  Effect.callback((resume) => {
    const { address, authKey, limit, policy, timeout } = resolved
    const peer = Address.format(address)
    const reader = new FrameReader(strangersLimit)
    const { inlet, socket, whenConnected } = Open.connect(address, secure, reader)
    const link = new Link(socket, peer, strangersLimit, inlet, reader)
    const done = (failure: ConnectionErrorReason | undefined): void => {
      relent()
      if (failure === undefined) {
        link.trust(limit)
        return resume(Exit.succeed(link))
      }
      link.destroy()
      resume(Exit.fail(new ConnectionError({ reason: failure })))
    }
    const relent = RunningTime.after(timeout, () => {
      drop()
      done(new HandshakeTimeout({ peer, timeout }))
    })
    let drop = whenConnected((failure) => {
      if (failure !== undefined || authKey === "none") return done(failure)
      const role = OwnAddresses.has(address) ? "client-of-self" : "client"
      const handshake = new Handshake(
        link,
        role,
        authKey,
        policy,
        (failure) => done(failure === undefined || secure === undefined ? failure : Secure.explained(link, failure))
      )
      drop = () => handshake.stop()
      handshake.begin()
    })
    return Effect.sync(() => {
      relent()
      drop()
      link.destroy()
    })
  })
