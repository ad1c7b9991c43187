/**
 * The floor of connecting and of calls at an address: Unix sockets, as many bytes in as many turns as a handshake has,
 * of which nothing is computed or looked at, and small messages that come back as they are.
 */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import type { Beginner } from "../talker.ts"
import * as W from "../worker.ts"
import * as Child from "./child.ts"
import { answerAndChallenge, smallSize, welcome } from "./socketHandshake.sizes.ts"

const listener = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "emp-bench-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const path = join(folder, "s")
  const child = yield* Child.scoped(
    () =>
      ChildProcess.spawn(process.execPath, [Child.file("./socketHandshake.child.ts"), path], {
        stdio: ["pipe", "pipe", "inherit"],
        detached: true
      }),
    (child) => child.stdin.end()
  )
  yield* Effect.tryPromise({ try: () => once(child.stdout, "data"), catch: (error) => error })
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
  Effect.scoped(Effect.gen(function*() {
    const path = yield* listener
    const child = yield* Child.scoped(
      () =>
        ChildProcess.spawn(
          process.execPath,
          [Child.file("./socketHandshake.fresh.ts"), path, what, String(count)],
          { stdio: ["ignore", "pipe", "inherit"], detached: true }
        ),
      (child) => child.kill("SIGTERM")
    )
    return Number(yield* Effect.tryPromise({ try: () => text(child.stdout), catch: (error) => error }))
  }))

/** The same, by two processes that have done nothing before. */
export const socketHandshakeFresh: Beginner = {
  handshakes: (count) => begin("handshakes", count),
  tiny: (count) => begin("tiny", count)
}
