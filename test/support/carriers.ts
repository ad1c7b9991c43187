/** What carries the two ends of a session: memory, and connections as processes have them, after their handshake. */
import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { authenticate } from "../../src/connection/internal/handshake.ts"
import { Link } from "../../src/connection/internal/link.ts"
import { strangersLimit } from "../../src/connection/internal/options.ts"
import * as Inlet from "../../src/wire/internal/inlet.ts"
import type { Receiver, Transport } from "../../src/wire/Transport.ts"
import { ca, certificate } from "./certificates.ts"
import * as Memory from "./memoryTransport.ts"
import { key } from "./served.ts"
import * as Sockets from "./sockets.ts"
import { rounds } from "./spawned.ts"

const real = ["unix", "tcp", "tls"] as const

type Kind = "memory" | typeof real[number]

/** Over which of them the test that asks runs. */
const Carrier = Context.Reference<Kind>("test/Carrier", { defaultValue: () => "memory" })

/** A test of two ends whose numbers depend on how much is on its way: over memory, which holds as much as it is told. */
export const inMemory = (name: string, run: Effect.Effect<void, unknown, Scope.Scope>, timeout?: number): void => {
  it.live(name, () => Effect.scoped(run), timeout)
}

let turn = 0

/** A test of two ends, over memory and over a connection: over one of each kind in the suite, over all in the soak. */
export const across = (name: string, run: Effect.Effect<void, unknown, Scope.Scope>, timeout?: number): void => {
  const over = (kind: Kind) => inMemory(`${name} (${kind})`, Effect.provideService(run, Carrier, kind), timeout)
  inMemory(name, run, timeout)
  rounds<ReadonlyArray<Kind>>([real[turn++ % real.length]!], real).forEach(over)
}

/** Two ends of what the test runs over. */
export const pair = Effect.fnUntraced(function*(
  options?: Parameters<typeof Memory.pair>[0]
): Effect.fn.Return<[Memory.MemoryTransport, Memory.MemoryTransport], never, Scope.Scope> {
  const kind = yield* Carrier
  if (kind === "memory") return Memory.pair(options)
  const inlet = Inlet.make()
  const [left, right] = yield* Effect.promise(() => sockets(kind, inlet))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      left.destroy()
      right.destroy()
    })
  )
  const a = new Link(left, "b", strangersLimit, inlet)
  const b = new Link(right, "a", strangersLimit)
  yield* Effect.orDie(Effect.all([
    authenticate(a, "client-of-self", key, {}),
    authenticate(b, "listener", key, {})
  ], { concurrency: "unbounded" }))
  const record = options?.record === true
  return [observed(a.toTransport(), left, record), observed(b.toTransport(), right, record)]
})

const sockets = async (kind: typeof real[number], inlet: Inlet.Inlet): Promise<[Net.Socket, Net.Socket]> => {
  if (kind === "unix") return Sockets.connect(inlet)
  const server = kind === "tcp" ? Net.createServer() : Tls.createServer(certificate("listener"))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const accepted = new Promise<Net.Socket>((resolve) =>
    server.once(kind === "tcp" ? "connection" : "secureConnection", resolve)
  )
  const at = { port: (server.address() as Net.AddressInfo).port, host: "127.0.0.1", onread: inlet.onread }
  const socket = kind === "tcp"
    ? Net.connect(at)
    : Tls.connect({ ...at, ca, servername: "localhost" } as Tls.ConnectionOptions)
  const other = await accepted
  server.close()
  return [socket, other]
}

/** A connection, with what a test may see of it and do to it. */
const observed = (transport: Transport, socket: Net.Socket, record: boolean): Memory.MemoryTransport => {
  let arrived = 0
  let receiver: Receiver
  const log: Array<Buffer> = []
  return {
    ...transport,
    start: (to) => {
      receiver = to
      transport.start({
        buffer: to.buffer,
        received: (n) => {
          arrived += n
          to.received(n)
        },
        push: (bytes) => {
          arrived += bytes.length
          to.push(bytes)
        },
        closed: to.closed
      })
    },
    write: (chunks) => {
      if (record) { for (const chunk of chunks) log.push(Buffer.from(chunk)) }
      transport.write(chunks)
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    inject: (bytes) =>
      void setImmediate(() => {
        arrived += bytes.length
        receiver.push(bytes)
      }),
    arrived: () => arrived,
    written: () => Buffer.concat(log)
  }
}
