/** The floor of all that is sent: a Unix socket, and bytes whose number alone is looked at. */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as W from "../worker.ts"
import * as Child from "./child.ts"

/** about what a small call needs on our wire */
export const smallSize = 24
const numberSize = 8

const connect = Effect.acquireRelease(
  Effect.tryPromise(async () => {
    const folder = mkdtempSync(join(tmpdir(), "emp-bench-"))
    const server = Net.createServer({ pauseOnConnect: true })
    try {
      server.listen(join(folder, "s"))
      await once(server, "listening")
      const here = Net.connect(join(folder, "s"))
      const [there] = await once(server, "connection") as [Net.Socket]
      return { here, there }
    } finally {
      server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }),
  ({ here, there }) =>
    Effect.sync(() => {
      here.destroy()
      there.destroy()
    })
)

/** A child that has the other end. */
const child = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { here, there } = yield* connect
    yield* Child.scoped(
      () =>
        ChildProcess.spawn(process.execPath, [Child.file("./socket.child.ts"), ...args], {
          stdio: ["ignore", "inherit", "inherit", there],
          detached: true
        }),
      () => here.destroy()
    )
    there.destroy()
    return here
  })

/** Counts bytes until all that are expected have come; more are an error. */
const receive = (
  socket: Net.Socket,
  begin: () => { readonly expected: number; readonly more?: (all: number) => void }
) =>
  W.timedPromise(() =>
    new Promise((resolve, reject) => {
      let received = 0
      const done = (error?: Error) => {
        socket.off("data", take).off("close", closed)
        if (error === undefined) resolve()
        else reject(error)
      }
      const closed = () => done(new Error("the socket was closed"))
      const take = (bytes: Buffer) => {
        received += bytes.length
        more?.(received)
        if (received === expected) done()
        else if (received > expected) done(new Error(`${received} bytes came instead of ${expected}`))
      }
      socket.on("data", take).on("close", closed)
      const { expected, more } = begin()
    })
  )

export const socket: W.Solution = Effect.map(child(), (socket) => {
  const echo = (size: number): W.Echo => {
    const message = Buffer.alloc(size)
    return (count, inFlight) =>
      receive(socket, () => {
        let sent = 0
        const send = (messages: number) => {
          const now = Math.min(messages, count - sent)
          sent += now
          if (now > 0) socket.write(now === 1 ? message : Buffer.alloc(now * size))
        }
        send(inFlight)
        return { expected: count * size, more: (received) => send(Math.floor(received / size) + inFlight - sent) }
      })
  }
  return { tiny: echo(smallSize), person: echo(smallSize * 4), bytes: echo }
})

export const source: W.Solution = Effect.map(child("source"), (socket) => {
  const writes = (size: number, perWrite: number): W.Receive => (count) =>
    receive(socket, () => {
      const question = Buffer.alloc(8)
      question.writeUInt32LE(Math.ceil(count / perWrite), 0)
      question.writeUInt32LE(perWrite * size, 4)
      socket.write(question)
      return { expected: Math.ceil(count / perWrite) * perWrite * size }
    })
  return { numbers: (chunk) => writes(numberSize, chunk), blobs: (size) => writes(size, 1) }
})
