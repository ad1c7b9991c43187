/**
 * Calls between two processes over a Unix socket, beside a bare socket in the same run.
 *
 *     npm run build && node bench/session.ts
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Inlet from "../dist/wire/internal/inlet.js"
import { giveBack } from "../dist/wire/internal/memory.js"
import * as Session from "../dist/wire/Session.js"
import * as Transport from "../dist/wire/Transport.js"
import { Person } from "./schemas.ts"

const MiB = 1 << 20

const method = (name: string, payload: Schema.Top, success: Schema.Top, stream = false) =>
  Session.method({ id: `bench/${name}`, payload, success, error: Schema.Never, stream })

const N = Schema.Struct({ n: Schema.Number })
const echo = method("echo", N, Schema.Number)
const fiber = method("fiber", N, Schema.Number)
const people = method("people", Person, Person)
const blob = method("blob", Schema.Uint8Array, Schema.Uint8Array)
const givenBack = method("givenBack", Schema.Uint8Array, Schema.Uint8Array)
const text = method("text", Schema.String, Schema.String)
const range = method("range", Schema.Int, Schema.Number, true)
const singles = method("singles", Schema.Int, Schema.Number, true)

const person = {
  id: 1,
  name: "Ada Lovelace",
  email: "ada@example.org",
  tags: ["a", "b", "c"],
  position: { x: 1.5, y: 2.5 },
  active: true
}

const [, , role] = process.argv

const serve: ReadonlyArray<Session.Served> = [
  { method: echo, handle: (payload) => Effect.succeed((payload as { n: number }).n) },
  { method: fiber, handle: (payload) => Effect.map(Effect.void, () => (payload as { n: number }).n) },
  { method: people, handle: (payload) => Effect.succeed(payload) },
  { method: blob, handle: (payload) => Effect.succeed(payload) },
  {
    method: givenBack,
    handle: (payload) => {
      giveBack(payload as Uint8Array)
      return Effect.succeed(payload)
    }
  },
  { method: text, handle: (payload) => Effect.succeed(payload) },
  { method: range, handle: (n) => Stream.range(1, n as number) },
  { method: singles, handle: (n) => Stream.rechunk(Stream.range(1, n as number), 1) }
]

const median = (values: ReadonlyArray<number>): string => {
  const sorted = values.toSorted((a, b) => a - b)
  const shown = (n: number) => n >= 100 ? n.toFixed(0) : n.toPrecision(3)
  return `${shown(sorted[sorted.length >> 1]!)} [${shown(sorted[0]!)}-${shown(sorted.at(-1)!)}]`
}

const connected = async (role: string, onread?: Inlet.Inlet["onread"]) => {
  const folder = mkdtempSync(join(tmpdir(), "emp-bench-"))
  const at = join(folder, "socket")
  const server = Net.createServer({ pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(at, resolve))
  const connection = new Promise<Net.Socket>((resolve) => server.once("connection", resolve))
  const socket = Net.connect(onread === undefined ? { path: at } : { path: at, onread })
  const theirs = await connection
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), role, at], {
    stdio: ["ignore", "inherit", "inherit", theirs]
  })
  theirs.destroy()
  server.close()
  rmSync(folder, { recursive: true })
  return { socket, child }
}

/** Round trips of 16 bytes on a bare socket. */
const pingPong = (socket: Net.Socket, count: number) =>
  new Promise<void>((resolve) => {
    const message = Buffer.alloc(16)
    let left = count
    socket.removeAllListeners("data").on("data", () => {
      if (--left === 0) resolve()
      else socket.write(message)
    })
    socket.write(message)
  })

