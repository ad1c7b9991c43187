import { assert, describe, it } from "@effect/vitest"
import { setImmediate } from "node:timers/promises"
import * as Frames from "../../src/wire/internal/frames.ts"
import * as Inlet from "../../src/wire/internal/inlet.ts"
import * as Transport from "../../src/wire/Transport.ts"
import { connect } from "../support/sockets.ts"

/** Takes what arrives, in buffers of its own. */
class Collector implements Transport.Receiver {
  private readonly own = new Uint8Array(10_000)
  private readonly parts: Array<Buffer> = []
  closes = 0
  error: Error | undefined
  readonly buffer = () => this.own
  size = 0
  readonly received = (n: number): void => this.push(this.own.subarray(0, n))
  readonly push = (bytes: Uint8Array): void => {
    this.size += bytes.length
    this.parts.push(Buffer.from(bytes))
  }
  readonly closed = (error: Error | undefined): void => {
    this.closes++
    this.error = error
  }
  get text(): string {
    return Buffer.concat(this.parts).toString("latin1")
  }
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await setImmediate()
}

const frame = (text: string, long = false): Buffer => {
  const header = Buffer.alloc(long ? 12 : 4)
  header.writeInt32BE(long ? -1 : text.length)
  if (long) header.writeBigUInt64BE(BigInt(text.length), 4)
  return Buffer.concat([header, Buffer.from(text, "latin1")])
}

describe("an inlet", () => {
  it("gives frames to a bootstrap and the rest to the session, however the bytes are split", async () => {
    const bytes = Buffer.concat([frame("first"), frame("second, long", true), frame(""), Buffer.from("the session's")])
    for (let size = 1; size <= bytes.length; size++) {
      const inlet = Inlet.make()
      const feed = (part: Uint8Array): void => {
        const into = inlet.onread.buffer()
        into.set(part)
        inlet.onread.callback(part.length)
      }
      const read = (async () => [
        Buffer.from(await Frames.readOne(inlet, 100)).toString(),
        Buffer.from(await Frames.readOne(inlet, 100)).toString(),
        Buffer.from(await Frames.readOne(inlet, 100)).toString()
      ])()
      for (let at = 0; at < bytes.length; at += size) {
        feed(bytes.subarray(at, at + size))
        if (at % 3 === 0) await Promise.resolve()
      }
      assert.deepStrictEqual(await read, ["first", "second, long", ""])
      const collector = new Collector()
      inlet.redirect(collector)
      feed(Buffer.from(" bytes"))
      assert.strictEqual(collector.text, "the session's bytes")
    }
  })

  it("loses nothing when the reader changes while a buffer of the last one is being filled", () => {
    const inlet = Inlet.make()
    const into = inlet.onread.buffer()
    const first = new Collector()
    inlet.redirect(first)
    into.set(Buffer.from("one"))
    inlet.onread.callback(3)
    assert.strictEqual(first.text, "one")
    const theirs = inlet.onread.buffer()
    assert.strictEqual(theirs, first.buffer())
    const second = new Collector()
    inlet.redirect(second)
    theirs.set(Buffer.from("two"))
    inlet.onread.callback(3)
    assert.strictEqual(first.text + second.text, "onetwo")
  })

  it("refuses a frame that is too long before anything is allocated for it", async () => {
    for (
      const bytes of [
        frame("x".repeat(101)),
        Buffer.from("ffffffffffffffffffffffff", "hex"),
        Buffer.from("80000000", "hex")
      ]
    ) {
      const inlet = Inlet.make()
      const read = Frames.readOne(inlet, 100)
      inlet.onread.buffer().set(bytes)
      inlet.onread.callback(bytes.length)
      const error = await read.then(() => undefined, (error: unknown) => error)
      assert.instanceOf(error, RangeError)
      assert.include(String(error), "the limit is 100")
    }
  })

  it("stops reading ahead when nobody reads", () => {
    const inlet = Inlet.make()
    let held = 0
    let goesOn = true
    while (goesOn && held < 10 << 20) {
      held += inlet.onread.buffer().length
      goesOn = inlet.onread.callback(64 << 10)
    }
    assert.isFalse(goesOn)
    assert.isAtMost(held, 1 << 20)
  })

  it("goes on reading what it had stopped to read", async () => {
    const inlet = Inlet.make()
    const [socket, other] = await connect(inlet)
    const sent = Buffer.alloc(8 << 20, "x")
    other.write(sent)
    await until(() => socket.bytesRead >= 1 << 20)
    const collector = new Collector()
    const transport = Transport.fromSocket(socket, { peer: "other", inlet })
    transport.start(collector)
    await until(() => collector.size === sent.length)
    transport.destroy()
    other.destroy()
  })
})

