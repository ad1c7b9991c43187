/**
 * The floor of connecting and of calls at an address: Unix sockets, as many bytes in as many turns as a handshake has,
 * of which nothing is computed or looked at, and small messages that come back as they are.
 */
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { join } from "node:path"
import type { Beginner } from "../talker.ts"
import * as W from "../worker.ts"
import * as Child from "./child.ts"
import { smallSize } from "./socket.ts"
import { answerAndChallenge, welcome } from "./socketHandshake.sizes.ts"

const listener = Effect.gen(function*() {
  const path = join(yield* Child.folder, "s")
  yield* Child.listening("./socketHandshake.child.ts", path)
  return path
})

/** A socket whose handshake is over. */
const visit = (path: string): Promise<Net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = Net.connect(path).once("error", reject)
    socket.once("data", () => {
      socket.write(answerAndChallenge)
      socket.once("data", () => {
        socket.write(welcome)
        socket.off("error", reject)
        resolve(socket)
      })
    })
  })

const handshakesAt = (path: string): W.Echo => (count, inFlight) =>
  W.timedPromise(async () => {
    let left = count
    const loop = async () => {
      while (left-- > 0) (await visit(path)).destroy()
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
  })

const message = Buffer.alloc(smallSize)

const tinyAt = (path: string): W.Echo => (count) =>
  Effect.scoped(Effect.flatMap(
    Effect.acquireRelease(Effect.tryPromise(() => visit(path)), (socket) => Effect.sync(() => socket.destroy())),
    (socket) =>
      W.timedPromise(() =>
        new Promise((resolve, reject) => {
          let left = count
          socket.once("close", () => reject(new Error("the socket was closed")))
          socket.on("data", () => {
            if (--left === 0) resolve()
            else socket.write(message)
          })
          socket.write(message)
        })
      )
  ))

/** As who asks, connected to what listens at `path`. */
export const at = (path: string): Beginner => ({ handshakes: handshakesAt(path), tiny: tinyAt(path) })

export const socketHandshake = Effect.map(listener, at)

const begin = (what: keyof Beginner, count: number): W.Timed =>
  Effect.scoped(
    Effect.flatMap(listener, (path) => Child.number("./socketHandshake.fresh.ts", path, what, String(count)))
  )

/** The same, by two processes that have done nothing before. */
export const socketHandshakeFresh: Beginner = {
  handshakes: (count) => begin("handshakes", count),
  tiny: (count) => begin("tiny", count)
}
