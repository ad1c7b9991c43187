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
const smallSize = 24

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

export const socket: W.Solution = Effect.gen(function*() {
  const { here, there } = yield* connect
  yield* Child.scoped(
    () =>
      ChildProcess.spawn(process.execPath, [Child.file("./socket.child.ts")], {
        stdio: ["ignore", "inherit", "inherit", there],
        detached: true
      }),
    () => here.destroy()
  )
  there.destroy()

  const echo = (size: number): W.Echo => {
    const message = Buffer.alloc(size)
    return (count, inFlight) =>
      W.timedPromise(() =>
        new Promise((resolve, reject) => {
          let sent = 0
          let received = 0
          let answered = 0
          const send = (messages: number) => {
            const now = Math.min(messages, count - sent)
            sent += now
            if (now === 1) here.write(message)
            else if (now > 1) here.write(Buffer.alloc(now * size))
          }
          const done = (error?: Error) => {
            here.off("data", receive).off("close", closed)
            if (error === undefined) resolve()
            else reject(error)
          }
          const closed = () => done(new Error("the socket was closed"))
          const receive = (bytes: Buffer) => {
            received += bytes.length
            const whole = Math.floor(received / size)
            send(whole - answered)
            answered = whole
            if (answered === count) done()
          }
          here.on("data", receive).on("close", closed)
          send(inFlight)
        })
      )
  }
  return { tiny: echo(smallSize), person: echo(smallSize * 4), bytes: echo }
})
