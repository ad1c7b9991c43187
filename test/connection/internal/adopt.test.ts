import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import * as Net from "node:net"
import { adopt } from "../../../src/connection/internal/adopt.ts"
import { FrameReader } from "../../../src/connection/internal/frameReader.ts"
import { Link } from "../../../src/connection/internal/link.ts"
import type { Receiver } from "../../../src/wire/Transport.ts"

/** A server of one connection, and both its ends. */
const connected = async (): Promise<{ server: Net.Server; near: Net.Socket; accepted: Net.Socket }> => {
  const server = Net.createServer({ pauseOnConnect: true })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const near = Net.connect((server.address() as Net.AddressInfo).port, "127.0.0.1")
  const [accepted] = await once(server, "connection") as [Net.Socket]
  return { server, near, accepted }
}

/** Counts bytes, and what they were read into. */
const counting = () => {
  const own = new Uint8Array(1000)
  const count = { inPlace: 0, pushed: 0 }
  const receiver: Receiver = {
    buffer: () => own,
    received: (n) => void (count.inPlace += n),
    push: (bytes) => void (count.pushed += bytes.length),
    closed: () => {}
  }
  return { count, receiver }
}

const connections = (server: Net.Server): Promise<number> =>
  new Promise((resolve, reject) => server.getConnections((error, n) => error === null ? resolve(n) : reject(error)))

describe("an accepted socket", () => {
  it("is read straight into place, stops and goes on, and loses nothing", async () => {
    const { accepted, near, server } = await connected()
    near.write(Buffer.alloc(10))
    const { count, receiver } = counting()
    assert.isDefined(adopt(accepted, receiver), "this Node.js does not go along")
    accepted.resume()
    await Effect.runPromise(waitUntil(() => count.inPlace + count.pushed === 10))
    accepted.pause()
    near.write(Buffer.alloc(200_000))
    accepted.resume()
    near.end()
    await once(accepted, "end")
    assert.deepStrictEqual(count, { inPlace: 200_010, pushed: 0 })
    server.close()
    await Promise.all([once(accepted, "close"), once(near, "close"), once(server, "close")])
  })

  it("is counted by its server until it is closed, which closes then", async () => {
    const { accepted, near, server } = await connected()
    adopt(accepted, counting().receiver)
    assert.strictEqual(await connections(server), 1)
    assert.strictEqual(accepted.remotePort, (near.address() as Net.AddressInfo).port)
    server.close()
    const closed = once(server, "close")
    accepted.destroy()
    near.resume()
    await Promise.all([closed, once(near, "close")])
    assert.strictEqual(await connections(server).catch(() => 0), 0)
  })

  it("is told of a reset", async () => {
    const { accepted, near, server } = await connected()
    adopt(accepted, counting().receiver)
    const error = once(accepted, "error")
    accepted.resume()
    near.resetAndDestroy()
    const [{ code }] = await error as [NodeJS.ErrnoException]
    assert.strictEqual(code, "ECONNRESET")
    server.close()
    await once(server, "close")
  })

  it("whose handle is gone stays as it is", async () => {
    const { accepted, near, server } = await connected()
    near.resume()
    accepted.destroy()
    await once(accepted, "close")
    assert.isUndefined(adopt(accepted, counting().receiver))
    server.close()
    await once(server, "close")
  })

  it("of a Node.js that does not go along is read by its events", async () => {
    const { accepted, near, server } = await connected()
    const { _handle: handle } = accepted as unknown as { readonly _handle: object }
    let owner = handle
    while (!Object.hasOwn(owner, "useUserBuffer")) owner = Object.getPrototypeOf(owner)
    const property = Object.getOwnPropertyDescriptor(owner, "useUserBuffer")!
    Reflect.deleteProperty(owner, "useUserBuffer")
    const reader = new FrameReader(100)
    const inlet = adopt(accepted, reader)
    Object.defineProperty(owner, "useUserBuffer", property)
    assert.isUndefined(inlet)
    const link = new Link(accepted, "near", 100, inlet, reader)
    near.write(Buffer.from([0, 0, 0, 3, 1, 2, 3]))
    assert.deepStrictEqual([...await Effect.runPromise(link.receiveBytes())], [1, 2, 3])
    near.end()
    const { reason } = await Effect.runPromise(Effect.flip(link.receiveBytes()))
    assert.strictEqual(reason._tag, "EndOfStream")
    await Effect.runPromise(link.close)
    server.close()
    await once(server, "close")
  })

  it("whose bytes somebody else has read into place already stays as it is", async () => {
    const { accepted, near, server } = await connected()
    const first = counting()
    assert.isDefined(adopt(accepted, first.receiver))
    assert.isUndefined(adopt(accepted, counting().receiver))
    accepted.resume()
    near.end(Buffer.alloc(10))
    await once(accepted, "end")
    assert.deepStrictEqual(first.count, { inPlace: 10, pushed: 0 })
    server.close()
    await Promise.all([once(near, "close"), once(server, "close")])
  })
})
