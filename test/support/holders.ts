/** Both sides of a passing of descriptors, played by hand: each says what the test has it say, when it does. */
import { Native } from "effect-multiprocessing/Native"
import type * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Handles from "../../src/resource/internal/handles.ts"
import { frame } from "./connections.ts"

type Ticket = Extract<ResourceSharer.Ticket, { readonly path: string }>

const digest = (what: string, token: Uint8Array): Buffer => createHash("sha256").update(what).update(token).digest()

export const claimOf = ({ token }: Ticket): Buffer => frame(Buffer.concat([digest("", token), digest("claim", token)]))

export const grantOf = ({ token }: Ticket): Buffer => frame(digest("grant", token))

export const refusal: Buffer = frame(Buffer.alloc(32))

/** bytes of a claim */
export const claimSize = 68

/** One who has come to the holder. */
export class Customer {
  readonly socket: Net.Socket
  heard: Buffer = Buffer.alloc(0)
  ended = false
  private readonly send: (descriptor: number, bytes: Uint8Array, passed: ReadonlyArray<number>) => number

  constructor(socket: Net.Socket, send: Customer["send"]) {
    this.socket = socket
    this.send = send
    socket.on("error", () => {}).on("close", () => this.ended = true)
    socket.on("data", (bytes) => this.heard = Buffer.concat([this.heard, bytes]))
  }

  /** Says this, with such descriptors. */
  say(bytes: Uint8Array, descriptors: ReadonlyArray<number> = []): void {
    this.send(Handles.ofSocket(this.socket)!.fd, bytes, descriptors)
  }

  /** When so many claims have come. */
  claims(count: number) {
    return waitUntil(() => this.heard.length >= count * claimSize)
  }
}

/** A listener in this user's run directory, beside the desk of a real ticket. */
export const holder = Effect.fnUntraced(function*(beside: ResourceSharer.Ticket) {
  const { system: { sockets } } = yield* Native
  const path = Path.join(Path.dirname((beside as Ticket).path), randomBytes(4).toString("hex"))
  const customers: Array<Customer> = []
  const server = Net.createServer((socket) => customers.push(new Customer(socket, sockets.send)))
  yield* Effect.acquireRelease(
    Effect.promise(() => once(server.listen(path), "listening")),
    () =>
      Effect.sync(() => {
        server.close()
        for (const { socket } of customers) socket.destroy()
      })
  )
  return {
    server,
    customers,
    ticket: (): Ticket => ({ path, token: new Uint8Array(randomBytes(32)) }),
    came: (count: number) => Effect.map(waitUntil(() => customers.length >= count), () => customers[count - 1])
  }
})

/** One end of a pair of sockets as a descriptor, which the caller closes; the other end sees when nobody has it. */
export const watched = Effect.fnUntraced(function*() {
  const server = Net.createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1")
  yield* Effect.promise(() => once(server, "listening"))
  const near = Net.connect((server.address() as Net.AddressInfo).port, "127.0.0.1")
  const [far] = yield* Effect.promise(() => once(server, "connection") as Promise<[Net.Socket]>)
  server.close()
  let isHeld = true
  near.on("error", () => {}).on("close", () => isHeld = false).resume()
  yield* Effect.addFinalizer(() => Effect.sync(() => near.destroy()))
  const { system: { sockets } } = yield* Native
  const descriptor = sockets.duplicate(Handles.ofSocket(far)!.fd)
  // The descriptor stays: destroying one of two duplicates does not end the connection.
  far.destroy()
  return { descriptor, close: () => Fs.closeSync(descriptor), isHeld: () => isHeld }
})