describe("a socket as a transport", () => {
  for (const how of ["onread", "data"] as const) {
    it(`(${how}) delivers what had been read, then what arrives, then its end once`, async () => {
      const inlet = how === "onread" ? Inlet.make() : undefined
      const [socket, other] = await connect(inlet)
      const collector = new Collector()
      const transport = Transport.fromSocket(socket, { peer: "other", inlet, leftover: Buffer.from("before ") })
      assert.strictEqual(transport.peer, "other")
      transport.start(collector)
      assert.strictEqual(collector.text, "before ")
      other.write("after")
      await until(() => collector.text === "before after")
      other.end("!")
      await until(() => collector.closes > 0)
      assert.strictEqual(collector.text, "before after!")
      await until(() => socket.closed)
      assert.deepStrictEqual([collector.closes, collector.error], [1, undefined])
    })

    it(`(${how}) says that the peer has gone while it cannot get rid of what it has to send`, async () => {
      const inlet = how === "onread" ? Inlet.make() : undefined
      const [socket, other] = await connect(inlet)
      other.pause()
      const collector = new Collector()
      const transport = Transport.fromSocket(socket, { peer: "other", inlet })
      transport.start(collector)
      transport.write([new Uint8Array(8 << 20)])
      other.end()
      await until(() => collector.closes === 1)
      assert.isAbove(transport.unsent(), 0)
      transport.destroy()
      await until(() => socket.closed)
      assert.strictEqual(collector.closes, 1)
      other.destroy()
    })
  }

  it("sends chunks in order and says when they are taken", async () => {
    const [socket, other] = await connect()
    const received = new Collector()
    Transport.fromSocket(other, { peer: "socket" }).start(received)
    const transport = Transport.fromSocket(socket, { peer: "other" })
    const taken: Array<number> = []
    transport.taken(() => taken.push(0))
    assert.deepStrictEqual(taken, [])
    transport.write([Buffer.from("a")])
    transport.write([Buffer.from("b"), Buffer.alloc(4 << 20, "c"), Buffer.from("d")])
    assert.isAbove(transport.unsent(), 0)
    transport.taken(() => taken.push(transport.unsent()))
    await until(() => taken.length === 2)
    assert.deepStrictEqual(taken, [0, 0])
    transport.write([Buffer.from("e")])
    transport.end()
    await until(() => received.closes === 1)
    assert.strictEqual(received.text, `ab${"c".repeat(4 << 20)}de`)
  })

  it("calls back also when nothing will ever be taken, and ignores what comes too late", async () => {
    const [socket, other] = await connect()
    other.pause()
    const transport = Transport.fromSocket(socket, { peer: "other" })
    const collector = new Collector()
    transport.start(collector)
    transport.write([new Uint8Array(8 << 20)])
    let taken = 0
    transport.taken(() => taken++)
    transport.destroy()
    await until(() => taken === 1)
    transport.taken(() => taken++)
    transport.write([new Uint8Array(10)])
    transport.end()
    transport.destroy()
    await until(() => taken === 2 && collector.closes === 1)
    other.destroy()
    await until(() => other.closed)
  })

  it("lets its end be heard of by who asks without pause what was taken", async () => {
    const [socket, other] = await connect()
    other.pause()
    const transport = Transport.fromSocket(socket, { peer: "other" })
    const collector = new Collector()
    transport.start(collector)
    transport.write([new Uint8Array(8 << 20)])
    const ask = (): void => {
      if (collector.closes === 0) transport.taken(ask)
    }
    ask()
    other.destroy()
    await until(() => collector.closes === 1)
    transport.destroy()
    await until(() => socket.closed)
  })

  it("that broke says why", async () => {
    const [socket, other] = await connect()
    const collector = new Collector()
    const transport = Transport.fromSocket(socket, { peer: "other" })
    transport.start(collector)
    socket.destroy(new Error("broken"))
    await until(() => collector.closes === 1)
    assert.strictEqual(collector.error?.message, "broken")
    other.destroy()
  })

  it("that is already gone says so", async () => {
    const [socket, other] = await connect()
    socket.destroy()
    await until(() => socket.closed)
    const collector = new Collector()
    Transport.fromSocket(socket, { peer: "other" }).start(collector)
    assert.strictEqual(collector.closes, 0)
    await until(() => collector.closes === 1)
    other.destroy()
  })
})
