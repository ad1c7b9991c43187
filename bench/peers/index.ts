/** What we are measured beside: the barest ways that Node.js has to ask another process. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const file = (name: string) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))

/** Sends `count` messages, at most `inFlight` of them unanswered. */
export type Exchange = (count: number, inFlight: number) => Effect.Effect<void>

const ended = (child: ChildProcess.ChildProcess): Promise<unknown> =>
  child.exitCode === null && child.signalCode === null ? once(child, "exit") : Promise.resolve()

/** A Node.js that does nothing, from its start to its end. */
export const emptyNode: Effect.Effect<void> = Effect.promise(async () => {
  await once(ChildProcess.spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit")
})

/** `child_process.fork`, and its channel. */
export const forked: Effect.Effect<Exchange, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => ChildProcess.fork(file("forked"))),
  (child) =>
    Effect.promise(() => {
      child.kill("SIGKILL")
      return ended(child)
    })
).pipe(Effect.map((child): Exchange => (count, inFlight) =>
  Effect.callback<void>((resume) => {
    let sent = 0
    let answered = 0
    const send = () => {
      if (sent < count) child.send({ n: sent++ })
    }
    const answer = () => {
      send()
      if (++answered < count) return
      child.off("message", answer)
      resume(Effect.void)
    }
    child.on("message", answer)
    for (let i = 0; i < inFlight; i++) send()
  })
))

/** bytes; about what a small call needs on our wire */
const messageSize = 24

/** A Unix socket, and bytes whose number alone is looked at. */
export const socket: Effect.Effect<Exchange, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const folder = mkdtempSync(join(tmpdir(), "emp-bench-"))
    const path = join(folder, "s")
    const child = ChildProcess.spawn(process.execPath, [file("socket"), path], { stdio: "ignore" })
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5))
    const connection = Net.connect(path)
    await once(connection, "connect")
    return { child, connection, folder }
  }),
  ({ child, connection, folder }) =>
    Effect.promise(async () => {
      connection.destroy()
      await ended(child)
      rmSync(folder, { recursive: true, force: true })
    })
).pipe(Effect.map(({ connection }): Exchange => (count, inFlight) =>
  Effect.callback<void>((resume) => {
    let sent = 0
    let received = 0
    let answered = 0
    const send = (messages: number) => {
      const now = Math.min(messages, count - sent)
      sent += now
      if (now > 0) connection.write(Buffer.alloc(now * messageSize))
    }
    const receive = (bytes: Buffer) => {
      received += bytes.length
      const whole = Math.floor(received / messageSize)
      send(whole - answered)
      answered = whole
      if (answered < count) return
      connection.off("data", receive)
      resume(Effect.void)
    }
    connection.on("data", receive)
    send(inFlight)
  })
))