const main = async () => {
  const bare = await connected("bare")
  const inlet = Inlet.make()
  const { child, socket } = await connected("serve", inlet.onread)
  const rounds = Number(process.env.ROUNDS ?? 7)
  const scale = Number(process.env.SCALE ?? 1)
  await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const session = yield* Session.make({ transport: Transport.fromSocket(socket, { peer: "child", inlet }) })
    const loops = (one: Effect.Effect<unknown, unknown>, total: number, width: number) =>
      Effect.forEach(
        Array.from({ length: width }, (_, i) => i),
        () =>
          Effect.gen(function*() {
            for (let k = 0; k < total / width; k++) yield* one
          }),
        { concurrency: width, discard: true }
      )
    const call = session.call as (...args: Parameters<typeof session.call>) => Effect.Effect<unknown, unknown>
    const data = new Uint8Array(MiB).fill(7)
    const given = (bytes: unknown) => giveBack(bytes as Uint8Array)
    const letters = "x".repeat(MiB)
    const n = { n: 1 }
    type Case = readonly [name: string, run: Effect.Effect<unknown, unknown>, shown: (ms: number) => number]
    const k = (count: number) => Math.ceil(count * scale)
    const micros = (name: string, count: number, run: Effect.Effect<unknown, unknown>): Case => [
      `${name}, us`,
      run,
      (ms) => ms / count * 1000
    ]
    const thousands = (name: string, count: number, run: Effect.Effect<unknown, unknown>): Case => [
      `${name}, k/s`,
      run,
      (ms) => count / ms
    ]
    const calls = (name: string, width: number, total: number, one: Effect.Effect<unknown, unknown>) =>
      thousands(name, total, loops(one, total, width))
    const echoes = (name: string, width: number, total: number, one: Effect.Effect<unknown, unknown>): Case => [
      `${name}, GiB/s`,
      loops(one, total, width),
      (ms) => total * 2 / 1024 / (ms / 1000)
    ]
    const stream = (name: string, method: Session.Method, total: number) =>
      thousands(name, total, Stream.runDrain(session.stream(method, total) as Stream.Stream<unknown>))
    const cases = [
      micros("bare socket, one by one", k(4000), Effect.promise(() => pingPong(bare.socket, k(4000)))),
      micros("call, one by one", k(4000), loops(call(echo, n), k(4000), 1)),
      calls("64 in flight", 64, k(100_000), call(echo, n)),
      calls("1000 in flight", 1000, k(100_000), call(echo, n)),
      calls("64, handler with a fiber", 64, k(100_000), call(fiber, n)),
      calls("64, with a deadline", 64, k(100_000), call(echo, n, { timeout: 10_000 })),
      calls("64, 6 fields", 64, k(50_000), call(people, person)),
      echoes("1 MiB", 1, k(60), call(blob, data)),
      echoes("1 MiB, 8 in flight", 8, k(64), call(blob, data)),
      echoes("1 MiB, given back", 1, k(60), Effect.map(call(givenBack, data), given)),
      echoes("1 MiB, given back, 8 in flight", 8, k(64), Effect.map(call(givenBack, data), given)),
      echoes("1 MiB of text", 1, k(60), call(text, letters)),
      stream("stream", range, k(400_000)),
      stream("stream of single elements", singles, k(100_000))
    ]
    const only = process.env.ONLY
    for (const [name, run, shown] of cases) {
      if (only !== undefined && !name.includes(only)) continue
      const found: Array<number> = []
      yield* run
      for (let round = 0; round < rounds; round++) {
        const start = performance.now()
        yield* run
        found.push(shown(performance.now() - start))
      }
      console.log(name.padEnd(34), median(found))
    }
  })) as Effect.Effect<void>)
  child.kill("SIGKILL")
  bare.child.kill("SIGKILL")
  process.exit(0)
}

const served = async () => {
  const inlet = Inlet.make()
  const socket = new Net.Socket({ fd: 3, onread: inlet.onread })
  await Effect.runPromise(Effect.scoped(Effect.flatMap(
    Session.make({ transport: Transport.fromSocket(socket, { peer: "parent", inlet }), serve }),
    (session) => session.closed
  )))
}

if (role === "serve") await served()
else if (role === "bare") {
  const socket = new Net.Socket({ fd: 3 })
  socket.on("data", () => socket.write(Buffer.alloc(16)))
} else await main()
