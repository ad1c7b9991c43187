import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Inlet from "../../src/wire/internal/inlet.ts"
import { ProcessExited } from "../../src/wire/RemoteError.ts"
import * as Session from "../../src/wire/Session.ts"
import * as Transport from "../../src/wire/Transport.ts"

const fixture = fileURLToPath(new URL("../fixtures/wire/sessionChild.ts", import.meta.url))

export interface Child {
  readonly process: ChildProcess
  readonly session: Session.Session
  readonly socket: Net.Socket
  readonly exited: Effect.Effect<ProcessExited>
}

/** A child of its own with a session to it, both gone with the Scope. */
export const start = (
  how: "inherited" | "uds" | "tcp" = "inherited",
  options: Partial<Session.Options> = {}
): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { child, inlet, socket } = yield* Effect.acquireRelease(
      Effect.promise((): Promise<Connected> => how === "inherited" ? inherited() : accepted(how)),
      ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
    )
    const exited = exitOf(child)
    const session = yield* Session.make({
      transport: Transport.fromSocket(socket, { peer: `child (pid ${child.pid})`, inlet }),
      disconnected: exited,
      ...options
    })
    return { process: child, session, socket, exited }
  })

interface Connected {
  readonly child: ChildProcess
  readonly socket: Net.Socket
  readonly inlet: Transport.Inlet | undefined
}

const exitOf = (child: ChildProcess): Effect.Effect<ProcessExited> => {
  const exit = new Promise<ProcessExited>((resolve) => {
    child.once("exit", (code, signal) =>
      resolve(
        new ProcessExited({
          name: "child",
          pid: child.pid!,
          exitCode: code ?? -1,
          signal: signal ?? undefined,
          stderr: undefined,
          outOfMemory: "unknown",
          detail: undefined
        })
      ))
  })
  return Effect.promise(() => exit)
}

/** One end of a connection within this process goes to the child as fd 3, and a frame on it first. */
const inherited = async (): Promise<Connected> => {
  const folder = mkdtempSync(join(tmpdir(), "emp-test-"))
  const path = join(folder, "socket")
  const server = Net.createServer({ pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const connection = new Promise<Net.Socket>((resolve) => server.once("connection", resolve))
  const inlet = Inlet.make()
  const socket = Net.connect({ path, onread: inlet.onread })
  const theirs = await connection
  const child = spawn(process.execPath, [fixture, "inherited"], { stdio: ["ignore", "inherit", "inherit", theirs] })
  theirs.destroy()
  server.close()
  rmSync(folder, { recursive: true })
  const greeting = Buffer.from("the parent")
  const header = Buffer.alloc(4)
  header.writeInt32BE(greeting.length)
  socket.write(Buffer.concat([header, greeting]))
  return { child, inlet, socket }
}

const accepted = async (how: "uds" | "tcp"): Promise<Connected> => {
  const folder = mkdtempSync(join(tmpdir(), "emp-test-"))
  const server = Net.createServer()
  await new Promise<void>((resolve) =>
    how === "tcp" ? server.listen(0, "127.0.0.1", resolve) : server.listen(join(folder, "socket"), resolve)
  )
  const connection = new Promise<Net.Socket>((resolve) => server.once("connection", resolve))
  const at = how === "tcp" ? String((server.address() as Net.AddressInfo).port) : join(folder, "socket")
  const child = spawn(process.execPath, [fixture, how, at], { stdio: ["ignore", "inherit", "inherit"] })
  const socket = await connection
  server.close()
  rmSync(folder, { recursive: true })
  return { child, socket, inlet: undefined }
}

const offeringFixture = fileURLToPath(new URL("../fixtures/wire/sessionOffering.ts", import.meta.url))

/** What a process reports that has offered so many MiB to a stopped child. */
export const offering = (mebibytes: number): Effect.Effect<{
  readonly offered: number
  readonly streamed: number
  readonly called: number
  /** MiB */
  readonly streamGrowth: number
  /** MiB */
  readonly callsGrowth: number
}> =>
  Effect.promise(async () => {
    const args = ["--expose-gc", offeringFixture, String(mebibytes)]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
    let output = ""
    for await (const text of child.stdout.setEncoding("utf8")) output += text
    return JSON.parse(output)
  })
